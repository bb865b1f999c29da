//! Answers discovery: a server's metadata, and a copy of its issuer's (RFC 9728, RFC 8414).

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, RETRY_AFTER, VARY},
    request::Parts,
};
use serde_json::json;

use crate::{
    decide::{
        fields::cors::{self, CorsKind},
        refusal::Refusal,
        resource_server::early_clients::{self, VERSION_HEADER},
    },
    inbound::{
        answer::{
            reply::{self, preflight},
            reply_body::ReplyBody,
        },
        request::context::RequestContext,
        state::server::MetadataDocument,
    },
    outbound::discover::Discovery,
};

/// Long enough to save requests, and short enough that clients soon see a changed list of issuers
/// (RFC 9728 §7.10).
const PUBLIC_FOR_A_WHILE: HeaderValue = HeaderValue::from_static("public, max-age=600");
/// The methods of a metadata document.
const METHODS: &str = "GET, HEAD, OPTIONS";
/// An earlier retry would get the same failure, which is remembered.
const RETRY_AFTER_SECS: u64 = 5;

/// The protected resource metadata of a server.
pub(in crate::inbound) fn resource(head: &Parts, document: &MetadataDocument) -> Response<ReplyBody> {
    if let Some(response) = unless_read(head) {
        return response;
    }
    public(if is_current(head, &document.etag) {
        cached(reply::empty(StatusCode::NOT_MODIFIED), Some(&document.etag))
    } else {
        cached(reply::json(StatusCode::OK, document.body.clone()), Some(&document.etag))
    })
}

/// The issuer's metadata: clients of 2025-03-26 look for it at the resource. They get what they can
/// read of it, all others get it unchanged.
pub(in crate::inbound) async fn issuer(head: &Parts, discovery: &Discovery) -> Response<ReplyBody> {
    if let Some(response) = unless_read(head) {
        return response;
    }
    public(match discovery.document().await {
        Ok(document) => {
            let is_early = early_clients::is_early(head.headers.get(VERSION_HEADER).map(HeaderValue::as_bytes));
            let readable = if is_early { early_clients::readable(&document) } else { None };
            let mut response = cached(reply::json(StatusCode::OK, readable.map_or(document, Bytes::from)), None);
            response.headers_mut().append(VARY, HeaderValue::from_static(VERSION_HEADER));
            response
        }
        Err(_) => {
            let issuer = discovery.issuer();
            let about = match discovery.lines_to_write() {
                Some(lines) => format!(
                    "the metadata of the authorization server {issuer} names another issuer; if it is the right one, \
                     the operator of this gateway must write: {lines}"
                ),
                None => format!(
                    "the metadata of the authorization server {issuer} cannot be fetched now; try again in \
                     {RETRY_AFTER_SECS} s"
                ),
            };
            let mut response = reply::json(StatusCode::SERVICE_UNAVAILABLE, told("temporarily_unavailable", &about));
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECS));
            response
        }
    })
}

/// An error as OAuth writes it (RFC 7591 §3.2.2): clients show the description.
pub(super) fn told(error: &str, about: &str) -> String {
    json!({"error": error, "error_description": about}).to_string()
}

/// The answer to any method other than GET and HEAD.
fn unless_read(head: &Parts) -> Option<Response<ReplyBody>> {
    match head.method {
        Method::GET | Method::HEAD => None,
        Method::OPTIONS => Some(preflight(&head.headers, None, CorsKind::Discovery, METHODS)),
        _ => Some(public(reply::refuse(&Refusal::Method(METHODS), &RequestContext::default(), None))),
    }
}

/// Lets every web page read the answer, refusals too.
fn public(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    cors::expose(None, CorsKind::Discovery, response.headers_mut());
    response
}

/// Whether the client already has what `etag` names.
pub(super) fn is_current(head: &Parts, etag: &HeaderValue) -> bool {
    head.headers.get(IF_NONE_MATCH).is_some_and(|wanted| {
        let wanted = wanted.as_bytes();
        wanted == b"*" || wanted.split(|b| *b == b',').any(|one| one.trim_ascii() == etag.as_bytes())
    })
}

fn cached(mut response: Response<ReplyBody>, etag: Option<&HeaderValue>) -> Response<ReplyBody> {
    response.headers_mut().insert(CACHE_CONTROL, PUBLIC_FOR_A_WHILE);
    if let Some(etag) = etag {
        response.headers_mut().insert(ETAG, etag.clone());
    }
    response
}

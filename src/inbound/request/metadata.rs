//! Answers discovery: the resource's own document, and the mirror of its issuer's (RFC 9728, RFC 8414).

use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH},
    request::Parts,
};

use crate::{
    decide::{
        origin::cors::{self, Kind},
        refusal::Refusal,
    },
    inbound::{
        answer::reply::{self, Known, ReplyBody},
        request::service::preflight,
        state::server::Server,
    },
    outbound::discover::Discovery,
};

/// Long enough to spare us, short enough that a changed list of issuers is not hidden for hours (RFC 9728 §7.10).
const PUBLIC_FOR_A_WHILE: HeaderValue = HeaderValue::from_static("public, max-age=600");
/// What a document takes.
const METHODS: &str = "GET, HEAD, OPTIONS";
/// After a failed fetch of an issuer's metadata, asking again sooner brings nothing new.
const RETRY_AFTER_SECS: u64 = 5;

/// The resource's document.
pub(in crate::inbound) fn resource(head: &Parts, server: &Server) -> Response<ReplyBody> {
    if let Some(response) = unless_read(head) {
        return response;
    }
    public(if is_current(head, &server.metadata.etag) {
        cached(reply::empty(StatusCode::NOT_MODIFIED), Some(&server.metadata.etag))
    } else {
        cached(reply::json(StatusCode::OK, server.metadata.body.clone()), Some(&server.metadata.etag))
    })
}

/// The mirror of the issuer's document, its `issuer` unchanged: for clients of 2025-03-26, which look for it here.
pub(in crate::inbound) async fn issuer(head: &Parts, discovery: &Discovery) -> Response<ReplyBody> {
    if let Some(response) = unless_read(head) {
        return response;
    }
    public(match discovery.document().await {
        Ok(document) => cached(reply::json(StatusCode::OK, document), None),
        Err(_) => {
            let refusal = Refusal::KeysUnavailable { retry_after_secs: RETRY_AFTER_SECS };
            reply::refuse(&refusal, &Known::default(), None)
        }
    })
}

/// The answer to whatever is not a GET or HEAD.
fn unless_read(head: &Parts) -> Option<Response<ReplyBody>> {
    match head.method {
        Method::GET | Method::HEAD => None,
        Method::OPTIONS => Some(preflight(&head.headers, None, Kind::Discovery, METHODS)),
        _ => Some(public(reply::refuse(&Refusal::Method(METHODS), &Known::default(), None))),
    }
}

/// Lets every page read it, refusals too.
fn public(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    cors::expose(None, Kind::Discovery, response.headers_mut());
    response
}

fn is_current(head: &Parts, etag: &HeaderValue) -> bool {
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

//! Answers a request for one of the operator's documents.

use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG},
    request::Parts,
};

use crate::{
    decide::{
        fields::{
            cors::{self, CorsKind},
            sandbox,
        },
        refusal::Refusal,
    },
    inbound::{
        answer::{
            reply::{self, preflight},
            reply_body::ReplyBody,
        },
        request::metadata::is_current,
        state::documents::Document,
    },
};

/// Short, because others check a domain by such a document right after it was changed.
const PUBLIC_FOR_A_MINUTE: HeaderValue = HeaderValue::from_static("public, max-age=60");
const METHODS: &str = "GET, HEAD, OPTIONS";

/// The document, or why it is not sent.
///
/// # Errors
/// [`Refusal::Method`], and [`Refusal::ServiceWorker`] (attack 267).
pub(in crate::inbound) fn answer(head: &Parts, document: &Document) -> Result<Response<ReplyBody>, Refusal> {
    sandbox::check_request(&head.headers)?;
    let mut response = match head.method {
        Method::OPTIONS => return Ok(preflight(&head.headers, None, CorsKind::Discovery, METHODS)),
        Method::GET | Method::HEAD if is_current(head, &document.etag) => reply::empty(StatusCode::NOT_MODIFIED),
        Method::GET | Method::HEAD => {
            let mut response = reply::whole(document.body.clone());
            response.headers_mut().insert(CONTENT_TYPE, document.content_type.clone());
            response
        }
        _ => return Err(Refusal::Method(METHODS)),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, PUBLIC_FOR_A_MINUTE);
    headers.insert(ETAG, document.etag.clone());
    sandbox::confine(headers);
    cors::expose(None, CorsKind::Discovery, headers);
    Ok(response)
}

//! Answers made by the gateway. Every refusal becomes an HTTP response here.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{
    base::{limits::UPSTREAM_BUSY_RETRY_SECS, media},
    decide::{
        fields::cors::{self, CorsKind},
        mcp::{
            error::{self, about::About},
            request::target::Target,
        },
        refusal::Refusal,
    },
    inbound::{answer::reply_body::ReplyBody, request::context::RequestContext, state::server::Server},
};

const JSON: HeaderValue = HeaderValue::from_static(media::JSON);
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A JSON answer.
pub(in crate::inbound) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<ReplyBody> {
    let body = body.into();
    let mut response = Response::new(ReplyBody::Whole((!body.is_empty()).then_some(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// An answer without a body.
pub(in crate::inbound) fn empty(status: StatusCode) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Whole(None));
    *response.status_mut() = status;
    response
}

/// Answers `OPTIONS` without a token: preflights carry no credential (SPEC A-60).
pub(in crate::inbound) fn preflight(
    asked: &HeaderMap,
    origin: Option<&HeaderValue>,
    kind: CorsKind,
    allowed: &'static str,
) -> Response<ReplyBody> {
    let mut response = empty(StatusCode::NO_CONTENT);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    cors::preflight(asked, origin, kind, response.headers_mut());
    response
}

/// Turns `refusal` into the answer of its row. `server` is the server that the path names, if any.
pub(in crate::inbound) fn refuse(
    refusal: &Refusal,
    context: &RequestContext,
    server: Option<&Server>,
) -> Response<ReplyBody> {
    let caller = context.caller.as_deref();
    let required = match (refusal, server) {
        (Refusal::Scope { needed }, Some(server)) => server.challenges.asked(needed, caller),
        _ => Vec::new(),
    };
    let about = About {
        refusal,
        id: context.id.as_ref(),
        method: context.method.as_deref(),
        target: context.target.as_ref(),
        caller,
        required_scopes: &required,
    };
    if server.is_some_and(|server| server.deny_as_tool_error) && is_denied_tool_call(refusal, context) {
        return json(StatusCode::OK, error::tool_result(&about, context.era));
    }
    let row = refusal.row();
    let mut response = json(row.status, error::body(&about));
    let headers = response.headers_mut();
    if let Some(challenge) = server.and_then(|server| server.challenges.header(refusal, caller)) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    match refusal {
        Refusal::Method(allowed) => {
            headers.insert(ALLOW, HeaderValue::from_static(allowed));
        }
        Refusal::KeysUnavailable { retry_after_secs } => {
            headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after_secs));
        }
        Refusal::UpstreamBusy => {
            headers.insert(RETRY_AFTER, HeaderValue::from(UPSTREAM_BUSY_RETRY_SECS));
        }
        Refusal::TooManyStreams | Refusal::TooManyRequests | Refusal::TooManyBodyBytes => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // Many callers wait at once.
        Refusal::OverloadedRequests | Refusal::OverloadedBodyBytes | Refusal::OverloadedDescriptors => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        Refusal::TooManySessions | Refusal::TooManyTasks => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("60"));
        }
        Refusal::ContentCoding => {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        _ => {}
    }
    response
}

/// For `deny_as: tool_error`: a call with an id that policy refused.
fn is_denied_tool_call(refusal: &Refusal, context: &RequestContext) -> bool {
    matches!(refusal, Refusal::Scope { .. } | Refusal::Forbidden { .. } | Refusal::NoRule)
        && matches!(context.target, Some(Target::Tool(_)))
        && context.id.is_some()
}

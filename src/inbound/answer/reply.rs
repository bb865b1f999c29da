//! Answers made by the gateway. Every refusal becomes an HTTP response here.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
};

use crate::{
    base::{media, names::Scope},
    decide::{
        fields::cors::{self, CorsKind},
        mcp::{
            denial::DenialForm,
            error::{self, about::About},
        },
        refusal::{
            Refusal,
            row::{ChallengeKind, Row},
        },
        token::caller::Caller,
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

/// An answer with these bytes and no fields yet.
pub(in crate::inbound) fn whole(body: Bytes) -> Response<ReplyBody> {
    Response::new(ReplyBody::Whole((!body.is_empty()).then_some(body)))
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
    let granted = caller.map(Caller::scopes).unwrap_or_default();
    let row = refusal.row();
    let required = match (row.needed(), server) {
        (Some(needed), Some(server)) => server.published.challenges.asked(needed, granted),
        (None, _) | (_, None) => Vec::new(),
    };
    let takes_keys_alone = server.is_some_and(|server| server.issuers.is_empty());
    let about = About { required_scopes: &required, takes_keys_alone, ..about(refusal, context) };
    if server.is_some_and(|server| server.deny_as.form(&about) == DenialForm::ToolError) {
        let challenge = server.and_then(|server| in_result(row, context, server, granted));
        let challenge = challenge.as_ref().and_then(|challenge| challenge.to_str().ok());
        let about = About { refusal: as_result(refusal, takes_keys_alone), ..about };
        return json(StatusCode::OK, error::tool_result(&about, context.era, challenge));
    }
    let mut response = json(row.status, error::body(&about));
    let headers = response.headers_mut();
    let challenges = server.map(|server| &server.published(context.ending).challenges);
    if let Some(challenge) = challenges.and_then(|challenges| challenges.header(row.challenge, granted)) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some((name, value)) = row.hint.field() {
        headers.insert(name, value);
    }
    response
}

/// The challenge of a refusal that is answered with a result. It always names an error, because a
/// client asks its user only then.
fn in_result(row: Row<'_>, context: &RequestContext, server: &Server, granted: &[Scope]) -> Option<HeaderValue> {
    let challenges = &server.published(context.ending).challenges;
    match row.challenge {
        ChallengeKind::Scope(_) => challenges.header(row.challenge, granted),
        ChallengeKind::SignIn(needed) => challenges.sign_in_error(needed),
        // No scope would help, or the body was not read.
        ChallengeKind::None | ChallengeKind::Bare | ChallengeKind::Error(..) => None,
    }
}

/// What a result says: where no token would help, it does not ask for one.
fn as_result(refusal: &Refusal, takes_keys_alone: bool) -> &Refusal {
    if *refusal == Refusal::NoCredential && !takes_keys_alone { &Refusal::NoRule } else { refusal }
}

/// The form of the answer that [`refuse`] makes.
pub(in crate::inbound) fn form(refusal: &Refusal, context: &RequestContext, server: &Server) -> DenialForm {
    server.deny_as.form(&about(refusal, context))
}

fn about<'a>(refusal: &'a Refusal, context: &'a RequestContext) -> About<'a> {
    About {
        refusal,
        id: context.id.as_ref(),
        method: context.method.as_deref(),
        target: context.target.as_ref(),
        caller: context.caller.as_deref(),
        required_scopes: &[],
        takes_keys_alone: false,
    }
}

#[cfg(test)]
mod tests;

//! What leaves the authorization server: JSON, pages and redirects with the headers that each must have, and what happens once it was written.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, CACHE_CONTROL,
        CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, PRAGMA, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE,
        WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use serde_json::{Value, json};

use crate::{
    decide::{
        authorization_server::error::{Code, OAuthError},
        routing::IssuerEndpoint,
    },
    issuer::{Asked, seal::digest_of, store::StoreFault},
};

#[cfg(test)]
mod tests;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const ANY: HeaderValue = HeaderValue::from_static("*");
/// What clients in browsers send to us.
const ALLOWED_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, accept, mcp-protocol-version");
/// What they must be able to read of a refusal.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("WWW-Authenticate, Retry-After");
/// Seconds that a preflight holds.
const PREFLIGHT_SECS: HeaderValue = HeaderValue::from_static("600");
/// When a store or an identity provider that is away is worth another try.
const RETRY_SECS: u64 = 5;

/// Runs once the whole answer was handed to the connection; dropped without having run where it was not.
pub type Sent = Box<dyn FnOnce() + Send>;

/// An answer.
pub struct Answer {
    /// The answer, whole.
    pub response: Response<Bytes>,
    /// What to do once it was written out.
    pub sent: Option<Sent>,
}

impl From<Response<Bytes>> for Answer {
    fn from(response: Response<Bytes>) -> Self {
        Self { response, sent: None }
    }
}

/// A refusal, and when to come again where it is one of those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Denied {
    /// Why.
    pub(super) error: OAuthError,
    /// What `Retry-After` says.
    pub(super) wait: Option<Duration>,
}

impl From<OAuthError> for Denied {
    fn from(error: OAuthError) -> Self {
        let wait = matches!(error.code, Code::TemporarilyUnavailable | Code::SlowDown);
        Self { error, wait: wait.then_some(Duration::from_secs(RETRY_SECS)) }
    }
}

impl From<StoreFault> for Denied {
    fn from(fault: StoreFault) -> Self {
        OAuthError::from(fault).into()
    }
}

impl From<StoreFault> for OAuthError {
    /// Never our fault's text: the log has it (SPEC D-34).
    fn from(fault: StoreFault) -> Self {
        tracing::warn!(target: "portcullis::issuer", %fault, "a request gets 503");
        Code::TemporarilyUnavailable.because("what is needed to answer cannot be reached at the moment")
    }
}

impl Denied {
    /// Too many attempts.
    pub(super) fn slow_down(wait: Duration) -> Self {
        Self { error: Code::SlowDown.because("too many attempts"), wait: Some(wait) }
    }
}

/// JSON that nobody may store, readable by pages of every origin, without credentials (SPEC E-20, E-28).
pub(super) fn json(status: StatusCode, body: &Value) -> Answer {
    let mut response = public(status, body.to_string().into());
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    // RFC 6749 §5.1 wants it beside the other.
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response.into()
}

/// JSON of every origin's, with nothing said about storing it yet.
pub(super) fn public(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    response
}

/// A refusal as JSON: 401 carries `WWW-Authenticate: Basic` where `basic` says that the client tried that (RFC 6749 §5.2).
pub(super) fn refuse(error: &OAuthError, basic: bool) -> Answer {
    deny(&Denied::from(error.clone()), basic)
}

/// The same where it may be known when to come again.
pub(super) fn deny(denied: &Denied, basic: bool) -> Answer {
    let (word, status) = denied.error.code.row();
    let mut answer = json(status, &json!({"error": word, "error_description": denied.error.description}));
    let headers = answer.response.headers_mut();
    let challenge = match denied.error.code {
        Code::InvalidToken => Some(HeaderValue::from_static("Bearer error=\"invalid_token\"")),
        _ if status == StatusCode::UNAUTHORIZED && basic => {
            Some(HeaderValue::from_static("Basic realm=\"token\", charset=\"UTF-8\""))
        }
        _ => None,
    };
    if let Some(challenge) = challenge {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(wait) = denied.wait {
        retry_after(&mut answer, wait);
    }
    answer
}

/// Says when to come again: whole seconds, and never so few that the next attempt comes too soon.
pub(super) fn retry_after(answer: &mut Answer, wait: Duration) {
    let secs = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
    answer.response.headers_mut().insert(RETRY_AFTER, secs.into());
}

/// 303 to `location`, never to be stored, no referrer (SPEC D-55, E-18).
pub(super) fn redirect(location: &str, cookies: &[String]) -> Answer {
    let Ok(location) = HeaderValue::try_from(location) else {
        return refuse(&Code::ServerError.because("an address that no header can carry"), false);
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(REFERRER_POLICY, NO_REFERRER);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    set(headers, cookies);
    response.into()
}

/// A page, with a policy that permits no script, no frame and no form but to ourselves and `form_targets` (SPEC D-02, E-18).
pub(super) fn page(status: StatusCode, html: String, cookies: &[String], form_targets: &[&str]) -> Answer {
    let policy = policy(&html, form_targets);
    // Under `no-referrer` browsers send `Origin: null` with a form, and what comes from our own page could not be told
    // from what comes from another's.
    let referrer = if html.contains("<form") { HeaderValue::from_static("same-origin") } else { NO_REFERRER };
    let mut response = Response::new(html.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(REFERRER_POLICY, referrer);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    set(headers, cookies);
    response.into()
}

/// The style is permitted by its digest, and no other can stand in the page. Browsers check where a form's answer redirects
/// to against `form-action`, too, so that the client's address must be in it.
fn policy(html: &str, form_targets: &[&str]) -> HeaderValue {
    let style = html.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let style = match style {
        Some((style, _)) => format!("'sha256-{}'", STANDARD.encode(digest_of(style.as_bytes()))),
        None => "'none'".to_owned(),
    };
    let mut policy =
        format!("default-src 'none'; style-src {style}; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
    for target in form_targets.iter().filter_map(|target| form_target(target)) {
        policy.push(' ');
        policy.push_str(target);
    }
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ))
}

/// A target as `form-action` can say it: an origin or a scheme. Nothing that would end the directive and begin another.
fn form_target(target: &str) -> Option<&str> {
    if target.is_empty() || !target.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+:/[]_".contains(&b)) {
        return None;
    }
    // The grammar of CSP knows no IPv6 address (CSP3 §2.3.1): its scheme is the next best.
    match target.split_once("://[") {
        Some(("http", _)) => Some("http:"),
        Some(("https", _)) => Some("https:"),
        Some(_) => None,
        None => Some(target),
    }
}

fn set(headers: &mut HeaderMap, cookies: &[String]) {
    for cookie in cookies.iter().filter_map(|cookie| HeaderValue::try_from(cookie).ok()) {
        headers.append(SET_COOKIE, cookie);
    }
}

/// `OPTIONS`: CORS for metadata, keys, token, registration, revocation and introspection; none for pages (SPEC E-07).
pub(super) fn preflight(asked: &Asked<'_>) -> Answer {
    let methods = methods(asked.endpoint);
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(methods));
    let wanted = asked.head.headers.get(ACCESS_CONTROL_REQUEST_METHOD);
    let is_ours = wanted.is_none_or(|wanted| methods.split(", ").any(|method| wanted == method));
    if !is_page(asked.endpoint) && is_ours {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECS);
    }
    response.into()
}

/// 405 with `Allow`.
pub(super) fn method_not_allowed(asked: &Asked<'_>) -> Answer {
    let mut response = match (is_page(asked.endpoint), &asked.head.method) {
        (true, _) => {
            let mut response = Response::new(Bytes::new());
            response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
            response
        }
        (false, &Method::HEAD) => json(StatusCode::OK, &Value::Null).response.map(|_| Bytes::new()),
        (false, _) => {
            let (word, _) = Code::InvalidRequest.row();
            json(StatusCode::OK, &json!({"error": word, "error_description": "another method is expected here"}))
                .response
        }
    };
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods(asked.endpoint)));
    response.into()
}

/// Nothing here: what is switched off.
pub(super) fn not_found() -> Answer {
    let mut answer = json(StatusCode::NOT_FOUND, &Value::Null);
    *answer.response.body_mut() = Bytes::new();
    answer.response.headers_mut().remove(HeaderName::from_static("content-type"));
    answer
}

fn is_page(endpoint: IssuerEndpoint) -> bool {
    use IssuerEndpoint as E;
    match endpoint {
        E::Authorize | E::Login | E::Consent | E::Callback => true,
        E::Metadata | E::Jwks | E::Token | E::Register | E::Revoke | E::Introspect => false,
    }
}

fn methods(endpoint: IssuerEndpoint) -> &'static str {
    use IssuerEndpoint as E;
    match endpoint {
        E::Metadata | E::Jwks => "GET, HEAD, OPTIONS",
        E::Authorize | E::Callback => "GET, OPTIONS",
        E::Login | E::Consent => "GET, POST, OPTIONS",
        E::Token | E::Register | E::Revoke | E::Introspect => "POST, OPTIONS",
    }
}

//! Answers of the embedded server: JSON, pages and redirects, with the headers that each must have.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, LOCATION, PRAGMA, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
        WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use serde_json::{Value, json};

use crate::{
    authorization_server::{delivery::OnDelivered, embedded::Embedded, store::fault::StoreFault},
    base::{digest::sha256, media, names::is_loopback_name},
    decide::authorization_server::error::{Code, OAuthError},
    observe::record::Ungranted,
};

#[cfg(test)]
mod tests;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
/// Response headers that clients in browsers must be able to read.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("WWW-Authenticate, Retry-After");
/// `Retry-After` while the store or the IdP cannot be reached.
const RETRY_SECS: u64 = 5;

/// An answer of an endpoint.
pub struct EndpointAnswer {
    /// The whole answer.
    pub response: Response<Bytes>,
    /// Runs once the connection has taken the whole answer.
    pub on_delivered: Option<OnDelivered>,
    /// What a client asked for and its user does not get, for the audit line.
    pub ungranted: Option<Box<Ungranted>>,
}

impl From<Response<Bytes>> for EndpointAnswer {
    fn from(response: Response<Bytes>) -> Self {
        Self { response, on_delivered: None, ungranted: None }
    }
}

impl EndpointAnswer {
    /// The same answer, with what the user does not get.
    pub(crate) fn without(self, ungranted: Option<Box<Ungranted>>) -> Self {
        Self { ungranted, ..self }
    }
}

/// A refusal, with a `Retry-After` if the client may try again later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    /// Why.
    pub(crate) error: OAuthError,
    /// `Retry-After`.
    pub(crate) wait: Option<Duration>,
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

impl Denied {
    /// Too many attempts.
    pub(crate) fn slow_down(wait: Duration) -> Self {
        Self { error: Code::SlowDown.because("too many attempts"), wait: Some(wait) }
    }
}

/// JSON that no cache may store, readable by pages of every origin, without credentials (SPEC E-20,
/// E-28).
pub(crate) fn json(status: StatusCode, body: &Value) -> EndpointAnswer {
    let mut response = public(status, body.to_string().into());
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    // RFC 6749 §5.1 requires it as well.
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response.into()
}

/// JSON that pages of every origin may read; the caller sets `Cache-Control`.
pub(crate) fn public(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media::JSON));
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    response
}

/// A refusal as JSON. `basic`: the client tried `Authorization: Basic`, so a 401 carries that
/// challenge (RFC 6749 §5.2).
pub(crate) fn refuse(error: &OAuthError, basic: bool) -> EndpointAnswer {
    deny(&Denied::from(error.clone()), basic)
}

/// As [`refuse`], with the `Retry-After` of `denied`.
pub(crate) fn deny(denied: &Denied, basic: bool) -> EndpointAnswer {
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

/// Sets `Retry-After`: whole seconds, rounded up, at least one.
pub(crate) fn retry_after(answer: &mut EndpointAnswer, wait: Duration) {
    let secs = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
    answer.response.headers_mut().insert(RETRY_AFTER, secs.into());
}

/// 303 to `location`, without referrer, not to be cached (SPEC D-55, E-18).
pub(crate) fn redirect(location: &str, cookies: &[String]) -> EndpointAnswer {
    let Ok(location) = HeaderValue::try_from(location) else {
        return refuse(&Code::ServerError.because("the address cannot be sent in a header"), false);
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

/// Where the forms of a page may lead. Chromium applies `form-action` also to all redirects that
/// follow a form, to the last site of a chain that begins at the client (login B4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormTargets {
    /// To this server alone: for a page that takes a password or a code.
    Own,
    /// To this server, whose answer may be a redirect to any site: for a page without a secret.
    AndOnward,
}

/// A page. Its policy permits no script and no frame (SPEC D-02, E-18).
pub(crate) fn page(status: StatusCode, html: String, cookies: &[String], forms: FormTargets) -> EndpointAnswer {
    let policy = policy(&html, forms);
    // Under `no-referrer` browsers send `Origin: null` with a form; a form from this server's page
    // would look like one from another site.
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

/// The style sheet is permitted by its digest, and no other style applies.
fn policy(html: &str, forms: FormTargets) -> HeaderValue {
    const REST: &str = "frame-ancestors 'none'; base-uri 'none'";
    let style = html.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let style = match style {
        Some((style, _)) => format!("'sha256-{}'", STANDARD.encode(sha256(style.as_bytes()))),
        None => "'none'".to_owned(),
    };
    // `default-src` says nothing about forms.
    let forms = match forms {
        FormTargets::Own => "; form-action 'self'",
        FormTargets::AndOnward => "",
    };
    HeaderValue::try_from(format!("default-src 'none'; style-src {style}; {REST}{forms}")).unwrap_or(
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
    )
}

/// Sets cookies.
pub(crate) fn set(headers: &mut HeaderMap, cookies: &[String]) {
    for cookie in cookies.iter().filter_map(|cookie| HeaderValue::try_from(cookie).ok()) {
        headers.append(SET_COOKIE, cookie);
    }
}

/// Has the browser leave a page for `location` at once, also without scripts. Unlike a redirect
/// this is a new navigation, to which the policy of the page before does not apply.
pub(crate) fn refresh(answer: &mut EndpointAnswer, location: &str) {
    if let Ok(refresh) = HeaderValue::try_from(format!("0; url={location}")) {
        answer.response.headers_mut().insert(HeaderName::from_static("refresh"), refresh);
    }
}

/// An empty answer to a request that only looks.
pub(crate) fn nothing() -> EndpointAnswer {
    let mut response = Response::new(Bytes::new());
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response.into()
}

/// Tells browsers to ask this host over TLS alone (RFC 6797), if it is asked so now. Not on this
/// machine, where servers of other projects share the host name.
pub(crate) fn only_over_tls(embedded: &Embedded, answer: &mut EndpointAnswer) {
    let host = embedded.settings.issuer.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    if embedded.is_https() && host.is_some_and(|host| !is_loopback_name(&host)) {
        answer.response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, A_YEAR);
    }
}

/// 404: the endpoint is switched off.
pub(crate) fn not_found() -> EndpointAnswer {
    let mut answer = json(StatusCode::NOT_FOUND, &Value::Null);
    *answer.response.body_mut() = Bytes::new();
    answer.response.headers_mut().remove(HeaderName::from_static("content-type"));
    answer
}

//! Which methods each endpoint takes: preflight, and 405 for the others.

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, CACHE_CONTROL,
    },
};
use serde_json::{Value, json};

use crate::{
    authorization_server::{
        embedded::Asked,
        reply::{self, EndpointAnswer},
    },
    decide::{authorization_server::error::Code, routing::IssuerEndpoint},
};

#[cfg(test)]
mod tests;

/// Request headers that clients in browsers send.
const ALLOWED_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, accept, mcp-protocol-version");
/// How long browsers may cache a preflight, in seconds.
const PREFLIGHT_SECS: HeaderValue = HeaderValue::from_static("600");

/// `OPTIONS`: CORS for metadata, keys, token, registration, revocation and introspection; none for
/// pages (SPEC E-07).
pub(crate) fn preflight(asked: &Asked<'_>) -> EndpointAnswer {
    let methods = methods(asked.endpoint);
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(methods));
    let wanted = asked.head.headers.get(ACCESS_CONTROL_REQUEST_METHOD);
    let is_allowed = wanted.is_none_or(|wanted| methods.split(", ").any(|method| wanted == method));
    if !is_page(asked.endpoint) && is_allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECS);
    }
    response.into()
}

/// 405 with `Allow`.
pub(crate) fn not_allowed(asked: &Asked<'_>) -> EndpointAnswer {
    let mut response = match (is_page(asked.endpoint), &asked.head.method) {
        (true, _) => {
            let mut response = Response::new(Bytes::new());
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        (false, &Method::HEAD) => reply::json(StatusCode::OK, &Value::Null).response.map(|_| Bytes::new()),
        (false, _) => {
            let (word, _) = Code::InvalidRequest.row();
            let body = json!({"error": word, "error_description": "this endpoint does not take this method"});
            reply::json(StatusCode::OK, &body).response
        }
    };
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods(asked.endpoint)));
    response.into()
}

/// Whether it answers people, not clients.
pub(crate) fn is_page(endpoint: IssuerEndpoint) -> bool {
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
        E::Authorize | E::Callback => "GET, HEAD, OPTIONS",
        E::Login | E::Consent => "GET, HEAD, POST, OPTIONS",
        E::Token | E::Register | E::Revoke | E::Introspect => "POST, OPTIONS",
    }
}

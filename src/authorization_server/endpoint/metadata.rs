//! Metadata (RFC 8414, OpenID Connect discovery) and the key set (SPEC E-01…E-06).

use bytes::Bytes;
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
};
use serde_json::{Map, Value, json};

use crate::{
    authorization_server::{
        embedded::{Asked, Embedded},
        reply::{self, EndpointAnswer},
        settings::Dynamic,
    },
    base::digest::sha256_base64url,
    decide::{
        authorization_server::{client::ClientAuth, resources::OFFLINE_ACCESS},
        resource_server::early_clients::{self, VERSION_HEADER},
        routing::IssuerEndpoint,
    },
};

#[cfg(test)]
mod tests;

/// Shorter than the time between a key's publication and its first signature, so a cached key set
/// never lacks a key.
const PUBLIC_FOR_A_WHILE: HeaderValue = HeaderValue::from_static("public, max-age=300");
/// Algorithms of client assertions, in the order of preference (RFC 8414
/// `…_signing_alg_values_supported`).
const ASSERTION_ALGORITHMS: [&str; 9] =
    ["ES256", "EdDSA", "RS256", "PS256", "ES384", "RS384", "PS384", "RS512", "PS512"];

/// The metadata.
pub(crate) fn document(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    let mut all = describe(embedded);
    if asked.head.uri.path().contains("/openid-configuration") {
        // OpenID Connect Discovery §3 requires both; no ID token is issued.
        all.insert("subject_types_supported".to_owned(), json!(["public"]));
        all.insert("id_token_signing_alg_values_supported".to_owned(), json!(["ES256"]));
    }
    let version = asked.head.headers.get(VERSION_HEADER).map(HeaderValue::as_bytes);
    if early_clients::is_early(version) {
        early_clients::leave_out(&mut all);
    }
    let mut answer = cached(Value::Object(all).to_string().into(), asked);
    answer.response.headers_mut().append(VARY, HeaderValue::from_static(VERSION_HEADER));
    answer
}

/// The key set.
pub(crate) fn keys(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    cached(embedded.state.keys.document(), asked)
}

fn cached(body: Bytes, asked: &Asked<'_>) -> EndpointAnswer {
    let etag = format!("\"{}\"", sha256_base64url(&String::from_utf8_lossy(&body)));
    let wanted = asked.head.headers.get(IF_NONE_MATCH).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_current = wanted == b"*" || wanted.split(|b| *b == b',').any(|one| one.trim_ascii() == etag.as_bytes());
    let mut response = if is_current {
        let mut response = reply::public(StatusCode::NOT_MODIFIED, Bytes::new());
        response.headers_mut().remove(CONTENT_TYPE);
        response
    } else {
        reply::public(StatusCode::OK, body)
    };
    response.headers_mut().insert(CACHE_CONTROL, PUBLIC_FOR_A_WHILE);
    if let Ok(etag) = HeaderValue::try_from(etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    response.into()
}

/// Leaves out what is switched off, because clients would try it.
fn describe(embedded: &Embedded) -> Map<String, Value> {
    let settings = &embedded.settings;
    let mut all = Map::new();
    let mut say = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
    // RFC 8414 §3.3: exactly the identifier that the document was requested for.
    say("issuer", json!(settings.issuer));
    say("authorization_endpoint", json!(embedded.url(IssuerEndpoint::Authorize)));
    say("token_endpoint", json!(embedded.url(IssuerEndpoint::Token)));
    say("jwks_uri", json!(embedded.url(IssuerEndpoint::Jwks)));
    say("revocation_endpoint", json!(embedded.url(IssuerEndpoint::Revoke)));
    if settings.registration.dynamic != Dynamic::Off {
        say("registration_endpoint", json!(embedded.url(IssuerEndpoint::Register)));
    }
    if !settings.registration.document_hosts.is_empty() {
        say("client_id_metadata_document_supported", json!(true));
    }
    say("scopes_supported", json!(scopes(embedded)));
    say("response_types_supported", json!(["code"]));
    say("response_modes_supported", json!(["query"]));
    let mut grants = vec!["authorization_code", "refresh_token"];
    if settings.registration.may_act_alone || settings.clients.iter().any(|client| client.grants.credentials) {
        grants.push("client_credentials");
    }
    say("grant_types_supported", json!(grants));
    say("code_challenge_methods_supported", json!(["S256"]));
    say("authorization_response_iss_parameter_supported", json!(true));
    say("protected_resources", json!(settings.resources.iter().map(|one| &*one.resource).collect::<Vec<_>>()));

    let methods = methods(embedded);
    let confidential: Vec<&str> = methods.iter().copied().filter(|method| *method != "none").collect();
    let mut endpoints = vec![("token_endpoint", methods.clone()), ("revocation_endpoint", methods)];
    if !confidential.is_empty() {
        say("introspection_endpoint", json!(embedded.url(IssuerEndpoint::Introspect)));
        endpoints.push(("introspection_endpoint", confidential));
    }
    for (endpoint, methods) in endpoints {
        if methods.contains(&"private_key_jwt") {
            say(&format!("{endpoint}_auth_signing_alg_values_supported"), json!(ASSERTION_ALGORITHMS));
        }
        say(&format!("{endpoint}_auth_methods_supported"), json!(methods));
    }
    all
}

/// Each scope of the servers once, in their order; then `offline_access`, if there is a client that
/// gets refresh tokens. Only the metadata of a resource never has it (SPEC A-10).
fn scopes(embedded: &Embedded) -> Vec<&str> {
    let settings = &embedded.settings;
    let mut all: Vec<&str> = Vec::new();
    for scope in settings.resources.iter().flat_map(|resource| &resource.scopes) {
        if !all.contains(&scope.as_str()) {
            all.push(scope);
        }
    }
    let others = settings.registration.dynamic != Dynamic::Off || !settings.registration.document_hosts.is_empty();
    let refreshes = others || settings.clients.iter().any(|client| client.grants.refresh);
    if refreshes && !all.contains(&OFFLINE_ACCESS) {
        all.push(OFFLINE_ACCESS);
    }
    all
}

/// The authentication methods that a client may have.
fn methods(embedded: &Embedded) -> Vec<&'static str> {
    let settings = &embedded.settings;
    let dynamic = settings.registration.dynamic != Dynamic::Off;
    let documents = !settings.registration.document_hosts.is_empty();
    let some = |wanted: fn(&ClientAuth) -> bool| settings.clients.iter().any(|client| wanted(&client.auth));
    let secret = dynamic || some(|auth| matches!(auth, ClientAuth::Secret(_)));
    let keys = dynamic || documents || some(|auth| matches!(auth, ClientAuth::Keys(_) | ClientAuth::KeysAt(_)));
    let none = dynamic || documents || some(|auth| matches!(auth, ClientAuth::None));
    [(none, "none"), (secret, "client_secret_basic"), (secret, "client_secret_post"), (keys, "private_key_jwt")]
        .into_iter()
        .filter(|(possible, _)| *possible)
        .map(|(_, method)| method)
        .collect()
}

//! Dynamic client registration (RFC 7591, SPEC E-35…E-37).

use http::{
    StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::{Map, Value, json};

use crate::{
    base::{
        limits::{REGISTRATION_BYTES_MAX, UNUSED_CLIENT_AGE},
        names::Scope,
        secret::Secret,
    },
    decide::authorization_server::{
        client::{Client, ClientAuth},
        error::{Code, OAuthError},
        registration::{Method, RegistrationRequest},
    },
    issuer::{
        Answer, Asked, Dynamic, Embedded,
        clients::{self, Registered},
        event,
        reply::{self, Denied},
        seal,
        store::Kind,
        throttle::Deed,
    },
};

#[cfg(test)]
mod tests;

/// `POST register`.
pub(super) async fn register(embedded: &Embedded, asked: &Asked<'_>) -> Answer {
    if embedded.settings.registration.dynamic == Dynamic::Off {
        return reply::not_found();
    }
    match admit(embedded, asked).await {
        Ok(body) => reply::json(StatusCode::CREATED, &Value::Object(body)),
        Err(denied) => {
            event::note(embedded, "registration", None, None, denied.error.code.row().0);
            reply::deny(&denied, false)
        }
    }
}

async fn admit(embedded: &Embedded, asked: &Asked<'_>) -> Result<Map<String, Value>, Denied> {
    let deed = Deed::Registration(asked.peer);
    embedded.state.throttle.check(deed, asked.now).map_err(Denied::slow_down)?;
    // Wrong ones count as well: each is a guess at the initial access token, or work for us.
    embedded.state.throttle.count(deed, asked.now);
    if let Dynamic::Token(expected) = &embedded.settings.registration.dynamic {
        check_token(asked, expected)?;
    }
    let registration = read(asked)?;
    let (auth, secret) = credentials(&registration.method)?;
    let method = registration.method.clone();
    let id = clients::new_id().map_err(helpless)?;
    let client = registration.into_client(id, auth);
    let now = asked.now.unix_secs();
    let record = Registered { client, seen: now, used: false };
    let value = serde_json::to_vec(&record).map_err(|_| helpless("a client cannot be written as JSON"))?;
    let until = asked.now.wall.saturating_add(UNUSED_CLIENT_AGE);
    if !embedded.state.store.create(Kind::Client, &record.client.id, value, until).await? {
        return Err(helpless("the system's randomness repeats itself").into());
    }
    event::note(embedded, "registration", Some(&record.client.id), None, "registered");
    Ok(effective(&record.client, &method, secret.as_deref(), now))
}

/// The initial access token (RFC 7591 §3), compared in constant time.
fn check_token(asked: &Asked<'_>, expected: &Secret) -> Result<(), OAuthError> {
    let mut lines = asked.head.headers.get_all(AUTHORIZATION).iter();
    let presented = match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().ok().and_then(|line| line.split_once(' ')),
        _ => None,
    };
    match presented {
        Some((scheme, token))
            if scheme.eq_ignore_ascii_case("Bearer") && Secret::new(token.trim().into()) == *expected =>
        {
            Ok(())
        }
        _ => Err(Code::InvalidToken.because("registration here takes an initial access token")),
    }
}

fn read(asked: &Asked<'_>) -> Result<RegistrationRequest, OAuthError> {
    let essence = asked.head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = essence.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Code::InvalidClientMetadata.because("a registration comes as application/json"));
    }
    if asked.body.len() > REGISTRATION_BYTES_MAX {
        return Err(Code::InvalidClientMetadata.because("longer than a registration may be"));
    }
    RegistrationRequest::read(&asked.body)
}

/// How the client will prove who it is, and the secret to tell it, this once.
fn credentials(method: &Method) -> Result<(ClientAuth, Option<String>), OAuthError> {
    Ok(match method {
        Method::None => (ClientAuth::None, None),
        Method::SecretBasic | Method::SecretPost => {
            let secret = seal::unguessable().map_err(helpless)?;
            (ClientAuth::Secret(seal::digest_of(secret.as_bytes())), Some(secret))
        }
        Method::Keys(keys) => (ClientAuth::Keys(keys.clone()), None),
        Method::KeysAt(url) => (ClientAuth::KeysAt(url.clone()), None),
    })
}

fn helpless(cause: &'static str) -> OAuthError {
    Code::ServerError.because(cause)
}

/// What was registered in the end (RFC 7591 §3.2.1): it may be other than what was asked for.
fn effective(client: &Client, method: &Method, secret: Option<&str>, now: u64) -> Map<String, Value> {
    let mut body = Map::new();
    let mut say = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    say("client_id", json!(client.id));
    say("client_id_issued_at", json!(now));
    if let Some(secret) = secret {
        say("client_secret", json!(secret));
        // The client is forgotten when it stays away; its secret does not end before that.
        say("client_secret_expires_at", json!(0));
    }
    if let Some(name) = &client.name {
        say("client_name", json!(name));
    }
    say("redirect_uris", json!(client.redirect_uris));
    let grants = [
        (client.grants.code, "authorization_code"),
        (client.grants.refresh, "refresh_token"),
        (client.grants.credentials, "client_credentials"),
    ];
    let grants: Vec<&str> = grants.into_iter().filter(|(granted, _)| *granted).map(|(_, name)| name).collect();
    say("grant_types", json!(grants));
    say("response_types", if client.grants.code { json!(["code"]) } else { json!([]) });
    if let Some(scopes) = &client.scopes {
        say("scope", json!(Scope::join(scopes)));
    }
    let name = match method {
        Method::None => "none",
        Method::SecretBasic => "client_secret_basic",
        Method::SecretPost => "client_secret_post",
        Method::Keys(keys) => {
            say("jwks", serde_json::from_str(keys).unwrap_or_default());
            "private_key_jwt"
        }
        Method::KeysAt(url) => {
            say("jwks_uri", json!(url));
            "private_key_jwt"
        }
    };
    say("token_endpoint_auth_method", json!(name));
    body
}

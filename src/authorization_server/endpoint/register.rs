//! `register`: dynamic client registration (RFC 7591, SPEC E-35…E-37).

use http::{StatusCode, header::AUTHORIZATION};
use serde_json::{Map, Value, json};

use crate::{
    authorization_server::{
        client::registered::{self, RegisteredClient},
        embedded::{Asked, Embedded},
        event::{self, RefusedFacts},
        keys::random,
        refusals::RefusalKind,
        reply::{self, Denied, EndpointAnswer},
        settings::Dynamic,
        throttle::Action,
    },
    base::{
        digest::sha256,
        limits::authorization_server::{REGISTRATION_BYTES_MAX, UNUSED_CLIENT_AGE},
        media,
        names::Scope,
        peer,
        secret::Secret,
    },
    decide::authorization_server::{
        client::{Client, ClientAuth},
        error::{Code, OAuthError},
        people::RegisteredBy,
        registration::{AT_THE_GATEWAY, ClientAuthMethod, RegistrationRequest, Terms},
    },
};

#[cfg(test)]
mod tests;

/// `POST register`.
pub(crate) async fn register(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    if embedded.settings.registration.dynamic == Dynamic::Off {
        return reply::not_found();
    }
    match admit(embedded, asked).await {
        Ok(body) => reply::json(StatusCode::CREATED, &Value::Object(body)),
        Err(denied) => {
            let code = denied.error.code;
            if denied.error.description.ends_with(AT_THE_GATEWAY) {
                event::at_the_gateway(embedded, asked, None);
            }
            let facts = RefusedFacts { found: denied.error.description.to_string(), ..RefusedFacts::default() };
            event::refused_with(embedded, asked, RefusalKind::of_registration(code), &facts, code.row().0);
            reply::deny(&denied, false)
        }
    }
}

async fn admit(embedded: &Embedded, asked: &Asked<'_>) -> Result<Map<String, Value>, Denied> {
    let action = Action::Registration(asked.peer);
    embedded.state.throttle.check(action, asked.now).map_err(Denied::slow_down)?;
    // Failures count as well: each is a guess at the initial access token, or costs work.
    embedded.state.throttle.count(action, asked.now);
    if let Dynamic::Token(expected) = &embedded.settings.registration.dynamic {
        check_token(asked, expected)?;
    }
    let registration = read(embedded, asked)?;
    let (auth, secret) = credentials(&registration.method)?;
    let (method, application_type, left_out) =
        (registration.method.clone(), registration.application_type, registration.left_out);
    let with_token = matches!(&embedded.settings.registration.dynamic, Dynamic::Token(_));
    let mut client = Client { with_token, ..registration.into_client("".into(), auth) };
    // Only an id that must say how its client registered does: replicas of an earlier release do
    // not know it.
    let by = if with_token && client.grants.credentials { RegisteredBy::Token } else { RegisteredBy::Anyone };
    client.id = registered::new_id(by).map_err(failed)?;
    let now = asked.now.unix_secs();
    let prefix = peer::prefix(asked.peer);
    let record = RegisteredClient { client, seen: now, used: false, prefix: Some(prefix.as_str().into()) };
    let value = serde_json::to_vec(&record).map_err(|_| failed("the client cannot be written as JSON"))?;
    let until = asked.now.wall.saturating_add(UNUSED_CLIENT_AGE);
    // If the store is full, it is the prefix with the most unused registrations that loses one.
    if !embedded.state.store.create_waiting(&record.client.id, value, until, &prefix).await? {
        return Err(failed("the new client's id exists already").into());
    }
    event::note(embedded, "registration", Some(&record.client.id), None, "registered");
    if left_out == Some(AT_THE_GATEWAY) {
        event::at_the_gateway(embedded, asked, Some(&record.client.id));
    } else if let Some(why) = left_out {
        tracing::info!(
            target: "portcullis::authorization_server", event = "registration", client = &*record.client.id, why,
            "a redirect URI was left out of a registration; registration.redirect_schemes decides about private-use schemes"
        );
    }
    let mut body = effective(&record.client, &method, secret.as_deref(), now);
    if let Some(kind) = application_type {
        body.insert("application_type".to_owned(), json!(kind.word()));
    }
    Ok(body)
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
        _ => Err(Code::InvalidToken.because("registration requires an initial access token")),
    }
}

fn read(embedded: &Embedded, asked: &Asked<'_>) -> Result<RegistrationRequest, OAuthError> {
    if !asked.is(media::JSON) {
        return Err(Code::InvalidClientMetadata.because("the body must be application/json"));
    }
    if asked.body.len() > REGISTRATION_BYTES_MAX {
        return Err(Code::InvalidClientMetadata.because("the registration is too long"));
    }
    let registration = &embedded.settings.registration;
    let terms = Terms {
        schemes: &registration.redirect_schemes,
        may_act_alone: registration.may_act_alone,
        own: Some(&embedded.settings.own),
    };
    RegistrationRequest::read(&asked.body, terms)
}

/// How the client will authenticate, and its secret, which only this answer contains.
fn credentials(method: &ClientAuthMethod) -> Result<(ClientAuth, Option<String>), OAuthError> {
    Ok(match method {
        ClientAuthMethod::None => (ClientAuth::None, None),
        ClientAuthMethod::SecretBasic | ClientAuthMethod::SecretPost => {
            let secret = random::unguessable().map_err(failed)?;
            (ClientAuth::Secret(sha256(secret.as_bytes())), Some(secret))
        }
        ClientAuthMethod::Keys(keys) => (ClientAuth::Keys(keys.clone()), None),
        ClientAuthMethod::KeysAt(url) => (ClientAuth::KeysAt(url.clone()), None),
    })
}

fn failed(cause: &'static str) -> OAuthError {
    Code::ServerError.because(cause)
}

/// When the client's secret expires; 0 for never. An unused client is deleted with its secret. It
/// counts as used once a user signs in, or once it acts for itself and had registered with the
/// operator's token. One that anyone could register and that signs in no user ends after a day: a
/// use that costs an attacker nothing must not keep it in the store.
fn secret_ends(client: &Client, now: u64) -> u64 {
    match client.grants.code || client.with_token {
        true => 0,
        false => now.saturating_add(UNUSED_CLIENT_AGE.as_secs()),
    }
}

/// The registration as stored (RFC 7591 §3.2.1); it may differ from the request.
fn effective(client: &Client, method: &ClientAuthMethod, secret: Option<&str>, now: u64) -> Map<String, Value> {
    let mut body = Map::new();
    let mut say = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    say("client_id", json!(client.id));
    say("client_id_issued_at", json!(now));
    if let Some(secret) = secret {
        say("client_secret", json!(secret));
        say("client_secret_expires_at", json!(secret_ends(client, now)));
    }
    if let Some(name) = &client.name {
        say("client_name", json!(name));
    }
    // Empty for a client that acts for itself: SDKs require the member.
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
        ClientAuthMethod::None => "none",
        ClientAuthMethod::SecretBasic => "client_secret_basic",
        ClientAuthMethod::SecretPost => "client_secret_post",
        ClientAuthMethod::Keys(keys) => {
            say("jwks", serde_json::from_str(keys).unwrap_or_default());
            "private_key_jwt"
        }
        ClientAuthMethod::KeysAt(url) => {
            say("jwks_uri", json!(url));
            "private_key_jwt"
        }
    };
    say("token_endpoint_auth_method", json!(name));
    body
}

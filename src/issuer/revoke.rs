//! Revocation (RFC 7009) and introspection (RFC 7662).

use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    base::{limits::CLOCK_SKEW_MAX, names::Scope},
    decide::authorization_server::{
        client::{Client, ClientAuth, ClientOrigin},
        error::{Code, OAuthError},
        form::Form,
        refresh_family::{Family, Standing},
    },
    issuer::{
        Answer, Asked, Embedded, clients, event,
        reply::{self, Denied},
        seal::digest_of,
        store::Kind,
        token::{end_family, form, own_access_token, read_refresh_token},
    },
};

#[cfg(test)]
mod tests;

/// `POST revoke`.
pub(super) async fn revoke(embedded: &Embedded, asked: &Asked<'_>) -> Answer {
    let done = async {
        let form = form(asked)?;
        let client = clients::authenticate(embedded, &form, asked).await?;
        take_back(embedded, &client, token(&form)?, asked).await
    };
    match done.await {
        // What is unknown is revoked as well as can be (RFC 7009 §2.2).
        Ok(()) => reply::json(StatusCode::OK, &json!({})),
        Err(denied) => reply::deny(&denied, clients::tried_basic(asked)),
    }
}

/// `POST introspect`.
pub(super) async fn introspect(embedded: &Embedded, asked: &Asked<'_>) -> Answer {
    let said = async {
        let form = form(asked)?;
        let client = clients::authenticate(embedded, &form, asked).await?;
        if client.auth == ClientAuth::None {
            return Err(Code::InvalidClient.because("introspection is for clients that prove who they are").into());
        }
        describe(embedded, &client, token(&form)?, asked).await
    };
    match said.await {
        Ok(said) => reply::json(StatusCode::OK, &said.unwrap_or_else(|| json!({"active": false}))),
        Err(denied) => reply::deny(&denied, clients::tried_basic(asked)),
    }
}

fn token(form: &Form) -> Result<&str, OAuthError> {
    form.get("token").ok_or_else(|| Code::InvalidRequest.because("token is missing"))
}

/// `token_type_hint` is not needed: the two kinds have no form in common.
async fn take_back(embedded: &Embedded, client: &Client, token: &str, asked: &Asked<'_>) -> Result<(), Denied> {
    if let Some((id, _)) = read_refresh_token(token) {
        // Whoever knows the id has a token of this family, perhaps not the newest: one that is given back ends them all.
        let Some(family) = family(embedded, id).await? else { return Ok(()) };
        if family.client != client.id {
            return Err(foreign().into());
        }
        event::note(embedded, "revocation", Some(&client.id), Some(&family.person.subject), "family revoked");
        return Ok(end_family(embedded, id, asked).await?);
    }
    let Some(caller) = own_access_token(embedded, token, asked) else { return Ok(()) };
    if caller.client() != Some(&*client.id) {
        return Err(foreign().into());
    }
    let Some(id) = caller.claims().get("jti").and_then(Value::as_str) else { return Ok(()) };
    let state = &embedded.state;
    let until = caller.expires().saturating_add(CLOCK_SKEW_MAX);
    state.revocations.revoke(&state.store, id, until, asked.now).await?;
    event::note(embedded, "revocation", Some(&client.id), Some(caller.subject()), "access token revoked");
    Ok(())
}

fn foreign() -> OAuthError {
    Code::InvalidGrant.because("the token was issued to another client")
}

async fn family(embedded: &Embedded, id: &str) -> Result<Option<Family>, Denied> {
    let kept = embedded.state.store.get(Kind::Family, id).await?;
    Ok(kept.and_then(|kept| serde_json::from_slice(&kept).ok()))
}

/// What an active token says, to whom it concerns: its own client, or one that the operator wrote, as a server of theirs.
/// Anybody may be registered and hold a secret.
async fn describe(
    embedded: &Embedded,
    client: &Client,
    token: &str,
    asked: &Asked<'_>,
) -> Result<Option<Value>, Denied> {
    if let Some((id, secret)) = read_refresh_token(token) {
        let Some(family) = family(embedded, id).await?.filter(|family| family.client == client.id) else {
            return Ok(None);
        };
        let idle_max = embedded.settings.refresh_token_ttl.as_secs();
        let standing = family.standing(&digest_of(secret.as_bytes()), asked.now.unix_secs(), idle_max);
        let is_active = matches!(standing, Standing::Newest | Standing::Unanswered(_));
        return Ok(is_active.then(|| {
            json!({
                "active": true, "client_id": family.client, "sub": family.person.subject, "exp": family.ends,
                "iss": embedded.settings.issuer, "aud": family.resources, "scope": Scope::join(&family.scopes),
            })
        }));
    }
    let Some(caller) = own_access_token(embedded, token, asked) else { return Ok(None) };
    let concerns = client.origin == ClientOrigin::Configured || caller.client() == Some(&*client.id);
    let id = caller.claims().get("jti").and_then(Value::as_str).unwrap_or_default();
    if !concerns || embedded.state.revocations.is_revoked(id) {
        return Ok(None);
    }
    let mut said = caller.claims().clone();
    said.insert("active".to_owned(), json!(true));
    said.insert("token_type".to_owned(), json!("Bearer"));
    Ok(Some(Value::Object(said)))
}

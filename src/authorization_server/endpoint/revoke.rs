//! `revoke`: token revocation (RFC 7009).

use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    authorization_server::{
        client::authenticate::{authenticate, tried_basic},
        embedded::{Asked, Embedded},
        event,
        grant::{
            access_token,
            family::{self, read_token},
            revocations::Revoker,
        },
        reply::{self, Denied, EndpointAnswer},
        throttle::Action,
    },
    base::limits::tokens::CLOCK_SKEW_MAX,
    decide::{
        authorization_server::{
            client::{Client, ClientOrigin},
            error::{Code, OAuthError},
        },
        token::caller::Caller,
    },
};

#[cfg(test)]
mod tests;

/// `POST revoke`.
pub(crate) async fn revoke(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    let done = async {
        let form = asked.form()?;
        let client = authenticate(embedded, &form, asked).await?;
        let token = form.get("token").ok_or_else(|| Code::InvalidRequest.because("token is missing"))?;
        revoke_token(embedded, &client, token, asked).await
    };
    match done.await {
        // An unknown token counts as revoked (RFC 7009 §2.2).
        Ok(()) => reply::json(StatusCode::OK, &json!({})),
        Err(denied) => reply::deny(&denied, tried_basic(asked)),
    }
}

/// Ignores `token_type_hint`: refresh and access tokens differ in form.
async fn revoke_token(embedded: &Embedded, client: &Client, token: &str, asked: &Asked<'_>) -> Result<(), Denied> {
    if let Some((id, _)) = read_token(token) {
        // Any token of the family, even an old one, ends the whole family.
        let Some(family) = family::find(embedded, id).await? else { return Ok(()) };
        if family.client != client.id {
            return Err(other_client().into());
        }
        event::note(embedded, "revocation", Some(&client.id), Some(&family.person.subject), "family revoked");
        return Ok(family::end(embedded, id, asked).await?);
    }
    let Some(caller) = access_token::read(embedded, token, asked) else { return Ok(()) };
    if caller.client() != Some(&*client.id) {
        return Err(other_client().into());
    }
    let Some(id) = caller.claims().get("jti").and_then(Value::as_str) else { return Ok(()) };
    let state = &embedded.state;
    let until = caller.expires().saturating_add(CLOCK_SKEW_MAX);
    let revoker = match client.origin == ClientOrigin::Dynamic && !client.with_token && is_for_itself(&caller, client) {
        true => Revoker::Anyone,
        false => Revoker::Trusted,
    };
    if revoker == Revoker::Anyone {
        // Its tokens cost it nothing, and each revocation takes room until the token expires.
        state.throttle.attempt(Action::Revocation(asked.peer), asked.now).map_err(Denied::slow_down)?;
    }
    // Entries of one family must not fill the room. Its refresh tokens end at their next use.
    let instead = (revoker == Revoker::Trusted).then(|| state.revocations.stem_instead(id)).flatten();
    let (name, until, outcome) = match instead {
        Some(stem) => (stem, family::all_expired(asked.now), "many access tokens revoked: family revoked"),
        None => (id, until, "access token revoked"),
    };
    state.revocations.revoke(&state.store, name, (until, revoker), asked.now).await?;
    event::note(embedded, "revocation", Some(&client.id), Some(caller.subject()), outcome);
    Ok(())
}

/// Whether the token is one that the client got for itself.
fn is_for_itself(caller: &Caller, client: &Client) -> bool {
    *caller.subject() == *client.id
}

fn other_client() -> OAuthError {
    Code::InvalidGrant.because("the token was issued to another client")
}

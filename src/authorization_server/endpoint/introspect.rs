//! `introspect`: what an active token says (RFC 7662).

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    authorization_server::{
        client::authenticate::{authenticate, tried_basic},
        embedded::{Asked, Embedded},
        grant::{
            access_token,
            family::{self, read_token},
        },
        reply::{self, Denied, EndpointAnswer},
    },
    base::names::Scope,
    decide::authorization_server::{
        client::{Client, ClientAuth},
        error::Code,
        form::Form,
        refresh_family::{PresentedToken, Standing},
    },
};

/// `POST introspect`.
pub(crate) async fn introspect(embedded: &Embedded, asked: &Asked<'_>) -> EndpointAnswer {
    let said = async {
        let form = asked.form()?;
        let client = authenticate(embedded, &form, asked).await?;
        if client.auth == ClientAuth::None {
            return Err(Code::InvalidClient.because("introspection requires client authentication").into());
        }
        let token = form.get("token").ok_or_else(|| Code::InvalidRequest.because("token is missing"))?;
        describe(embedded, &client, token, asked).await
    };
    match said.await {
        Ok(said) => reply::json(StatusCode::OK, &said.unwrap_or_else(|| json!({"active": false}))),
        Err(denied) => reply::deny(&denied, tried_basic(asked)),
    }
}

/// What an active token says; `None` if it is not active, or not for this client to see. Its own
/// client may see it, and a client that the operator has named for one of its servers (RFC 7662
/// §4).
async fn describe(
    embedded: &Embedded,
    client: &Client,
    token: &str,
    asked: &Asked<'_>,
) -> Result<Option<Value>, Denied> {
    if let Some((id, secret)) = read_token(token) {
        let Some(family) = family::find(embedded, id).await?.filter(|family| family.client == client.id) else {
            return Ok(None);
        };
        let presented = PresentedToken::with(secret, &Form::default(), asked.now.wall);
        let standing = family.standing(&presented, embedded.settings.refresh_bounds());
        let is_active = matches!(standing, Standing::Newest | Standing::Repeated(_) | Standing::Unanswered(_));
        return Ok(is_active.then(|| {
            json!({
                "active": true, "client_id": family.client, "sub": family.person.subject, "exp": family.ends,
                "iss": embedded.settings.issuer, "aud": family.resources, "scope": Scope::join(&family.scopes),
            })
        }));
    }
    let Some(caller) = access_token::read(embedded, token, asked) else { return Ok(None) };
    let concerns = caller.client() == Some(&*client.id) || serves(embedded, client, caller.claims());
    if !concerns || embedded.state.revocations.have_withdrawn(&caller) {
        return Ok(None);
    }
    let mut said = caller.claims().clone();
    said.insert("active".to_owned(), json!(true));
    said.insert("token_type".to_owned(), json!("Bearer"));
    Ok(Some(Value::Object(said)))
}

/// Whether a token is for a server that this client introspects for.
fn serves(embedded: &Embedded, client: &Client, claims: &Map<String, Value>) -> bool {
    let is_for = |resource: &str| match claims.get("aud") {
        Some(Value::String(one)) => one == resource,
        Some(Value::Array(several)) => several.iter().any(|one| one == resource),
        _ => false,
    };
    let mut named = embedded.settings.resources.iter().filter(|one| client.introspects.contains(&one.name));
    named.any(|one| is_for(&one.resource))
}

//! The token response (RFC 6749 §5.1).

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    authorization_server::{
        delivery::OnDelivered,
        embedded::{Asked, Embedded},
        grant::access_token::{self, AccessGrant},
        reply::{self, EndpointAnswer},
    },
    base::names::Scope,
    decide::authorization_server::{error::OAuthError, resources::OFFLINE_ACCESS},
};

/// A refresh token for the response.
pub(super) struct NewRefreshToken {
    /// The token.
    pub(super) token: String,
    /// Runs once the response was delivered.
    pub(super) on_delivered: Option<OnDelivered>,
    /// Whether the answer echoes `offline_access`. Access tokens never contain it: it means nothing
    /// to servers.
    pub(super) is_offline: bool,
}

/// Signs an access token and answers with it.
///
/// # Errors
/// Those of [`access_token::sign`].
pub(super) fn issue(
    embedded: &Embedded,
    asked: &Asked<'_>,
    grant: &AccessGrant<'_>,
    refresh_token: Option<NewRefreshToken>,
) -> Result<EndpointAnswer, OAuthError> {
    let now = asked.now.unix_secs();
    let ends = now.saturating_add(embedded.settings.access_token_ttl.as_secs()).min(grant.ends);
    let token = access_token::sign(embedded, asked, grant, ends)?;
    let mut body = Map::new();
    let mut say = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    say("access_token", json!(token));
    say("token_type", json!("Bearer"));
    say("expires_in", json!(ends.saturating_sub(now)));
    let mut scopes = grant.scopes.to_vec();
    if refresh_token.as_ref().is_some_and(|token| token.is_offline) {
        scopes.push(OFFLINE_ACCESS.into());
    }
    if !scopes.is_empty() {
        say("scope", json!(Scope::join(&scopes)));
    }
    let mut on_delivered = None;
    if let Some(refresh_token) = refresh_token {
        say("refresh_token", json!(refresh_token.token));
        on_delivered = refresh_token.on_delivered;
    }
    let mut answer = reply::json(StatusCode::OK, &Value::Object(body));
    answer.on_delivered = on_delivered;
    Ok(answer)
}

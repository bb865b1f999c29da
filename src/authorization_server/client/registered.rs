//! Clients from dynamic registration: their ids, and how long the store keeps them (SPEC E-37).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    authorization_server::{embedded::Embedded, keys::random, store::kind::EntryKind},
    base::{clock::Now, limits::authorization_server::DYNAMIC_CLIENT_AGE},
    decide::authorization_server::{
        client::{Client, REGISTERED_PREFIX, WITH_TOKEN_PREFIX},
        error::{Code, OAuthError},
        people::RegisteredBy,
    },
};

/// How old the last renewal must be before the next: not every request renews.
const RENEWED_AFTER_SECS: u64 = 24 * 3600;

/// A registered client as the store has it, under its id.
#[derive(Serialize, Deserialize)]
pub(crate) struct RegisteredClient {
    /// The client.
    pub(crate) client: Client,
    /// When it was last renewed, in seconds since 1970.
    pub(crate) seen: u64,
    /// Whether a user has allowed the client anything.
    #[serde(default)]
    pub(crate) used: bool,
    /// The address prefix from which it registered, until it is used. Missing in entries of earlier
    /// releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<Box<str>>,
}

/// An id for a new client.
pub(crate) fn new_id(by: RegisteredBy) -> Result<Box<str>, &'static str> {
    let prefix = match by {
        RegisteredBy::Token => WITH_TOKEN_PREFIX,
        RegisteredBy::Anyone => REGISTERED_PREFIX,
    };
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::bytes::<16>()?)).into())
}

/// The client with this id; renews its entry if it is in use.
pub(crate) async fn find(embedded: &Embedded, id: &str, now: Now) -> Result<Option<Client>, OAuthError> {
    let store = &embedded.state.store;
    let Some(before) = store.get(EntryKind::Client, id).await? else { return Ok(None) };
    let Ok(found) = serde_json::from_slice::<RegisteredClient>(&before) else { return Ok(None) };
    if !found.used || now.unix_secs().saturating_sub(found.seen) <= RENEWED_AFTER_SECS {
        return Ok(Some(found.client));
    }
    renew(embedded, id, &before, found, now).await.map(Some)
}

/// Records that a user has allowed the client something: from now on each use renews its entry.
pub(crate) async fn mark_used(embedded: &Embedded, id: &str) -> Result<(), OAuthError> {
    let Some(before) = embedded.state.store.get(EntryKind::Client, id).await? else { return Ok(()) };
    match serde_json::from_slice::<RegisteredClient>(&before) {
        Ok(found) if !found.used => renew(embedded, id, &before, found, embedded.state.clock.now()).await.map(drop),
        _ => Ok(()),
    }
}

async fn renew(
    embedded: &Embedded,
    id: &str,
    before: &[u8],
    found: RegisteredClient,
    now: Now,
) -> Result<Client, OAuthError> {
    let renewed = RegisteredClient { seen: now.unix_secs(), used: true, prefix: None, ..found };
    let value =
        serde_json::to_vec(&renewed).map_err(|_| Code::InvalidClient.because("the client is not registered here"))?;
    let until = now.wall.saturating_add(DYNAMIC_CLIENT_AGE);
    // If another request was faster, it has renewed the entry.
    embedded.state.store.replace(EntryKind::Client, id, before, value, Some(until)).await?;
    Ok(renewed.client)
}

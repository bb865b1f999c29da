//! Refresh families: all refresh tokens of one consent, which end together (SPEC E-15, E-23).

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    authorization_server::{
        embedded::{Asked, Embedded, State},
        grant::revocations::{Revoker, stem},
        keys::random,
        store::{fault::StoreFault, kind::EntryKind},
    },
    base::{
        clock::Now,
        limits::{authorization_server::ACCESS_TOKEN_TTL_MAX, tokens::CLOCK_SKEW_MAX},
    },
    decide::authorization_server::refresh_family::Family,
};

/// Length of a family's id: 128 random bits as base64url.
const ID_CHARS: usize = 22;
/// Length of a token's secret: 256 random bits as base64url.
const SECRET_CHARS: usize = 43;

/// An id for a new family.
pub(crate) fn new_id() -> Result<Box<str>, &'static str> {
    Ok(URL_SAFE_NO_PAD.encode(random::bytes::<16>()?).into())
}

/// Family id and secret of a refresh token; `None` if the text cannot be one.
pub(crate) fn read_token(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    let is_plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (id.len() == ID_CHARS && secret.len() == SECRET_CHARS && is_plain(id) && is_plain(secret)).then_some((id, secret))
}

/// The family with this id.
///
/// # Errors
/// [`StoreFault`].
pub(crate) async fn find(embedded: &Embedded, id: &str) -> Result<Option<Family>, StoreFault> {
    read(&embedded.state, id).await
}

/// As [`find`], for work that outlives its request.
///
/// # Errors
/// [`StoreFault`].
pub(crate) async fn read(state: &State, id: &str) -> Result<Option<Family>, StoreFault> {
    let kept = state.store.get(EntryKind::Family, id).await?;
    Ok(kept.and_then(|kept| serde_json::from_slice(&kept).ok()))
}

/// A family as the store has it.
///
/// # Errors
/// [`StoreFault`].
pub(crate) fn written(family: &Family) -> Result<Vec<u8>, StoreFault> {
    serde_json::to_vec(family).map_err(|cause| StoreFault(cause.to_string()))
}

/// Ends a family: its refresh tokens are deleted and its access tokens revoked.
///
/// # Errors
/// [`StoreFault`].
pub(crate) async fn end(embedded: &Embedded, id: &str, asked: &Asked<'_>) -> Result<(), StoreFault> {
    end_of(&embedded.state, id, asked.now).await
}

/// As [`end`], for work that outlives its request.
///
/// # Errors
/// [`StoreFault`].
pub(crate) async fn end_of(state: &State, id: &str, now: Now) -> Result<(), StoreFault> {
    let until = (all_expired(now), Revoker::Trusted);
    let revoked = state.revocations.revoke(&state.store, &stem(id), until, now).await;
    // The deletion is tried even if the revocation failed.
    state.store.delete(EntryKind::Family, id).await?;
    revoked
}

/// When all access tokens issued until now have expired by every clock, for the longest life that
/// they can have: a reload may just have shortened `access_token_ttl`.
pub(crate) fn all_expired(now: Now) -> Duration {
    now.wall.saturating_add(ACCESS_TOKEN_TTL_MAX).saturating_add(CLOCK_SKEW_MAX)
}

/// When all access tokens issued until now have expired by every clock.
pub(crate) fn last_expiry(embedded: &Embedded, asked: &Asked<'_>) -> Duration {
    asked.now.wall.saturating_add(embedded.settings.access_token_ttl).saturating_add(CLOCK_SKEW_MAX)
}

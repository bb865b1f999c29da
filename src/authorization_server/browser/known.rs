//! Known browsers: each account's browsers have limits of their own (attack 202).
//!
//! A browser that signs in to an account gets a cookie for that account; at a company IdP, the
//! account is the subject of its tokens. Later its attempts are counted apart from all others, so
//! that failures elsewhere, or at the same address, cannot delay its user. The cookie proves
//! nothing else: the user signs in as before. It is sealed, so that no other party can make one, or
//! learn an account from it. Each account has a cookie of its own, with a random id of its own, so
//! two accounts of one browser are not connected.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderMap;

use crate::{
    authorization_server::{
        browser::cookie,
        embedded::{Asked, Embedded},
        keys::random,
        throttle::Action,
    },
    base::{
        clock::Now,
        digest::{sha256, sha256_base64url},
        limits::authorization_server::{KNOWN_BROWSER_AGE, KNOWN_BROWSERS_TRIED_MAX},
    },
};

#[cfg(test)]
mod tests;

const ID_BYTES: usize = 16;
/// The account's digest, then the browser's id, then the end in seconds since 1970.
const BYTES: usize = 32 + ID_BYTES + 8;

/// A browser that has signed in to an account before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownBrowser {
    /// SHA-256 of the account's name.
    pub(crate) account: [u8; 32],
    /// Random; the same while the cookie is renewed in time.
    pub(crate) id: [u8; ID_BYTES],
}

/// The browser of a request, if it has signed in to the account `name` before.
pub(crate) fn find(embedded: &Embedded, asked: &Asked<'_>, name: &str) -> Option<KnownBrowser> {
    let (wanted, account) = (cookie_name(embedded, name), sha256(name.as_bytes()));
    all(embedded, &asked.head.headers, asked.now, |name| name == wanted).find(|known| known.account == account)
}

/// The browser of a request, if it has signed in to any account before.
pub(crate) fn any(embedded: &Embedded, asked: &Asked<'_>) -> Option<KnownBrowser> {
    let prefix = cookie::name(embedded, "known");
    all(embedded, &asked.head.headers, asked.now, |name| name.starts_with(&prefix)).next()
}

/// Counts a request that may cause a fetch or a write; returns what it counts as. A browser that
/// has signed in before has its own limit, and then that of its address.
///
/// # Errors
/// How long to wait.
pub(crate) fn attempt(embedded: &Embedded, asked: &Asked<'_>) -> Result<Action<'static>, Duration> {
    let (throttle, now) = (&embedded.state.throttle, asked.now);
    if let Some(own) = any(embedded, asked).map(|known| Action::AuthorizeOfKnown(known.account))
        && throttle.attempt(own, now).is_ok()
    {
        return Ok(own);
    }
    let of_address = Action::Authorize(asked.peer);
    throttle.attempt(of_address, now).map(|()| of_address)
}

/// `Set-Cookie` for a browser that has just signed in to the account `name`.
///
/// # Errors
/// If the system has no randomness.
pub(crate) fn remember(embedded: &Embedded, asked: &Asked<'_>, name: &str) -> Result<String, &'static str> {
    let id = find(embedded, asked, name).map_or_else(random::bytes, |known| Ok(known.id))?;
    let until = asked.now.unix_secs().saturating_add(KNOWN_BROWSER_AGE.as_secs());
    let plain = [&sha256(name.as_bytes())[..], &id, &until.to_be_bytes()].concat();
    let sealed = embedded.state.sealer.seal(&purpose(embedded), &plain)?;
    let value = URL_SAFE_NO_PAD.encode(sealed);
    Ok(cookie::line(embedded, &cookie_name(embedded, name), &value, KNOWN_BROWSER_AGE.as_secs()))
}

/// Whatever is planted beside a genuine cookie changes nothing: only genuine ones open.
fn all(
    embedded: &Embedded,
    headers: &HeaderMap,
    now: Now,
    is_wanted: impl Fn(&str) -> bool,
) -> impl Iterator<Item = KnownBrowser> {
    let values = cookie::pairs(headers).filter(move |(name, _)| is_wanted(name)).map(|(_, value)| value);
    values.take(KNOWN_BROWSERS_TRIED_MAX).filter_map(move |value| read(embedded, value, now))
}

fn read(embedded: &Embedded, value: &str, now: Now) -> Option<KnownBrowser> {
    let sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
    let plain = embedded.state.sealer.open(&purpose(embedded), &sealed)?;
    let plain: [u8; BYTES] = plain.try_into().ok()?;
    let (account, rest) = plain.split_first_chunk()?;
    let (id, until) = rest.split_first_chunk()?;
    let until = u64::from_be_bytes(until.try_into().ok()?);
    (now.unix_secs() < until).then_some(KnownBrowser { account: *account, id: *id })
}

/// Several embedded servers may have the same keys.
fn purpose(embedded: &Embedded) -> String {
    format!("known browser of {}", embedded.settings.issuer)
}

fn cookie_name(embedded: &Embedded, account: &str) -> String {
    let account = sha256_base64url(account);
    format!("{}-{}", cookie::name(embedded, "known"), account.get(..8).unwrap_or_default())
}

//! Decides how long the last good document of a client serves while its host fails (SPEC E-33).

use serde::{Deserialize, Serialize};

use crate::{
    base::limits::{
        authorization_server::{
            STALE_DOCUMENT_AUTHORIZES, STALE_DOCUMENT_KEYS, STALE_DOCUMENT_ORIGINS_MAX, STALE_DOCUMENT_REFRESHES,
        },
        tokens::CLOCK_SKEW_MAX,
    },
    decide::authorization_server::{
        client::{Client, ClientAuth},
        redirect_uri::RedirectUri,
    },
};

#[cfg(test)]
mod tests;

/// What a client is looked up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// A new authorization, with the redirect URI of the request if it names one.
    Authorize(Option<&'a str>),
    /// The token, revocation and introspection endpoints: the client already has a code or a token.
    Token,
}

/// The last good document of a client that a user has allowed something, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastGood {
    /// The client that the document described; `None` once its host has withdrawn or changed it.
    pub client: Option<Client>,
    /// When it was fetched, or seen to be withdrawn, in seconds since 1970.
    pub seen: u64,
    /// Whether the client has refreshed a token. Until then the entry expires soon.
    pub used: bool,
    /// The redirect origins with which users have allowed the client something; the last is the
    /// newest.
    pub origins: Vec<Box<str>>,
}

/// The last good key set at a client's `jwks_uri`, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastGoodKeys {
    /// The key set.
    pub keys: serde_json::Value,
    /// When it was fetched, in seconds since 1970.
    pub seen: u64,
}

impl LastGood {
    /// The client, if this document may still serve for `purpose` while its host cannot be asked.
    #[must_use]
    pub fn serves(&self, purpose: Purpose<'_>, now_secs: u64) -> Option<&Client> {
        let client = self.client.as_ref()?;
        let within = |most| is_within(self.seen, now_secs, most);
        // Keys in the document itself must stop working as soon as those at a `jwks_uri`.
        let keys_serve = !matches!(client.auth, ClientAuth::Keys(_)) || within(STALE_DOCUMENT_KEYS);
        let serves = match purpose {
            Purpose::Token => within(STALE_DOCUMENT_REFRESHES) && keys_serve,
            Purpose::Authorize(asked) => within(STALE_DOCUMENT_AUTHORIZES) && self.has_allowed(client, asked),
        };
        serves.then_some(client)
    }

    /// Whether a user has allowed the client something with the redirect origin of this request: a
    /// code is never sent to an origin that only a stale document vouches for. A scheme without a
    /// dot, which any program may claim, is not such an origin.
    fn has_allowed(&self, client: &Client, asked: Option<&str>) -> bool {
        let uri = match (asked, client.redirect_uris.as_slice()) {
            (Some(asked), _) => RedirectUri::parse(asked).ok(),
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
        };
        uri.is_some_and(|uri| !uri.is_claimable() && self.origins.contains(&uri.consent_origin()))
    }

    /// With one more redirect origin; `None` if that changes nothing. The oldest origin makes room.
    #[must_use]
    pub fn with_origin(&self, origin: &str) -> Option<Self> {
        if self.origins.last().is_some_and(|last| **last == *origin) {
            return None;
        }
        let mut origins: Vec<Box<str>> = self.origins.iter().filter(|known| ***known != *origin).cloned().collect();
        let excess = (origins.len() + 1).saturating_sub(STALE_DOCUMENT_ORIGINS_MAX);
        origins.drain(..excess.min(origins.len()));
        origins.push(origin.into());
        Some(Self { origins, ..self.clone() })
    }

    /// With what was fetched at `seen`; `None` if this entry is newer, so that a slow replica does
    /// not bring back a document that was withdrawn meanwhile.
    #[must_use]
    pub fn with_fetched(&self, client: Option<Client>, seen: u64) -> Option<Self> {
        (seen >= self.seen).then(|| Self { client, seen, ..self.clone() })
    }
}

impl LastGoodKeys {
    /// Whether these keys may still verify assertions while their host cannot be asked.
    #[must_use]
    pub fn serve(&self, now_secs: u64) -> bool {
        is_within(self.seen, now_secs, STALE_DOCUMENT_KEYS)
    }
}

/// Whether `seen` is at most `most` ago. A time ahead of this replica's clock by more than clocks
/// differ does not count: the clock has been set back, and the age is not known.
fn is_within(seen: u64, now_secs: u64, most: std::time::Duration) -> bool {
    seen <= now_secs.saturating_add(CLOCK_SKEW_MAX.as_secs()) && now_secs.saturating_sub(seen) <= most.as_secs()
}

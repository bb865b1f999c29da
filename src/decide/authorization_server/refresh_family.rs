//! A family of refresh tokens: only the newest is valid, and reuse ends it (SPEC E-23).
//!
//! The answer with the new token may be lost, for example if the process is killed after the store
//! has the token and before the client has it. So the record keeps the new token, sealed with the
//! old one, until the answer has been written. A client that presents the old token before that
//! gets the same new token again. There is never more than one chain.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};

use crate::{base::names::Scope, decide::authorization_server::people::Person};

#[cfg(test)]
mod tests;

/// The refresh tokens of one grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// `client_id`.
    pub client: Box<str>,
    /// The user who consented.
    pub person: Person,
    /// The granted scopes.
    pub scopes: Vec<Scope>,
    /// The resources that the grant is for.
    pub resources: Vec<Box<str>>,
    /// SHA-256 of the newest token's secret.
    pub current: [u8; 32],
    /// The previous token.
    pub previous: Option<Previous>,
    /// The number of tokens so far.
    pub count: u64,
    /// When the newest token was made, in seconds since 1970.
    pub renewed: u64,
    /// When the family ends, in any case.
    pub ends: u64,
    /// The refresh token of the upstream IdP, sealed.
    pub bridge: Option<Vec<u8>>,
}

/// A token that was exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// SHA-256 of its secret.
    pub digest: [u8; 32],
    /// Its successor, sealed with this token; `None` once the answer has been written.
    pub successor: Option<Vec<u8>>,
}

/// The standing of a presented token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// The newest token: it is exchanged for the next.
    Newest,
    /// The previous token, whose answer was never written: its successor, sealed with it.
    Unanswered(&'a [u8]),
    /// Already exchanged, or never issued: the family ends.
    Reused,
    /// Not used for too long, or too old altogether.
    Expired,
}

impl Family {
    /// The standing of the token with this digest, compared in constant time.
    #[must_use]
    pub fn standing(&self, digest: &[u8; 32], now: u64, idle_max: u64) -> Standing<'_> {
        let is = |other: &[u8; 32]| verify_slices_are_equal(digest, other).is_ok();
        let previous = self.previous.as_ref().filter(|previous| is(&previous.digest));
        // Reuse is checked before age, so that a stolen token is reported as long as the record
        // exists.
        let standing = match previous.and_then(|previous| previous.successor.as_deref()) {
            _ if is(&self.current) => Standing::Newest,
            Some(successor) => Standing::Unanswered(successor),
            None => return Standing::Reused,
        };
        // If the clock went back, the token is not older.
        let idle = now.saturating_sub(self.renewed);
        if now >= self.ends || idle >= idle_max { Standing::Expired } else { standing }
    }

    /// The family after an exchange of its newest token for a token with `digest`, which is
    /// `sealed` with the old token.
    #[must_use]
    pub fn exchanged(&self, digest: [u8; 32], sealed: Vec<u8>, now: u64) -> Self {
        Self {
            current: digest,
            previous: Some(Previous { digest: self.current, successor: Some(sealed) }),
            count: self.count.saturating_add(1),
            // The clocks of replicas differ: a slow clock must not make the family end earlier.
            renewed: now.max(self.renewed),
            ..self.clone()
        }
    }

    /// The family after the answer was written.
    #[must_use]
    pub fn answered(&self) -> Self {
        let previous = self.previous.as_ref().map(|previous| Previous { successor: None, ..previous.clone() });
        Self { previous, ..self.clone() }
    }

    /// [`Self::answered`] for the answer with the token of this `digest`. `None` if that token is
    /// no longer the newest, or its answer is noted already: a late report about one answer must
    /// not count for the next, whose token may still be lost.
    #[must_use]
    pub fn answered_with(&self, digest: &[u8; 32]) -> Option<Self> {
        let awaits = self.previous.as_ref().is_some_and(|previous| previous.successor.is_some());
        (awaits && verify_slices_are_equal(digest, &self.current).is_ok()).then(|| self.answered())
    }
}

//! A key set in force: its keys, its age, and its generation.

use std::{sync::Arc, time::Duration};

use crate::{
    base::{clock::Now, limits::fetch::JWKS_STALE_MAX},
    decide::token::jwk::KeySet,
};

/// The identity of one [`super::IssuerKeys`] in this process. A remembered token is valid only with
/// the same identity, so never with other settings.
#[derive(Clone, Debug)]
pub struct IssuerId(Arc<()>);

impl IssuerId {
    pub(super) fn new() -> Self {
        Self(Arc::new(()))
    }
}

impl PartialEq for IssuerId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for IssuerId {}

/// A key set in force.
#[derive(Clone, Debug)]
pub struct Published {
    /// The keys.
    pub set: Arc<KeySet>,
    /// Counts changes of the document. A token that was verified with another generation is
    /// verified again.
    pub generation: u64,
    /// When the issuer last confirmed the key set.
    pub fetched: Now,
    /// SHA-256 of the document.
    pub(super) digest: [u8; 32],
}

impl Published {
    /// The time since the issuer last confirmed the key set.
    pub(super) fn age(&self, now: Now) -> Duration {
        now.mono.saturating_sub(self.fetched.mono)
    }

    /// Whether tokens may be verified with the key set.
    pub(super) fn is_usable(&self, now: Now) -> bool {
        !self.set.is_empty() && self.age(now) < JWKS_STALE_MAX
    }
}

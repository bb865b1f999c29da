//! A key set in force, and what tells it from every other.

use std::{sync::Arc, time::Duration};

use crate::{
    base::{clock::Now, limits::JWKS_STALE_MAX},
    decide::token::jwk::KeySet,
};

/// Tells one [`super::IssuerKeys`] from every other of this process, and so its remembered tokens from those proved under other settings.
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
    /// Counts changes of the document: what was proved under another generation is proved again.
    pub generation: u64,
    /// When the issuer last said so.
    pub fetched: Now,
    /// SHA-256 of the document.
    pub(super) digest: [u8; 32],
}

impl Published {
    /// How long ago the issuer last said so.
    pub(super) fn age(&self, now: Now) -> Duration {
        now.mono.saturating_sub(self.fetched.mono)
    }

    /// Whether tokens may be proved with it.
    pub(super) fn is_usable(&self, now: Now) -> bool {
        !self.set.is_empty() && self.age(now) < JWKS_STALE_MAX
    }
}

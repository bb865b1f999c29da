//! The key set of the authorization server inside, handed over without a fetch, and what it has revoked.

use std::{collections::HashSet, fmt};

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use tokio::sync::Notify;

/// Written by the authorization server, read by the gateway.
#[derive(Default)]
pub struct LocalKeys {
    document: ArcSwapOption<Bytes>,
    changed: Notify,
    /// `jti` of access tokens that were revoked before their time; those of a whole family share what stands before the dot.
    revoked: ArcSwap<HashSet<Box<str>>>,
}

impl LocalKeys {
    /// Publishes a key set.
    pub fn publish(&self, document: Bytes) {
        self.document.store(Some(std::sync::Arc::new(document)));
        self.changed.notify_waiters();
    }

    /// Says which tokens and families are revoked: all of them, each time.
    pub fn revoke(&self, revoked: HashSet<Box<str>>) {
        self.revoked.store(std::sync::Arc::new(revoked));
    }

    /// Whether the token with this `jti`, or its whole family, is revoked.
    #[must_use]
    pub fn is_revoked(&self, jti: &str) -> bool {
        let revoked = self.revoked.load();
        let family = jti.split('.').next().unwrap_or_default();
        !revoked.is_empty() && (revoked.contains(jti) || revoked.contains(family))
    }

    /// The key set in force.
    pub(super) fn document(&self) -> Option<Bytes> {
        self.document.load_full().map(|document| (*document).clone())
    }

    /// Waits for another.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl fmt::Debug for LocalKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LocalKeys")
    }
}

/// One is as good as itself.
impl PartialEq for LocalKeys {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for LocalKeys {}

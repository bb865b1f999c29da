//! How much room each kind of entry has in memory and in a file. Redis has its own `maxmemory`.

use std::time::Duration;

use crate::{
    authorization_server::store::kind::EntryKind,
    base::limits::authorization_server::{
        STORE_ANYONE_BYTES_MAX, STORE_ANYONE_ENTRIES_MAX, STORE_BYTES_MAX, STORE_ENTRIES_MAX, UNUSED_CLIENT_AGE,
    },
};

/// How much room one kind has.
#[derive(Clone, Copy, Debug)]
pub(super) struct KindBound {
    /// Entries.
    pub(super) entries: usize,
    /// Bytes of keys and values.
    pub(super) bytes: usize,
}

/// How much room each kind has. Anyone can begin flows and register clients; these must not push
/// out codes, families and consents.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoreBounds {
    /// Kinds that unauthenticated clients can create.
    pub(super) anyone: KindBound,
    /// All other kinds.
    pub(super) others: KindBound,
}

/// The bounds of every store.
pub(super) const BOUNDS: StoreBounds = StoreBounds {
    anyone: KindBound { entries: STORE_ANYONE_ENTRIES_MAX, bytes: STORE_ANYONE_BYTES_MAX },
    others: KindBound { entries: STORE_ENTRIES_MAX, bytes: STORE_BYTES_MAX },
};

impl StoreBounds {
    /// The bound of one kind.
    pub(super) fn of(&self, kind: EntryKind) -> KindBound {
        use EntryKind as K;
        match kind {
            K::Flow | K::Client | K::Document => self.anyone,
            K::Login
            | K::Code
            | K::Family
            | K::Consent
            | K::Keys
            | K::Revoked
            | K::Assertion
            | K::Lease
            | K::StepUp
            | K::SessionOwner
            | K::Store => self.others,
        }
    }
}

/// When a kind is full, its entries that expire within this time are evicted, the next to expire
/// first. A client's document expires so soon until the client refreshes a token: consents to
/// invented documents evict each other, and none of a client in use.
pub(super) fn evicts_within(kind: EntryKind) -> Option<Duration> {
    matches!(kind, EntryKind::Document).then_some(UNUSED_CLIENT_AGE)
}

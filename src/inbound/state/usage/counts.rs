//! Counters of requests, streams and bytes in use, and the bounds on them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{base::limits::held::CALLER_SHARE, inbound::state::server::TotalLimits};

/// The use of one caller at one server, or of one peer at all embedded authorization servers.
#[derive(Default)]
pub(super) struct Holding {
    pub(super) here: HeldCounts,
    pub(super) streams: Count,
    /// The use of the same caller at all servers; for a peer, that of all peers.
    pub(super) everywhere: Arc<HeldCounts>,
    /// The use of all callers at all servers.
    pub(super) all: Arc<HeldCounts>,
}

/// Requests under way, and bytes held in bodies.
#[derive(Default)]
pub(super) struct HeldCounts {
    pub(super) requests: Count,
    pub(super) body_bytes: Count,
    /// Those of them that decoders of event streams hold.
    pub(super) decoders: Count,
}

#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    /// Adds `more` if `fits` is true for the old count, and returns the old count.
    pub(super) fn take(&self, more: u64, fits: impl Fn(u64) -> bool) -> Option<u64> {
        let add = |held: u64| fits(held).then(|| held.saturating_add(more));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()
    }

    /// Subtracts `back`, which was added before.
    pub(super) fn give(&self, back: u64) {
        self.0.fetch_sub(back, Ordering::Relaxed);
    }

    /// The present count.
    pub(super) fn held(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The bounds of one request and its body.
#[derive(Clone, Copy)]
pub(super) struct HeldBounds {
    pub(super) body_bytes: u64,
    pub(super) all: TotalLimits,
    /// Whether the caller is verified: then a refusal says that the caller itself uses too much.
    pub(super) is_verified: bool,
}

/// The largest part of a total bound that one caller may use.
#[must_use]
pub fn share(all: u64) -> u64 {
    (all / CALLER_SHARE).max(1)
}

//! Counters of what is held, and the bounds that they are compared with.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{base::limits::held::CALLER_SHARE, inbound::state::server::TotalLimits};

/// What one caller holds at one server, or one peer at all embedded authorization servers.
#[derive(Default)]
pub(super) struct Holding {
    pub(super) here: HeldCounts,
    pub(super) streams: Count,
    /// The same caller at all servers; for a peer, all peers together.
    pub(super) everywhere: Arc<HeldCounts>,
    /// All callers at all servers.
    pub(super) all: Arc<HeldCounts>,
}

/// Requests under way, and bytes held of bodies.
#[derive(Default)]
pub(super) struct HeldCounts {
    pub(super) requests: Count,
    pub(super) body_bytes: Count,
}

#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    /// Adds `more` if `fits` allows it for the present count, and returns that count.
    pub(super) fn take(&self, more: u64, fits: impl Fn(u64) -> bool) -> Option<u64> {
        let add = |held: u64| fits(held).then(|| held.saturating_add(more));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()
    }

    /// Subtracts what was added.
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
    /// Whether the caller is verified: then a refusal tells it that it holds too much.
    pub(super) is_verified: bool,
}

/// One caller's part of what all callers together may hold.
#[must_use]
pub fn share(all: u64) -> u64 {
    (all / CALLER_SHARE).max(1)
}

//! The idle HTTP/1.1 connections to upstreams: one list for each, closed when descriptors run short.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicUsize, Ordering},
};

use tokio::time::Instant;

use super::{Upstream, alone::Idle, lock};
use crate::base::limits::UPSTREAM_IDLE_MAX;

/// What is idle at all upstreams (attack 174).
#[derive(Default)]
pub struct Spare {
    idle: AtomicUsize,
    upstreams: Mutex<Vec<Weak<Upstream>>>,
}

impl Spare {
    /// How many idle connections there are, without those that are shared.
    pub fn idle(&self) -> usize {
        self.idle.load(Ordering::Relaxed)
    }

    /// Closes idle connections until `wanted` are closed; how many were.
    pub fn close(&self, wanted: usize) -> usize {
        if wanted == 0 {
            return 0;
        }
        let upstreams: Vec<Arc<Upstream>> = {
            let mut all = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|upstream| upstream.strong_count() > 0);
            all.iter().filter_map(Weak::upgrade).collect()
        };
        let mut closed = 0;
        for upstream in &upstreams {
            closed += upstream.idle.close(wanted - closed);
            if closed < wanted {
                closed += upstream.shared.close_idle();
            }
            if closed >= wanted {
                break;
            }
        }
        closed
    }

    /// `upstream` has idle connections from now on.
    pub(super) fn add(&self, upstream: &Arc<Upstream>) {
        self.upstreams.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(upstream));
    }
}

/// The idle connections to one upstream, the freshest last.
pub(super) struct Pool {
    list: Mutex<Vec<Idle>>,
    spare: Arc<Spare>,
}

impl Pool {
    pub(super) fn new(spare: Arc<Spare>) -> Self {
        Self { list: Mutex::default(), spare }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.list).len()
    }

    /// Takes the freshest.
    pub(super) fn pop(&self) -> Option<Idle> {
        let idle = lock(&self.list).pop()?;
        self.gone(1);
        Some(idle)
    }

    /// Adds one, where there is room.
    pub(super) fn push(&self, idle: Idle) {
        let mut list = lock(&self.list);
        if list.len() < UPSTREAM_IDLE_MAX {
            list.push(idle);
            self.spare.idle.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Closes those that may not be used again.
    pub(super) fn prune(&self, now: Instant) {
        let mut list = lock(&self.list);
        let before = list.len();
        list.retain(|idle| idle.is_good(now));
        self.gone(before - list.len());
    }

    /// Closes all.
    pub(super) fn clear(&self) {
        self.close(usize::MAX);
    }

    /// Closes the oldest, `wanted` at most; how many were closed.
    fn close(&self, wanted: usize) -> usize {
        let closed: Vec<Idle> = {
            let mut list = lock(&self.list);
            let most = wanted.min(list.len());
            list.drain(..most).collect()
        };
        self.gone(closed.len());
        closed.len()
    }

    fn gone(&self, count: usize) {
        self.spare.idle.fetch_sub(count, Ordering::Relaxed);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.clear();
    }
}

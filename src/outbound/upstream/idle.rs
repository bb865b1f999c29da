//! The idle HTTP/1.1 connections to one upstream, the most recently used last.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tokio::time::Instant;

use super::h1::Own;
use crate::base::limits::upstreams::{UPSTREAM_IDLE_MAX, UPSTREAM_IDLE_TIMEOUT};

/// A connection that waits for its next request.
struct Idle {
    own: Own,
    since: Instant,
}

impl Idle {
    /// Whether the connection may still be used.
    fn is_good(&self, now: Instant) -> bool {
        !self.is_late(now) && !self.own.is_old(now)
    }

    fn is_late(&self, now: Instant) -> bool {
        now.duration_since(self.since) > UPSTREAM_IDLE_TIMEOUT
    }
}

/// The idle connections to one upstream.
pub(super) struct IdlePool {
    list: Mutex<Vec<Idle>>,
    /// Counts the idle connections to all upstreams.
    total: Arc<AtomicUsize>,
}

impl IdlePool {
    pub(super) fn new(total: Arc<AtomicUsize>) -> Self {
        Self { list: Mutex::default(), total }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Takes the most recently used connection that is still open.
    pub(super) async fn take(&self) -> Option<Own> {
        loop {
            let mut idle = self.pop()?;
            let now = Instant::now();
            if idle.is_late(now) {
                // The remaining connections are even older.
                self.clear();
                return None;
            }
            if !idle.own.is_old(now) && idle.own.is_alive().await {
                return Some(idle.own);
            }
        }
    }

    fn pop(&self) -> Option<Idle> {
        let mut list = self.lock();
        let idle = list.pop()?;
        self.gone(1);
        Some(idle)
    }

    /// Takes a connection back, if there is room. Its answer was read to its end.
    pub(super) fn put_back(&self, own: Own) {
        let since = Instant::now();
        if own.is_old(since) {
            return;
        }
        let mut list = self.lock();
        if list.len() < UPSTREAM_IDLE_MAX {
            list.push(Idle { own, since });
            self.total.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Closes connections that may not be used again.
    pub(super) fn prune(&self, now: Instant) {
        let mut list = self.lock();
        let before = list.len();
        list.retain(|idle| idle.is_good(now));
        self.gone(before - list.len());
    }

    /// Closes all connections.
    fn clear(&self) {
        self.close(usize::MAX);
    }

    /// Closes at most `wanted` connections, the oldest first. Returns how many were closed. When it
    /// returns, the total no longer counts what other callers have closed either.
    pub(super) fn close(&self, wanted: usize) -> usize {
        let mut list = self.lock();
        let most = wanted.min(list.len());
        drop(list.drain(..most));
        self.gone(most);
        most
    }

    /// Subtracts connections that have left the list. Called with the list locked.
    fn gone(&self, count: usize) {
        self.total.fetch_sub(count, Ordering::Relaxed);
    }

    /// After a panic the list of connections is still valid.
    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for IdlePool {
    fn drop(&mut self) {
        self.clear();
    }
}

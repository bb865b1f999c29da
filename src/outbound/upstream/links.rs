//! The HTTP/2 connections to one upstream: picks the connection for the next stream.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{sync::Notify, task::AbortHandle, time::Instant};

use super::{
    counts::Counts,
    h2::{Link, StreamSlot},
};
use crate::outbound::fault::Fault;

/// The connections.
pub(super) struct Links {
    state: Mutex<LinksState>,
    /// Notified when a stream ends, when a connection opens or ends, and when a dial fails.
    pub(super) freed: Arc<Notify>,
    pub(super) most: usize,
}

#[derive(Default)]
pub(super) struct LinksState {
    pub(super) links: Vec<Link>,
    /// Calls that wait for a stream.
    pub(super) waiting: usize,
    /// The current dial. There is never more than one, so that a burst opens only the connections
    /// that it needs.
    pub(super) dialling: Option<AbortHandle>,
    /// The number of dials that failed for a lasting reason, and the last reason.
    pub(super) failures: u64,
    pub(super) fault: Option<Fault>,
}

impl LinksState {
    /// Takes a place on the connection with the fewest streams, if there is more room than earlier
    /// calls need.
    pub(super) fn take(
        &mut self,
        now: Instant,
        ahead: usize,
        counts: &Arc<Counts>,
        freed: &Arc<Notify>,
    ) -> Option<StreamSlot> {
        self.links.retain(|link| !link.is_closed());
        // An old connection gets no more streams as soon as another connection has room. It ends
        // with its last stream.
        if self.links.iter().any(|link| link.is_old(now))
            && self.links.iter().any(|link| !link.is_old(now) && link.room() > 0)
        {
            self.links.retain(|link| !link.is_old(now));
        }
        if ahead > 0 && self.links.iter().map(Link::room).fold(0, usize::saturating_add) <= ahead {
            return None;
        }
        let free = self.links.iter().filter(|link| link.room() > 0);
        free.min_by_key(|link| link.streams()).map(|link| link.slot(counts, freed))
    }

    /// Whether another connection may be dialled.
    pub(super) fn may_dial(&self, now: Instant, most: usize) -> bool {
        let fresh = self.links.iter().filter(|link| !link.is_old(now)).count();
        fresh < most && self.dialling.as_ref().is_none_or(AbortHandle::is_finished)
    }
}

/// A call that waits.
pub(super) struct Queued<'a>(&'a Links);

impl<'a> Queued<'a> {
    pub(super) fn new(links: &'a Links) -> Self {
        links.lock().waiting += 1;
        Self(links)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting = state.waiting.saturating_sub(1);
    }
}

impl Links {
    /// A pool of at most `most` connections.
    pub(super) fn new(most: usize) -> Self {
        Self { state: Mutex::default(), freed: Arc::default(), most }
    }

    /// Adds a connection that a call has dialled, and takes a place on it.
    pub(super) fn share(&self, link: Link, counts: &Arc<Counts>) -> Option<StreamSlot> {
        let mut state = self.lock();
        state.links.push(link);
        let slot = state.take(Instant::now(), 0, counts, &self.freed);
        drop(state);
        self.freed.notify_waiters();
        slot
    }

    /// Closes old connections without streams.
    pub(super) fn prune(&self) {
        let now = Instant::now();
        self.lock().links.retain(|link| !link.is_closed() && (!link.is_old(now) || link.streams() > 0));
    }

    /// Closes connections without streams. Returns how many were closed.
    pub(super) fn close_idle(&self) -> usize {
        let mut state = self.lock();
        let before = state.links.len();
        state.links.retain(|link| link.streams() > 0);
        before - state.links.len()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, LinksState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        if let Some(dialling) = self.lock().dialling.take() {
            dialling.abort();
        }
    }
}

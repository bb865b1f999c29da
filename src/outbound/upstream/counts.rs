//! Counts the open connections to one upstream and the requests under way on them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Counters of one upstream.
#[derive(Default)]
pub(super) struct Counts {
    /// Open HTTP/1.1 connections.
    own: AtomicUsize,
    /// Open HTTP/2 connections.
    shared: AtomicUsize,
    /// Open HTTP/2 streams.
    streams: AtomicUsize,
}

/// The connections and requests of an upstream at the moment of a scrape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Open connections, including idle ones.
    pub connections: usize,
    /// Requests under way on them.
    pub streams: usize,
}

impl Counts {
    /// The figures, if `idle` HTTP/1.1 connections carry no request.
    pub(super) fn figures(&self, idle: usize) -> Figures {
        let own = self.own.load(Ordering::Relaxed);
        Figures {
            connections: own + self.shared.load(Ordering::Relaxed),
            streams: own.saturating_sub(idle) + self.streams.load(Ordering::Relaxed),
        }
    }
}

/// Adds one to a counter until it is dropped.
pub(super) struct Opened {
    counts: Arc<Counts>,
    which: fn(&Counts) -> &AtomicUsize,
}

impl Opened {
    /// An HTTP/1.1 connection.
    pub(super) fn own(counts: &Arc<Counts>) -> Self {
        Self::new(counts, |counts| &counts.own)
    }

    /// An HTTP/2 connection.
    pub(super) fn shared(counts: &Arc<Counts>) -> Self {
        Self::new(counts, |counts| &counts.shared)
    }

    /// An HTTP/2 stream.
    pub(super) fn stream(counts: &Arc<Counts>) -> Self {
        Self::new(counts, |counts| &counts.streams)
    }

    fn new(counts: &Arc<Counts>, which: fn(&Counts) -> &AtomicUsize) -> Self {
        which(counts).fetch_add(1, Ordering::Relaxed);
        Self { counts: Arc::clone(counts), which }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        (self.which)(&self.counts).fetch_sub(1, Ordering::Relaxed);
    }
}

//! The observer, which all records share: metrics, audit log, clock, request ids.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    base::{clock::Clock, names::ServerName},
    observe::{
        audit::Audit,
        metrics::{Metrics, ServerSeries},
        request_id::RequestIds,
        sampled::Sampled,
        untold::Untold,
    },
};

/// In each span of this length …
const VIOLATIONS_SPAN: Duration = Duration::from_secs(1);
/// … at most this many lines are written for one kind of violation.
const VIOLATION_LINES_PER_SPAN: u32 = 10;

/// In each span of this length …
const MISFITS_SPAN: Duration = Duration::from_secs(10);
/// … at most this many warnings are written of one kind of request that a setting refuses.
const MISFIT_LINES_PER_SPAN: u32 = 5;

/// Addresses that do not count are logged once in this time, for each kind.
const EMAILS_SPAN: Duration = Duration::from_secs(60);

/// The observer of this process; every record shares it.
pub struct Observe {
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Audit lines.
    pub audit: Audit,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The metrics of requests whose path names no server.
    pub(super) unrouted: Arc<ServerSeries>,
    pub(super) ids: RequestIds,
    pub(super) untold: Untold,
    /// Bounds the audit lines about violations, by kind.
    pub(super) violations: Sampled<&'static str>,
    /// Bounds the warnings of requests that a setting refuses, by kind.
    pub(super) misfits: Sampled<&'static str>,
    /// Bounds the lines about addresses that do not count, by what they are missing for.
    pub(super) emails: Sampled<&'static str>,
    is_cut: AtomicBool,
}

impl Observe {
    /// Creates the observer.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, audit: Audit, clock: Arc<dyn Clock>) -> Arc<Self> {
        let unrouted = metrics.series(&ServerName::from(""));
        Arc::new(Self {
            metrics,
            audit,
            clock,
            unrouted,
            ids: RequestIds::new(),
            untold: Untold::default(),
            violations: Sampled::new(VIOLATIONS_SPAN, VIOLATION_LINES_PER_SPAN),
            misfits: Sampled::new(MISFITS_SPAN, MISFIT_LINES_PER_SPAN),
            emails: Sampled::new(EMAILS_SPAN, 1),
            is_cut: AtomicBool::new(false),
        })
    }

    /// The drain cuts open requests: a record that is dropped without a reason from now on ends
    /// with `drain`.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }
}

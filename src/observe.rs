//! What happened, for those who operate the gateway: logs, metrics, audit lines. Fire and forget.

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
        record::{RequestIds, Untold},
        violations::Violations,
    },
};

pub mod accept;
pub mod audit;
pub mod lines;
pub mod log;
pub mod metrics;
pub mod record;
pub mod sampled;
pub mod upstream;
pub mod violations;

/// What every record needs when it is opened and when it ends; one for each process.
pub struct Observe {
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Audit lines.
    pub audit: Audit,
    pub(in crate::observe) clock: Arc<dyn Clock>,
    /// Of requests whose path names no server.
    pub(in crate::observe) unrouted: Arc<ServerSeries>,
    pub(in crate::observe) ids: RequestIds,
    pub(in crate::observe) untold: Untold,
    pub(in crate::observe) violations: Violations,
    is_cut: AtomicBool,
}

impl Observe {
    /// How often [`Self::tell`] is to be called.
    pub const TELL_EVERY: Duration = Duration::from_millis(250);

    /// Ties the parts together.
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
            violations: Violations::new(),
            is_cut: AtomicBool::new(false),
        })
    }

    /// Writes what should not wait: decisions about requests that take long, and how many
    /// violations had no line.
    pub fn tell(&self) {
        record::tell_older(self);
        self.tell_suppressed();
    }

    /// The process ends: what is dropped from now on without another reason was cut by the drain.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    pub(in crate::observe) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }
}

//! What happened, for those who operate the gateway: logs, metrics, audit lines. Fire and forget.

use std::sync::Arc;

use crate::{
    base::{clock::Clock, names::ServerName},
    observe::{
        audit::Audit,
        metrics::{Metrics, ServerSeries},
    },
};

pub mod audit;
pub mod lines;
pub mod log;
pub mod metrics;
pub mod record;

/// What every record needs when it is opened and when it ends; one for each process.
pub struct Observe {
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Audit lines.
    pub audit: Audit,
    pub(in crate::observe) clock: Arc<dyn Clock>,
    /// Of requests whose path names no server.
    pub(in crate::observe) unrouted: Arc<ServerSeries>,
}

impl Observe {
    /// Ties the parts together.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, audit: Audit, clock: Arc<dyn Clock>) -> Arc<Self> {
        let unrouted = metrics.series(&ServerName::from(""));
        Arc::new(Self { metrics, audit, clock, unrouted })
    }
}

//! What the admin port tells: readiness, and the metrics with each issuer's figures as they are now.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{
    app::{
        admin::Tells,
        build::{Kept, Parts},
        ready::{IssuerState, Readiness, Report},
    },
    observe::{Observe, metrics::IssuerFigures},
    outbound::keys::IssuerKeys,
};

/// Shared by the admin port and whoever changes what it tells.
pub(super) struct Status {
    pub(super) observe: Arc<Observe>,
    pub(super) readiness: Readiness,
    /// Those of the configuration in force.
    pub(super) issuers: ArcSwap<Vec<Arc<IssuerKeys>>>,
    /// Of its embedded authorization servers.
    pub(super) states: ArcSwap<Vec<Kept>>,
}

impl Status {
    pub(super) fn new(observe: &Arc<Observe>, parts: &Parts) -> Self {
        Self {
            observe: Arc::clone(observe),
            readiness: Readiness::default(),
            issuers: ArcSwap::from_pointee(parts.issuers.clone()),
            states: ArcSwap::from_pointee(parts.states.clone()),
        }
    }
}

impl Tells for Status {
    fn ready(&self) -> Report {
        let issuers = self.issuers.load();
        let mut report = self.readiness.report(issuers.iter().map(|issuer| {
            let status = issuer.status();
            IssuerState { name: issuer.rules().name.to_string(), has_keys: status.ready, last_error: status.last_error }
        }));
        // Tokens that were issued go on working: no reason to send requests elsewhere, where the store is the same.
        for kept in self.states.load().iter() {
            let trouble = kept.state.trouble();
            report.notes.extend(trouble.map(|trouble| format!("authorization server {}: {trouble}", kept.name)));
        }
        report
    }

    fn metrics(&self) -> String {
        for issuer in self.issuers.load().iter() {
            let status = issuer.status();
            let figures = IssuerFigures {
                fetched: status.fetches_ok,
                failed: status.fetches_failed,
                keys: status.keys,
                skipped: status.skipped,
            };
            self.observe.metrics.issuer(&issuer.rules().name, figures);
        }
        self.observe.metrics.encode()
    }
}

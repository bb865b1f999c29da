//! What listeners and requests do with their own series.

use prometheus_client::metrics::gauge::Gauge;

use super::{ConnectionSeries, Held, ListenerSeries, Violated};
use crate::decide::fields::framing::violation::Violation;

impl ListenerSeries {
    /// A connection was accepted; it is open until the result is dropped.
    pub fn accepted(&self) -> Held {
        self.accepted.inc();
        Held::of(&self.open)
    }

    /// The listener's address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A connection broke HTTP in this way.
    pub fn violated(&self, violation: Violation) {
        let labels = Violated { listener: self.address.to_string(), violation: violation.as_str() };
        self.violations.get_or_create(&labels).inc();
    }

    /// The TLS handshake of a connection failed.
    pub fn handshake_failed(&self) {
        self.handshake_failures.inc();
    }
}

impl ConnectionSeries {
    /// An idle connection makes room.
    pub fn closed_for_room(&self) {
        self.closed_for_room.inc();
    }
}

impl Held {
    pub(super) fn of(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

//! The metrics of each issuer: its keys, and the company IdP of an embedded server.

use std::sync::atomic::Ordering;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Metric, Registry},
};

use crate::base::names::AuthorizationServerName;

/// The state of one issuer's keys at the moment of a scrape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssuerFigures {
    /// Successful fetches since the start.
    pub fetched: u64,
    /// Failed fetches.
    pub failed: u64,
    /// Usable keys held.
    pub keys: usize,
    /// Keys of the set that cannot be used.
    pub skipped: usize,
}

/// The metrics of all issuers.
pub(super) struct IssuerFamilies {
    jwks_fetches: Family<Fetches, Counter>,
    jwks_keys: Family<Issuer, Gauge>,
    jwks_keys_skipped: Family<Issuer, Gauge>,
    idp_exchanges: Family<Fetches, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Issuer {
    issuer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Fetches {
    issuer: String,
    result: &'static str,
}

impl IssuerFamilies {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            jwks_fetches: add(registry, "jwks_fetches", "Fetches of an issuer's keys"),
            jwks_keys: add(registry, "jwks_keys", "Usable keys held of an issuer"),
            jwks_keys_skipped: add(registry, "jwks_keys_skipped", "Keys of an issuer that cannot be used"),
            idp_exchanges: add(registry, "idp_exchanges", "Requests to the token endpoint of a company IdP"),
        }
    }

    pub(super) fn set(&self, name: &AuthorizationServerName, figures: IssuerFigures) {
        let labels = Issuer { issuer: name.to_string() };
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.jwks_keys.get_or_create(&labels).set(gauge(figures.keys));
        self.jwks_keys_skipped.get_or_create(&labels).set(gauge(figures.skipped));
        for (result, count) in [("ok", figures.fetched), ("failed", figures.failed)] {
            let labels = Fetches { issuer: name.to_string(), result };
            self.jwks_fetches.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
        }
    }

    pub(super) fn set_idp(&self, name: &AuthorizationServerName, figures: [(&'static str, u64); 4]) {
        for (result, count) in figures {
            let labels = Fetches { issuer: name.to_string(), result };
            self.idp_exchanges.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
        }
    }

    pub(super) fn remove(&self, name: &AuthorizationServerName) {
        let labels = Issuer { issuer: name.to_string() };
        self.jwks_keys.remove(&labels);
        self.jwks_keys_skipped.remove(&labels);
        for result in ["ok", "failed"] {
            self.jwks_fetches.remove(&Fetches { issuer: name.to_string(), result });
        }
        for result in ["granted", "over", "refused", "unavailable"] {
            self.idp_exchanges.remove(&Fetches { issuer: name.to_string(), result });
        }
    }
}

fn add<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

//! The metrics of each issuer: its keys, and the company IdP of an embedded server.

use std::sync::{Mutex, PoisonError, atomic::Ordering};

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
    /// Introspections by result; `None` for an issuer without.
    pub introspections: Option<[(&'static str, u64); 3]>,
}

/// The metrics of all issuers.
pub(super) struct IssuerFamilies {
    jwks_fetches: Family<Fetches, Counter>,
    jwks_keys: Family<Issuer, Gauge>,
    introspections: Family<Fetches, Counter>,
    jwks_keys_skipped: Family<Issuer, Gauge>,
    idp_exchanges: Family<Fetches, Counter>,
    idp_metadata_fetches: Family<Fetches, Counter>,
    idp_up: Family<Issuer, Gauge>,
    refusals: Family<Refused, Counter>,
    /// The embedded servers with series in `refusals`.
    refusing: Mutex<Vec<AuthorizationServerName>>,
}

/// The state of one company IdP at the moment of a scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompanyIdpFigures {
    /// Exchanges by result.
    pub exchanges: [(&'static str, u64); 4],
    /// Successful and failed fetches of its metadata.
    pub metadata_fetches: (u64, u64),
    /// Whether users can sign in, as far as is known.
    pub is_up: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Issuer {
    issuer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    issuer: String,
    event: &'static str,
    why: &'static str,
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
            introspections: add(registry, "introspections", "Questions to an introspection endpoint"),
            jwks_keys: add(registry, "jwks_keys", "Usable keys held of an issuer"),
            jwks_keys_skipped: add(registry, "jwks_keys_skipped", "Keys of an issuer that cannot be used"),
            idp_exchanges: add(registry, "idp_exchanges", "Requests to the token endpoint of a company IdP"),
            idp_metadata_fetches: add(registry, "idp_metadata_fetches", "Fetches of a company IdP's metadata"),
            idp_up: add(registry, "idp_up", "Whether users can sign in at a company IdP, as far as is known"),
            refusals: add(registry, "authorization_refusals", "Requests that an embedded server refused"),
            refusing: Mutex::default(),
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
        for (result, count) in figures.introspections.into_iter().flatten() {
            let labels = Fetches { issuer: name.to_string(), result };
            self.introspections.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
        }
    }

    pub(super) fn set_idp(&self, name: &AuthorizationServerName, figures: CompanyIdpFigures) {
        for (result, count) in figures.exchanges {
            let labels = Fetches { issuer: name.to_string(), result };
            self.idp_exchanges.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
        }
        let (ok, failed) = figures.metadata_fetches;
        for (result, count) in [("ok", ok), ("failed", failed)] {
            let labels = Fetches { issuer: name.to_string(), result };
            self.idp_metadata_fetches.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
        }
        self.idp_up.get_or_create(&Issuer { issuer: name.to_string() }).set(i64::from(figures.is_up));
    }

    /// Sets how often each embedded server refused what, and why.
    pub(super) fn set_refusals<'a>(
        &self,
        figures: impl Iterator<Item = (&'a AuthorizationServerName, (&'static str, &'static str, u64))>,
    ) {
        // Only then are series removed: two scrapes at once must both find all of them.
        let figures: Vec<_> = figures.collect();
        let mut names: Vec<&AuthorizationServerName> = figures.iter().map(|(name, _)| *name).collect();
        names.dedup();
        let mut known = self.refusing.lock().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|name| !names.contains(&name)) {
            self.refusals.clear();
        }
        *known = names.into_iter().cloned().collect();
        for (name, (event, why, count)) in figures {
            let labels = Refused { issuer: name.to_string(), event, why };
            self.refusals.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
        }
    }

    pub(super) fn remove(&self, name: &AuthorizationServerName) {
        let labels = Issuer { issuer: name.to_string() };
        self.jwks_keys.remove(&labels);
        self.jwks_keys_skipped.remove(&labels);
        self.idp_up.remove(&labels);
        for result in ["ok", "failed"] {
            self.idp_metadata_fetches.remove(&Fetches { issuer: name.to_string(), result });
            self.jwks_fetches.remove(&Fetches { issuer: name.to_string(), result });
        }
        for result in ["active", "refused", "failed"] {
            self.introspections.remove(&Fetches { issuer: name.to_string(), result });
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

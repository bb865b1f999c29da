//! The series of the stores of embedded authorization servers.

use std::sync::atomic::Ordering;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Metric, Registry},
};

use crate::base::names::AuthorizationServerName;

/// The state of one store at the moment of a scrape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// The configured seal keys by their ids, and whether the store needs each.
    pub keys: Vec<(String, bool)>,
    /// Stored values that were refused.
    pub refused: u64,
    /// How often background work with the store failed.
    pub failures: u64,
    /// How often the store was found empty, replaced or deleted.
    pub losses: u64,
    /// How often signing keys were replaced: no key opened them, or they were lost with the store.
    pub signing_keys_replaced: u64,
    /// How often signing keys had vanished from the store and were put back.
    pub signing_keys_restored: u64,
    /// Whether Redis evicts live entries.
    pub evicts: bool,
}

pub(super) struct StoreFamilies {
    key_needed: Family<NeededKey, Gauge>,
    values_refused: Family<OfStore, Counter>,
    failures: Family<OfStore, Counter>,
    losses: Family<OfStore, Counter>,
    signing_keys_replaced: Family<OfStore, Counter>,
    signing_keys_restored: Family<OfStore, Counter>,
    evicts: Family<OfStore, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStore {
    issuer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NeededKey {
    issuer: String,
    key: String,
}

impl StoreFamilies {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            key_needed: added(registry, "store_key_needed", "Whether the store needs this key of session_keys"),
            values_refused: added(registry, "store_values_refused", "Stored values that were changed or moved"),
            failures: added(registry, "store_failures", "Background work that failed: the store is away or full"),
            losses: added(registry, "store_losses", "Stores found empty, replaced or deleted"),
            signing_keys_replaced: added(
                registry,
                "signing_keys_replaced",
                "Signing keys replaced because no key of session_keys opened them, or the store lost them",
            ),
            signing_keys_restored: added(
                registry,
                "signing_keys_restored",
                "Signing keys put back because they had vanished from the store",
            ),
            evicts: added(registry, "store_evicts", "Whether Redis deletes live entries when it is full"),
        }
    }

    /// Sets the figures of all stores: a key or a store that is gone has no series.
    pub(super) fn set<'a>(&self, stores: impl Iterator<Item = (&'a AuthorizationServerName, StoreFigures)>) {
        self.key_needed.clear();
        self.evicts.clear();
        for (name, figures) in stores {
            let issuer = name.to_string();
            for (key, is_needed) in figures.keys {
                self.key_needed.get_or_create(&NeededKey { issuer: issuer.clone(), key }).set(is_needed.into());
            }
            let labels = OfStore { issuer };
            self.evicts.get_or_create(&labels).set(figures.evicts.into());
            for (family, count) in [
                (&self.values_refused, figures.refused),
                (&self.failures, figures.failures),
                (&self.losses, figures.losses),
                (&self.signing_keys_replaced, figures.signing_keys_replaced),
                (&self.signing_keys_restored, figures.signing_keys_restored),
            ] {
                family.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
            }
        }
    }
}

fn added<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

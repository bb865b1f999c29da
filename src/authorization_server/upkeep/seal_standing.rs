//! Which seal keys the store still needs, as far as that was found out.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    authorization_server::{keys::seal::Sealer, replica::Others},
    base::limits::authorization_server::{SEALS_AGAIN, SEALS_EVERY},
    decide::authorization_server::stored_value::SealKeyId,
};

/// What is known about the seals of the store.
#[derive(Default)]
pub(crate) struct SealStanding(Mutex<Standing>);

#[derive(Default)]
struct Standing {
    /// Why each key is needed, besides the first; `None` before the store was gone through.
    needed: Option<BTreeMap<SealKeyId, String>>,
    /// When the store was last gone through (monotonic).
    last: Option<Duration>,
    /// Whether it should be gone through again soon.
    unfinished: bool,
    /// Why this replica and the others cannot read what each other writes.
    apart: Vec<String>,
}

impl SealStanding {
    /// Why each configured key besides the first is still needed. Empty if the store seals nothing.
    pub(crate) fn needed(&self, sealer: &Sealer) -> Vec<(SealKeyId, String)> {
        let standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &standing.needed {
            Some(needed) => needed.iter().map(|(key, why)| (*key, why.clone())).collect(),
            None => sealer.ids().skip(1).map(|key| (key, "it was not checked yet".to_owned())).collect(),
        }
    }

    /// Why this replica and the others cannot read what each other writes: their keys were changed
    /// in too few steps.
    pub(crate) fn apart(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).apart.clone()
    }

    /// Compares the keys of this replica with those of the others.
    pub(super) fn compare(&self, sealer: &Sealer, others: &Others) {
        let known: Vec<SealKeyId> = sealer.ids().collect();
        let unread = others.first_keys().into_iter().filter(|key| !known.contains(key));
        let mut apart: Vec<String> = unread
            .map(|key| {
                format!(
                    "another replica seals with key {key}, which is not in session_keys here, so this one cannot read what it writes: add the key to session_keys of every replica before it becomes the first of any"
                )
            })
            .collect();
        apart.extend(known.first().filter(|first| !others.all_have(**first)).map(|first| {
            format!(
                "another replica does not have session_keys[0] (key {first}), so it cannot read what this one writes: add the key to session_keys of every replica before it becomes the first of any"
            )
        }));
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for news in apart.iter().filter(|one| !standing.apart.contains(one)) {
            tracing::error!(target: "portcullis::authorization_server", "{news}");
        }
        standing.apart = apart;
    }

    /// Whether the store should be gone through now.
    pub(super) fn is_due(&self, now: Duration, is_stale: bool) -> bool {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        standing.unfinished |= is_stale;
        let wait = if standing.unfinished { SEALS_AGAIN } else { SEALS_EVERY };
        standing.last.is_none_or(|last| now.saturating_sub(last) >= wait)
    }

    /// Records a walk through the store. Returns whether no key but the first is needed any more,
    /// and that is news.
    pub(super) fn record(&self, needed: BTreeMap<SealKeyId, String>, unfinished: bool, now: Duration) -> bool {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = needed.is_empty();
        let before = standing.needed.replace(needed);
        standing.last = Some(now);
        standing.unfinished = unfinished;
        is_free && before.is_none_or(|before| !before.is_empty())
    }
}

//! What the replicas of one store tell each other: their seal keys, and that they run.
//!
//! A replica with other keys must be able to read it, so it is not sealed. An attacker who writes
//! to the store can use it to delay that values are sealed again or signing keys are replaced, and
//! for no more.

use std::{collections::HashSet, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    authorization_server::{
        keys::random,
        store::{Store, fault::StoreFault, kind::EntryKind},
    },
    base::limits::authorization_server::REPLICA_AGE,
    decide::authorization_server::stored_value::SealKeyId,
};

const PREFIX: &str = "replica.";

/// This process among the replicas.
pub(crate) struct Replica {
    id: String,
    /// When it began, in milliseconds since 1970.
    since: u64,
}

/// What a replica says about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Announcement {
    /// Its seal keys; the first seals.
    pub(crate) keys: Vec<SealKeyId>,
    /// When it began, in milliseconds since 1970.
    since: u64,
    /// The digest of the signing keys that it opened, as the store has them.
    ring: Option<String>,
}

/// What the other replicas say.
#[derive(Debug, Default)]
pub(crate) struct Others(Vec<(String, Announcement)>);

impl Replica {
    /// A new replica.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn new(wall: Duration) -> Result<Self, &'static str> {
        let id = random::unguessable()?.chars().take(22).collect();
        Ok(Self { id, since: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX) })
    }

    /// Says that this replica runs.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub(crate) async fn announce(
        &self,
        store: &Store,
        keys: Vec<SealKeyId>,
        ring: Option<String>,
        wall: Duration,
    ) -> Result<(), StoreFault> {
        let announcement = Announcement { keys, since: self.since, ring };
        let value = serde_json::to_vec(&announcement).map_err(|cause| StoreFault(cause.to_string()))?;
        store.put(EntryKind::Store, &format!("{PREFIX}{}", self.id), value, wall.saturating_add(REPLICA_AGE)).await
    }

    /// Says that this replica ends.
    ///
    /// # Errors
    /// [`StoreFault`]; the others then notice by its age.
    pub(crate) async fn leave(&self, store: &Store) -> Result<(), StoreFault> {
        store.delete(EntryKind::Store, &format!("{PREFIX}{}", self.id)).await
    }

    /// The replicas that run, without this one.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub(crate) async fn others(&self, store: &Store) -> Result<Others, StoreFault> {
        let mut all = Others::all(store).await?;
        all.0.retain(|(id, _)| *id != self.id);
        Ok(all)
    }

    /// Whether this replica may seal with `first` what another key sealed. All others must be able
    /// to open it; and of replicas whose first keys differ, which happens while new keys are rolled
    /// out, only the newest seals again, so that they do not undo each other's work.
    pub(crate) fn may_reseal(&self, first: SealKeyId, others: &Others) -> Result<(), String> {
        for (id, other) in &others.0 {
            if !other.keys.contains(&first) {
                return Err(format!("a replica that runs does not have key {first}"));
            }
            if other.keys.first() != Some(&first) && (other.since, id) > (self.since, &self.id) {
                return Err("a newer replica seals with another key".to_owned());
            }
        }
        Ok(())
    }
}

impl Others {
    /// All replicas that run.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub(crate) async fn all(store: &Store) -> Result<Self, StoreFault> {
        let listed = store.list(EntryKind::Store).await?;
        let read = |(name, value): (String, Vec<u8>)| {
            Some((name.strip_prefix(PREFIX)?.to_owned(), serde_json::from_slice(&value).ok()?))
        };
        Ok(Self(listed.into_iter().filter_map(read).collect()))
    }

    /// All their keys.
    pub(crate) fn keys(&self) -> HashSet<SealKeyId> {
        self.0.iter().flat_map(|(_, other)| other.keys.iter().copied()).collect()
    }

    /// The keys that they seal with, each once.
    pub(crate) fn first_keys(&self) -> Vec<SealKeyId> {
        let mut keys = Vec::new();
        for key in self.0.iter().filter_map(|(_, other)| other.keys.first()) {
            if !keys.contains(key) {
                keys.push(*key);
            }
        }
        keys
    }

    /// Whether each of them has this key.
    pub(crate) fn all_have(&self, key: SealKeyId) -> bool {
        self.0.iter().all(|(_, other)| other.keys.contains(&key))
    }

    /// How many of them seal with this key.
    pub(crate) fn that_seal_with(&self, key: SealKeyId) -> usize {
        self.0.iter().filter(|(_, other)| other.keys.first() == Some(&key)).count()
    }

    /// Whether one of them has signing keys.
    pub(crate) fn have_keys(&self) -> bool {
        self.0.iter().any(|(_, other)| other.ring.is_some())
    }

    /// Whether one of them can open the signing keys with this digest.
    pub(crate) fn open(&self, ring: &str) -> bool {
        self.0.iter().any(|(_, other)| other.ring.as_deref() == Some(ring))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SealKeyId = SealKeyId::new([1; 4]);
    const B: SealKeyId = SealKeyId::new([2; 4]);

    fn others(all: &[(u64, &[SealKeyId])]) -> Others {
        let one = |(since, keys): &(u64, &[SealKeyId])| {
            (format!("other-{since}"), Announcement { keys: keys.to_vec(), since: *since, ring: None })
        };
        Others(all.iter().map(one).collect())
    }

    #[test]
    fn login_a1_while_keys_are_rolled_out_one_side_seals_again_and_only_what_all_can_open() {
        let replica = Replica { id: "this".to_owned(), since: 5 };
        for (first, all, may) in [
            (A, &[][..], true),
            (A, &[(1, &[A][..])], true),
            (A, &[(9, &[A, B])], true),
            (B, &[(1, &[A, B])], true),
            (A, &[(9, &[B, A])], false),
            (B, &[(9, &[A, B])], false),
            (B, &[(1, &[A])], false),
            (B, &[(1, &[A, B]), (2, &[A])], false),
            (B, &[(1, &[B]), (9, &[B, A])], true),
        ] {
            assert_eq!(replica.may_reseal(first, &others(all)).is_ok(), may, "{first} {all:?}");
        }
    }

    #[test]
    fn login_a1_what_others_seal_with_and_whether_all_have_a_key() {
        let two = others(&[(1, &[A, B]), (2, &[A])]);
        assert_eq!(two.first_keys(), [A]);
        assert_eq!((two.all_have(A), two.all_have(B)), (true, false));
        assert!(others(&[]).all_have(B) && others(&[]).first_keys().is_empty());
    }
}

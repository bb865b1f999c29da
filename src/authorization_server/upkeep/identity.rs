//! Notices that the store was emptied, replaced or deleted, or that it evicts live entries.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    authorization_server::{
        keys::random,
        store::{Store, fault::StoreFault, kind::EntryKind},
    },
    base::{
        clock::Now,
        limits::authorization_server::{STORE_EVICTION_EVERY, STORE_LOSS_REPORTED},
    },
};

/// The entry that tells one store from another.
const PLACE: &str = "marker";
/// The entry that is written to learn whether the store takes writes.
const WRITTEN: &str = "written";
/// How long that entry is kept.
const WRITTEN_KEPT: Duration = Duration::from_secs(3600);
/// How long the marker is kept after the last renewal.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
/// How often it is renewed.
const RENEWED_EVERY: Duration = Duration::from_secs(24 * 3600);

#[derive(Serialize, Deserialize)]
struct Marker {
    id: String,
    /// When the first replica that knows this entry used the store, in seconds since 1970.
    since: u64,
}

/// What is known about the identity of the store.
#[derive(Default)]
pub(crate) struct StoreIdentity {
    known: Mutex<Known>,
    losses: AtomicU64,
}

#[derive(Default)]
struct Known {
    id: Option<String>,
    renewed: Option<Duration>,
    /// When the store was found empty, or another one.
    lost: Option<Duration>,
    /// What happened to the file.
    displaced: Option<String>,
    /// The eviction policy, and when it was asked for.
    evicts: Option<String>,
    asked: Option<Duration>,
}

impl StoreIdentity {
    /// What is wrong with the store, for the operator.
    pub(crate) fn troubles(&self, now: Now) -> Vec<String> {
        let known = self.known();
        let lost = known.lost.filter(|lost| now.mono.saturating_sub(*lost) < STORE_LOSS_REPORTED).map(|lost| {
            let ago = now.mono.saturating_sub(lost).as_secs();
            format!("the store was emptied or replaced {ago} s ago: all logins, clients and revocations in it are lost")
        });
        let displaced = known.displaced.as_ref().map(|what| {
            format!("the store's file is gone: {what}; logins from now on are lost when this process ends: restart it")
        });
        let evicts = known.evicts.as_ref().map(|policy| {
            format!("Redis evicts live entries when it is full (maxmemory-policy {policy}): set it to noeviction")
        });
        lost.into_iter().chain(displaced).chain(evicts).collect()
    }

    /// The id of the store as it was last seen.
    pub(crate) fn id(&self) -> Option<String> {
        self.known().id.clone()
    }

    /// How often the store was lost.
    pub(crate) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    /// Whether Redis evicts live entries.
    pub(crate) fn is_evicting(&self) -> bool {
        self.known().evicts.is_some()
    }

    /// When the store was first used by a replica that seals values, in seconds since 1970.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub(crate) async fn since(&self, store: &Store) -> Result<Option<u64>, StoreFault> {
        Ok(marker(store).await?.map(|marker| marker.since))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, now: Now, what: &str) {
        self.losses.fetch_add(1, Ordering::Relaxed);
        self.known().lost = Some(now.mono);
        tracing::error!(target: "portcullis::authorization_server", what, "the store was lost: users must sign in again, and clients register again");
    }

    /// Checks that the store is still the same. A store without a marker gets one, but not
    /// before it has signing keys: if a marked store has none, they are known to be lost.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub(crate) async fn look(&self, store: &Store, has_keys: bool, now: Now) -> Result<(), StoreFault> {
        if let Some(what) = store.displaced().await? {
            if self.known().displaced.replace(what.clone()).is_none() {
                self.losses.fetch_add(1, Ordering::Relaxed);
                tracing::error!(target: "portcullis::authorization_server", what, "the store's file is gone: restart the process");
            }
            return Ok(());
        }
        self.known().displaced = None;
        let before = self.known().id.clone();
        let found = marker(store).await?;
        match (&before, &found) {
            (Some(_), None) => self.lose(now, "its entries are gone"),
            (Some(before), Some(found)) if *before != found.id => self.lose(now, "another store is in its place"),
            _ => {}
        }
        let id = match found {
            Some(found) => found.id,
            None if has_keys => mark(store, now).await?,
            None => return Ok(()),
        };
        self.known().id = Some(id);
        self.renew(store, now).await
    }

    /// Writes something small, as every login and refresh does.
    ///
    /// # Errors
    /// [`StoreFault`]: the disk is full, or read-only.
    pub(super) async fn write(&self, store: &Store, now: Now) -> Result<(), StoreFault> {
        // After the file is gone, a write may fail or not: that is reported already.
        if self.known().displaced.is_some() {
            return Ok(());
        }
        // The time and the expiry change at each write, so the index is written, too.
        let value = now.unix_secs().to_string().into_bytes();
        store.put(EntryKind::Store, WRITTEN, value, now.wall.saturating_add(WRITTEN_KEPT)).await
    }

    async fn renew(&self, store: &Store, now: Now) -> Result<(), StoreFault> {
        if self.known().renewed.is_some_and(|last| now.mono.saturating_sub(last) < RENEWED_EVERY) {
            return Ok(());
        }
        if let Some(value) = store.get(EntryKind::Store, PLACE).await? {
            let until = now.wall.saturating_add(KEPT);
            store.replace(EntryKind::Store, PLACE, &value, value.clone(), Some(until)).await?;
        }
        self.known().renewed = Some(now.mono);
        Ok(())
    }

    /// Asks whether Redis evicts live entries, if that is due.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub(super) async fn look_for_eviction(&self, store: &Store, now: Now) -> Result<(), StoreFault> {
        if self.known().asked.is_some_and(|last| now.mono.saturating_sub(last) < STORE_EVICTION_EVERY) {
            return Ok(());
        }
        let found = store.eviction().await?;
        self.known().asked = Some(now.mono);
        let before = std::mem::replace(&mut self.known().evicts, found.clone());
        if let Some(policy) = found.filter(|found| before.as_ref() != Some(found)) {
            tracing::error!(
                target: "portcullis::authorization_server", policy,
                "Redis evicts live entries when it is full, so logins and revocations may vanish: set maxmemory-policy noeviction"
            );
        }
        Ok(())
    }
}

/// The id of the store that is there now; `None` if it is not marked.
///
/// # Errors
/// [`StoreFault`].
pub(crate) async fn marker_id(store: &Store) -> Result<Option<String>, StoreFault> {
    Ok(marker(store).await?.map(|marker| marker.id))
}

async fn marker(store: &Store) -> Result<Option<Marker>, StoreFault> {
    let value = store.get(EntryKind::Store, PLACE).await?;
    Ok(value.and_then(|value| serde_json::from_slice(&value).ok()))
}

/// Marks a store that has no marker; returns its id.
async fn mark(store: &Store, now: Now) -> Result<String, StoreFault> {
    let id = random::unguessable().map_err(|why| StoreFault(why.to_owned()))?;
    let made = Marker { id: id.clone(), since: now.unix_secs() };
    let made = serde_json::to_vec(&made).map_err(|cause| StoreFault(cause.to_string()))?;
    let until = now.wall.saturating_add(KEPT);
    if store.create(EntryKind::Store, PLACE, made.clone(), until).await? {
        return Ok(id);
    }
    match marker(store).await? {
        // Another replica was faster.
        Some(found) => Ok(found.id),
        // An entry that cannot be read is replaced.
        None => store.put(EntryKind::Store, PLACE, made, until).await.map(|()| id),
    }
}

//! The store of the embedded server: memory, file or Redis, with a few atomic operations.

use std::{sync::Arc, time::Duration};

use crate::{
    authorization_server::{keys::seal::Sealer, settings::StoreSettings},
    base::{clock::Clock, limits::authorization_server::STORE_VALUE_BYTES_MAX},
    outbound::fetch::Roots,
};

use bounds::BOUNDS;
use fault::StoreFault;
use file::File;
pub(crate) use file::{census, usable::usable};
use kind::EntryKind;
use memory::Memory;
use redis::Redis;
use seals::Seals;

mod batch;
mod bounds;
pub mod fault;
mod file;
pub mod kind;
mod memory;
mod opened_file;
mod redis;
pub(crate) mod renew;
pub(crate) mod seals;
#[cfg(test)]
mod tests;

/// How often a change is tried again while the seal of the value changes.
const ATTEMPTS: usize = 4;

/// A store. Times are since 1970; an expired entry is absent, swept or not. After a write returns,
/// the entry survives a kill of the process and a crash of the machine (file; Redis as configured).
pub struct Store {
    clock: Arc<dyn Clock>,
    backend: Backend,
    /// Seals of values; `None` for a store that does not.
    seals: Option<Seals>,
}

enum Backend {
    Memory(Memory),
    File(File),
    Redis(Box<Redis>),
}

impl Store {
    /// Opens a store. Redis is dialled on first use, so the gateway starts without it. With TLS,
    /// its certificate must chain to `roots`.
    ///
    /// # Errors
    /// What is wrong with the file or the URL; never the URL itself, which may contain a password.
    pub fn open(settings: &StoreSettings, roots: Roots, clock: Arc<dyn Clock>) -> Result<Self, StoreFault> {
        let backend = match settings {
            StoreSettings::Memory => Backend::Memory(Memory::new(BOUNDS)),
            StoreSettings::File(path) => Backend::File(File::open(path, BOUNDS, clock.now().wall)?),
            StoreSettings::Redis(url) => Backend::Redis(Box::new(Redis::new(url, roots, BOUNDS)?)),
        };
        Ok(Self { clock, backend, seals: None })
    }

    /// The same store, whose values are sealed from now on. A memory store is not: only this
    /// process can write to it.
    #[must_use]
    pub fn sealed_with(self, sealer: Arc<Sealer>) -> Self {
        let seals = match self.backend {
            Backend::Memory(_) => None,
            Backend::File(_) | Backend::Redis(_) => Some(Seals::new(sealer)),
        };
        Self { seals, ..self }
    }

    /// Its seals, if it seals its values.
    pub(crate) fn seals(&self) -> Option<&Seals> {
        self.seals.as_ref()
    }

    /// Whether other processes use it at the same time.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.backend, Backend::Redis(_))
    }

    /// The value.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn get(&self, kind: EntryKind, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        let stored = self.get_raw(kind, key).await?;
        self.read(kind, key, stored)
    }

    /// Writes, replacing any entry.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn put(&self, kind: EntryKind, key: &str, value: Vec<u8>, until: Duration) -> Result<(), StoreFault> {
        let value = self.written(kind, key, value)?;
        match &self.backend {
            Backend::Memory(memory) => memory.put(self.now(), kind, key, value, until),
            Backend::File(file) => file.put(self.now(), kind, key, value, until).await,
            Backend::Redis(redis) => redis.put(&*self.clock, kind, key, &value, until).await,
        }
    }

    /// Writes if there is no entry; returns whether it did.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn create(
        &self,
        kind: EntryKind,
        key: &str,
        value: Vec<u8>,
        until: Duration,
    ) -> Result<bool, StoreFault> {
        let value = self.written(kind, key, value)?;
        let created = match &self.backend {
            Backend::Memory(memory) => memory.create(self.now(), kind, key, value.clone(), until, None)?,
            Backend::File(file) => file.create(self.now(), kind, key, value.clone(), until, None).await?,
            Backend::Redis(redis) => redis.create(&*self.clock, kind, key, &value, until).await?,
        };
        if created || self.seals.is_none() || !kind.is_sealed() {
            return Ok(created);
        }
        Box::pin(self.create_anew(kind, key, value, until)).await
    }

    /// As [`Self::create`], for an entry of kind [`EntryKind::Client`] that waits for its first
    /// use. If there is no room, the oldest entry of the group whose waiting entries have the most
    /// bytes is evicted. The wait ends when [`Self::replace`] gives the entry another expiry.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn create_waiting(
        &self,
        key: &str,
        value: Vec<u8>,
        until: Duration,
        group: &str,
    ) -> Result<bool, StoreFault> {
        let kind = EntryKind::Client;
        let value = self.written(kind, key, value)?;
        match &self.backend {
            Backend::Memory(memory) => memory.create(self.now(), kind, key, value, until, Some(group)),
            Backend::File(file) => file.create(self.now(), kind, key, value, until, Some(group)).await,
            Backend::Redis(redis) => redis.create_waiting(&*self.clock, kind, key, &value, until, group).await,
        }
    }

    /// Replaces a refused value: it counts as absent, so it does not stand in the way either.
    async fn create_anew(
        &self,
        kind: EntryKind,
        key: &str,
        value: Vec<u8>,
        until: Duration,
    ) -> Result<bool, StoreFault> {
        match self.get_raw(kind, key).await? {
            Some(stored) if self.read(kind, key, Some(stored.clone()))?.is_none() => {
                self.replace_raw(kind, key, &stored, value, Some(until)).await
            }
            _ => Ok(false),
        }
    }

    /// Removes and returns the value, for tests: at most one of several callers gets it.
    ///
    /// # Errors
    /// [`StoreFault`].
    #[cfg(test)]
    pub(crate) async fn take(&self, kind: EntryKind, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        let stored = match &self.backend {
            Backend::Memory(memory) => memory.take(self.now(), kind, key),
            Backend::File(file) => file.take(self.now(), kind, key).await?,
            Backend::Redis(redis) => redis.take(&*self.clock, kind, key).await?,
        };
        self.read(kind, key, stored)
    }

    /// Replaces `expected`, byte for byte, with `value`; returns whether it did. Without `until`
    /// the entry keeps its expiry.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn replace(
        &self,
        kind: EntryKind,
        key: &str,
        expected: &[u8],
        value: Vec<u8>,
        until: Option<Duration>,
    ) -> Result<bool, StoreFault> {
        let value = self.written(kind, key, value)?;
        let Some(seals) = self.seals.as_ref().filter(|_| kind.is_sealed()) else {
            return self.replace_raw(kind, key, expected, value, until).await;
        };
        if self.replace_raw(kind, key, &seals.seal(kind, key, expected)?, value.clone(), until).await? {
            return Ok(true);
        }
        // Rarely needed, so its state is on the heap.
        Box::pin(self.replace_seal(kind, key, expected, value, until)).await
    }

    /// [`Self::replace`] for a value whose seal is of another key, or that has none yet.
    async fn replace_seal(
        &self,
        kind: EntryKind,
        key: &str,
        expected: &[u8],
        value: Vec<u8>,
        until: Option<Duration>,
    ) -> Result<bool, StoreFault> {
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.get_raw(kind, key).await? else { return Ok(false) };
            if self.read(kind, key, Some(stored.clone()))?.as_deref() != Some(expected) {
                return Ok(false);
            }
            if self.replace_raw(kind, key, &stored, value.clone(), until).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Deletes.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn delete(&self, kind: EntryKind, key: &str) -> Result<(), StoreFault> {
        match &self.backend {
            Backend::Memory(memory) => drop(memory.take(self.now(), kind, key)),
            Backend::File(file) => drop(file.take(self.now(), kind, key).await?),
            Backend::Redis(redis) => drop(redis.take(&*self.clock, kind, key).await?),
        }
        Ok(())
    }

    /// All entries of one kind, in no order. Only kinds with few entries are listed.
    ///
    /// # Errors
    /// [`StoreFault`], also for any other kind.
    pub async fn list(&self, kind: EntryKind) -> Result<Vec<(String, Vec<u8>)>, StoreFault> {
        if !kind.is_listed() {
            return Err(StoreFault(format!("entries of kind {} are not listed", kind.name())));
        }
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.list(self.now(), kind)),
            Backend::File(file) => file.list(self.now(), kind).await,
            Backend::Redis(redis) => redis.list(&*self.clock, kind).await,
        }
    }

    /// All entries of any kind, for tests.
    #[cfg(test)]
    pub(crate) fn everything(&self, kind: EntryKind) -> Vec<(String, Vec<u8>)> {
        match &self.backend {
            Backend::Memory(memory) => memory.list(self.now(), kind),
            Backend::File(_) | Backend::Redis(_) => panic!("only the memory store can list every kind"),
        }
    }

    /// Removes expired entries; Redis does so by itself.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn sweep(&self) -> Result<(), StoreFault> {
        match &self.backend {
            Backend::Memory(memory) => {
                memory.sweep(self.now());
                Ok(())
            }
            Backend::File(file) => file.sweep(self.now()).await,
            Backend::Redis(redis) => redis.sweep(&*self.clock).await,
        }
    }

    fn now(&self) -> Duration {
        self.clock.now().wall
    }

    /// A value as it is stored.
    fn written(&self, kind: EntryKind, key: &str, value: Vec<u8>) -> Result<Vec<u8>, StoreFault> {
        let value = match self.seals.as_ref().filter(|_| kind.is_sealed()) {
            Some(seals) => seals.seal(kind, key, &value)?,
            None => value,
        };
        check(&value).map(|()| value)
    }

    /// What a stored value is worth.
    fn read(&self, kind: EntryKind, key: &str, stored: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, StoreFault> {
        match (&self.seals, stored) {
            (Some(seals), Some(stored)) if kind.is_sealed() => seals.read(kind, key, &stored),
            (_, stored) => Ok(stored),
        }
    }

    async fn get_raw(&self, kind: EntryKind, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.get(self.now(), kind, key)),
            Backend::File(file) => file.get(self.now(), kind, key).await,
            Backend::Redis(redis) => redis.get(&*self.clock, kind, key).await,
        }
    }

    async fn replace_raw(
        &self,
        kind: EntryKind,
        key: &str,
        expected: &[u8],
        value: Vec<u8>,
        until: Option<Duration>,
    ) -> Result<bool, StoreFault> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.replace(self.now(), kind, key, expected, value, until)),
            Backend::File(file) => file.replace(self.now(), kind, key, expected, value, until).await,
            Backend::Redis(redis) => redis.replace(&*self.clock, kind, key, expected, &value, until).await,
        }
    }
}

fn check(value: &[u8]) -> Result<(), StoreFault> {
    if value.len() > STORE_VALUE_BYTES_MAX {
        return Err(StoreFault(format!("the value has {} bytes; the maximum is {STORE_VALUE_BYTES_MAX}", value.len())));
    }
    Ok(())
}

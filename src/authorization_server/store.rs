//! The store of the embedded server: memory, file or Redis, with a few atomic operations.

use std::{sync::Arc, time::Duration};

use crate::{
    authorization_server::settings::StoreSettings,
    base::{clock::Clock, limits::authorization_server::STORE_VALUE_BYTES_MAX},
    outbound::fetch::Roots,
};

use bounds::BOUNDS;
use fault::StoreFault;
use file::File;
use kind::EntryKind;
use memory::Memory;
use redis::Redis;

mod bounds;
pub mod fault;
mod file;
pub mod kind;
mod memory;
mod redis;
#[cfg(test)]
mod tests;

/// A store. Times are since 1970; an expired entry is absent, swept or not. After a write returns,
/// the entry survives a kill of the process and a crash of the machine (file; Redis as configured).
pub struct Store {
    clock: Arc<dyn Clock>,
    backend: Backend,
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
            StoreSettings::File(path) => Backend::File(File::open(path, BOUNDS)?),
            StoreSettings::Redis(url) => Backend::Redis(Box::new(Redis::new(url, roots)?)),
        };
        Ok(Self { clock, backend })
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
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.get(self.now(), kind, key)),
            Backend::File(file) => file.get(self.now(), kind, key).await,
            Backend::Redis(redis) => redis.get(&*self.clock, kind, key).await,
        }
    }

    /// Writes, replacing any entry.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn put(&self, kind: EntryKind, key: &str, value: Vec<u8>, until: Duration) -> Result<(), StoreFault> {
        check(&value)?;
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
        check(&value)?;
        match &self.backend {
            Backend::Memory(memory) => memory.create(self.now(), kind, key, value, until),
            Backend::File(file) => file.create(self.now(), kind, key, value, until).await,
            Backend::Redis(redis) => redis.create(&*self.clock, kind, key, &value, until).await,
        }
    }

    /// Removes and returns the value: at most one of several callers gets it.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn take(&self, kind: EntryKind, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.take(self.now(), kind, key)),
            Backend::File(file) => file.take(self.now(), kind, key).await,
            Backend::Redis(redis) => redis.take(&*self.clock, kind, key).await,
        }
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
        check(&value)?;
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.replace(self.now(), kind, key, expected, value, until)),
            Backend::File(file) => file.replace(self.now(), kind, key, expected, value, until).await,
            Backend::Redis(redis) => redis.replace(&*self.clock, kind, key, expected, &value, until).await,
        }
    }

    /// Deletes.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn delete(&self, kind: EntryKind, key: &str) -> Result<(), StoreFault> {
        self.take(kind, key).await.map(drop)
    }

    /// All entries of one kind, in no order. Only keys and revocations are listed: they are few.
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
}

fn check(value: &[u8]) -> Result<(), StoreFault> {
    if value.len() > STORE_VALUE_BYTES_MAX {
        return Err(StoreFault(format!("the value has {} bytes; the maximum is {STORE_VALUE_BYTES_MAX}", value.len())));
    }
    Ok(())
}

//! What the authorization server must remember, in one of three places, behind the few operations that each of them does atomically.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    base::{
        clock::Clock,
        limits::{
            STORE_BYTES_MAX, STORE_ENTRIES_MAX, STORE_STRANGERS_BYTES_MAX, STORE_STRANGERS_ENTRIES_MAX,
            STORE_VALUE_BYTES_MAX, UNUSED_CLIENT_AGE,
        },
        secret::Secret,
    },
    outbound::fetch::Roots,
};

use file::File;
use memory::Memory;
use redis::Redis;

mod file;
mod memory;
mod redis;
#[cfg(test)]
mod tests;

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreSettings {
    /// In this process, and gone with it.
    Memory,
    /// In this file, for one replica.
    File(PathBuf),
    /// In Redis or Valkey, for several. The URL may hold a password.
    Redis(Secret),
}

/// What kind of thing is kept; keys of one kind mean nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A request between authorize and code.
    Flow,
    /// A browser that has logged in.
    Login,
    /// An authorization code. One that was used stays, marked, until it would have expired.
    Code,
    /// Refresh tokens of one consent.
    Family,
    /// A client that registered itself.
    Client,
    /// What somebody has let a client do.
    Consent,
    /// Signing keys, under one key.
    Keys,
    /// Access tokens and families that were revoked before their time.
    Revoked,
    /// `jti` of client assertions.
    Assertion,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Flow,
        Self::Login,
        Self::Code,
        Self::Family,
        Self::Client,
        Self::Consent,
        Self::Keys,
        Self::Revoked,
        Self::Assertion,
    ];

    /// As it is written in files and in Redis: never changed, or what is kept is lost.
    fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Login => "login",
            Self::Code => "code",
            Self::Family => "family",
            Self::Client => "client",
            Self::Consent => "consent",
            Self::Keys => "keys",
            Self::Revoked => "revoked",
            Self::Assertion => "assertion",
        }
    }

    /// Whether [`Store::list`] takes it.
    fn is_listed(self) -> bool {
        matches!(self, Self::Keys | Self::Revoked)
    }
}

/// What one kind may take.
#[derive(Clone, Copy, Debug)]
struct Bound {
    entries: usize,
    /// Of keys and values.
    bytes: usize,
}

/// What each kind may take, in memory and in a file: strangers can begin logins and register clients as they like, and must not
/// push out what somebody has consented to. Redis has a bound of its own, `maxmemory`.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    strangers: Bound,
    others: Bound,
}

/// Where a kind is full, those of its entries give way that end within this time, the next to end first. Of registered clients these are
/// the ones that nobody has used: who registers many pushes out their own, and not what others come with.
fn gives_way(kind: Kind) -> Option<Duration> {
    (kind == Kind::Client).then_some(UNUSED_CLIENT_AGE)
}

const BOUNDS: Bounds = Bounds {
    strangers: Bound { entries: STORE_STRANGERS_ENTRIES_MAX, bytes: STORE_STRANGERS_BYTES_MAX },
    others: Bound { entries: STORE_ENTRIES_MAX, bytes: STORE_BYTES_MAX },
};

impl Bounds {
    fn of(&self, kind: Kind) -> Bound {
        match kind {
            Kind::Flow | Kind::Client => self.strangers,
            Kind::Login | Kind::Code | Kind::Family | Kind::Consent | Kind::Keys | Kind::Revoked | Kind::Assertion => {
                self.others
            }
        }
    }
}

/// The store is away, or says what it cannot mean. The token endpoint answers 503.
#[derive(Clone, Debug)]
pub struct StoreFault(pub String);

impl fmt::Display for StoreFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the store failed: {}", self.0)
    }
}

impl std::error::Error for StoreFault {}

impl StoreFault {
    /// What is not written, rather than have what lives forgotten.
    fn full(kind: Kind) -> Self {
        Self(format!("there is no room for another entry of kind {}", kind.name()))
    }
}

/// A store. Times are since 1970; what is past its time is not there any more, whether it was swept out or not.
/// When an operation that writes returns, what it wrote survives a kill of the process and a crash of the machine (file, and Redis as far as it is configured).
pub struct Store {
    clock: Arc<dyn Clock>,
    place: Place,
}

enum Place {
    Memory(Memory),
    File(File),
    Redis(Box<Redis>),
}

impl Store {
    /// Opens it. Redis is dialled when it is needed: that it is away is no reason not to start. With TLS it must have a certificate
    /// that ends in `roots`.
    ///
    /// # Errors
    /// What is wrong with the file, or with the URL; never the URL itself.
    pub fn open(settings: &StoreSettings, roots: Roots, clock: Arc<dyn Clock>) -> Result<Self, StoreFault> {
        let place = match settings {
            StoreSettings::Memory => Place::Memory(Memory::new(BOUNDS)),
            StoreSettings::File(path) => Place::File(File::open(path, BOUNDS)?),
            StoreSettings::Redis(url) => Place::Redis(Box::new(Redis::new(url, roots)?)),
        };
        Ok(Self { clock, place })
    }

    /// The value.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn get(&self, kind: Kind, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        match &self.place {
            Place::Memory(memory) => Ok(memory.get(self.now(), kind, key)),
            Place::File(file) => file.get(self.now(), kind, key).await,
            Place::Redis(redis) => redis.get(&*self.clock, kind, key).await,
        }
    }

    /// Writes, whatever was there.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn put(&self, kind: Kind, key: &str, value: Vec<u8>, until: Duration) -> Result<(), StoreFault> {
        check(&value)?;
        match &self.place {
            Place::Memory(memory) => memory.put(self.now(), kind, key, value, until),
            Place::File(file) => file.put(self.now(), kind, key, value, until).await,
            Place::Redis(redis) => redis.put(&*self.clock, kind, key, &value, until).await,
        }
    }

    /// Writes where nothing is; whether it did.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn create(&self, kind: Kind, key: &str, value: Vec<u8>, until: Duration) -> Result<bool, StoreFault> {
        check(&value)?;
        match &self.place {
            Place::Memory(memory) => memory.create(self.now(), kind, key, value, until),
            Place::File(file) => file.create(self.now(), kind, key, value, until).await,
            Place::Redis(redis) => redis.create(&*self.clock, kind, key, &value, until).await,
        }
    }

    /// Takes the value out: of any number of callers at most one gets it.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn take(&self, kind: Kind, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        match &self.place {
            Place::Memory(memory) => Ok(memory.take(self.now(), kind, key)),
            Place::File(file) => file.take(self.now(), kind, key).await,
            Place::Redis(redis) => redis.take(&*self.clock, kind, key).await,
        }
    }

    /// Writes `value` where `expected` is, byte for byte; whether it did. With `until` of `None` the entry keeps its time.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn replace(
        &self,
        kind: Kind,
        key: &str,
        expected: &[u8],
        value: Vec<u8>,
        until: Option<Duration>,
    ) -> Result<bool, StoreFault> {
        check(&value)?;
        match &self.place {
            Place::Memory(memory) => Ok(memory.replace(self.now(), kind, key, expected, value, until)),
            Place::File(file) => file.replace(self.now(), kind, key, expected, value, until).await,
            Place::Redis(redis) => redis.replace(&*self.clock, kind, key, expected, &value, until).await,
        }
    }

    /// Forgets.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn delete(&self, kind: Kind, key: &str) -> Result<(), StoreFault> {
        self.take(kind, key).await.map(drop)
    }

    /// Everything of one kind that is still there, in no order: keys and revocations, which are few.
    ///
    /// # Errors
    /// [`StoreFault`], also for any other kind.
    pub async fn list(&self, kind: Kind) -> Result<Vec<(String, Vec<u8>)>, StoreFault> {
        if !kind.is_listed() {
            return Err(StoreFault(format!("entries of kind {} are not listed", kind.name())));
        }
        match &self.place {
            Place::Memory(memory) => Ok(memory.list(self.now(), kind)),
            Place::File(file) => file.list(self.now(), kind).await,
            Place::Redis(redis) => redis.list(&*self.clock, kind).await,
        }
    }

    /// Everything of one kind, for tests that must know what is not there.
    #[cfg(test)]
    pub(crate) fn everything(&self, kind: Kind) -> Vec<(String, Vec<u8>)> {
        match &self.place {
            Place::Memory(memory) => memory.list(self.now(), kind),
            Place::File(_) | Place::Redis(_) => panic!("only the memory store can be looked into"),
        }
    }

    /// Removes what is past its time; Redis does so by itself.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn sweep(&self) -> Result<(), StoreFault> {
        match &self.place {
            Place::Memory(memory) => {
                memory.sweep(self.now());
                Ok(())
            }
            Place::File(file) => file.sweep(self.now()).await,
            Place::Redis(redis) => redis.sweep(&*self.clock).await,
        }
    }

    fn now(&self) -> Duration {
        self.clock.now().wall
    }
}

fn check(value: &[u8]) -> Result<(), StoreFault> {
    if value.len() > STORE_VALUE_BYTES_MAX {
        return Err(StoreFault(format!("a value of {} bytes; {STORE_VALUE_BYTES_MAX} are the most", value.len())));
    }
    Ok(())
}

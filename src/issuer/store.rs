//! What the authorization server must remember, in one of three places, behind the few operations that each of them does atomically.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use crate::base::{clock::Clock, secret::Secret};

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

/// The store is away, or says what it cannot mean. The token endpoint answers 503.
#[derive(Clone, Debug)]
pub struct StoreFault(pub String);

impl fmt::Display for StoreFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the store failed: {}", self.0)
    }
}

/// A store. Times are since 1970; what is past its time is not there any more, whether it was swept out or not.
/// When an operation that writes returns, what it wrote survives a kill of the process and a crash of the machine (file, and Redis as far as it is configured).
pub struct Store {
    _clock: Arc<dyn Clock>,
}

impl Store {
    /// Opens it. Redis is dialled when it is needed: that it is away is no reason not to start.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(_settings: &StoreSettings, _clock: Arc<dyn Clock>) -> Result<Self, StoreFault> {
        todo!()
    }

    /// The value.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn get(&self, _kind: Kind, _key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        todo!()
    }

    /// Writes, whatever was there.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn put(&self, _kind: Kind, _key: &str, _value: Vec<u8>, _until: Duration) -> Result<(), StoreFault> {
        todo!()
    }

    /// Writes where nothing is; whether it did.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn create(&self, _kind: Kind, _key: &str, _value: Vec<u8>, _until: Duration) -> Result<bool, StoreFault> {
        todo!()
    }

    /// Takes the value out: of any number of callers at most one gets it.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn take(&self, _kind: Kind, _key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        todo!()
    }

    /// Writes `value` where `expected` is, byte for byte; whether it did. With `until` of `None` the entry keeps its time.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn replace(
        &self,
        _kind: Kind,
        _key: &str,
        _expected: &[u8],
        _value: Vec<u8>,
        _until: Option<Duration>,
    ) -> Result<bool, StoreFault> {
        todo!()
    }

    /// Forgets.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn delete(&self, _kind: Kind, _key: &str) -> Result<(), StoreFault> {
        todo!()
    }

    /// Everything of one kind that is still there: keys and revocations, which are few.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn list(&self, _kind: Kind) -> Result<Vec<(String, Vec<u8>)>, StoreFault> {
        todo!()
    }

    /// Removes what is past its time; Redis does so by itself.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn sweep(&self) -> Result<(), StoreFault> {
        todo!()
    }
}

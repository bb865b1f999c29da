//! Keys that sign access tokens: ES256, kept sealed in the store, changed in time, and published before they sign (SPEC E-25).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::{
    base::clock::{Clock, Now},
    issuer::{
        seal::Sealer,
        store::{Store, StoreFault},
    },
    outbound::keys::LocalKeys,
};

/// Keys that sign, shared by all replicas through the store.
pub struct SigningKeys {
    _local: Arc<LocalKeys>,
}

impl SigningKeys {
    /// None yet: [`Self::refresh`] brings them. What is published goes to `local`, by which the gateway itself verifies.
    #[must_use]
    pub fn new(_local: Arc<LocalKeys>) -> Self {
        todo!()
    }

    /// Reads the keys from the store, makes the first ones, or the next ones where it is time, and publishes them.
    ///
    /// # Errors
    /// [`StoreFault`]; the keys in memory stay in force.
    pub async fn refresh(&self, _store: &Store, _sealer: &Sealer, _clock: &dyn Clock) -> Result<(), StoreFault> {
        todo!()
    }

    /// How long until [`Self::refresh`] is due.
    #[must_use]
    pub fn due_in(&self, _now: Now) -> Duration {
        todo!()
    }

    /// The key set as published (RFC 7517); empty before the first refresh.
    #[must_use]
    pub fn document(&self) -> Bytes {
        todo!()
    }

    /// Signs `claims` as an access token (`typ: at+jwt`).
    ///
    /// # Errors
    /// Where there is no key yet.
    pub fn sign(&self, _claims: &Map<String, Value>, _now: Now) -> Result<String, &'static str> {
        todo!()
    }
}

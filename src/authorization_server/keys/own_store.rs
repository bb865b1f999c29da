//! Which store the signing keys in use are from, for when their entry vanishes from it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::authorization_server::{
    store::{Store, fault::StoreFault},
    upkeep::identity,
};

/// The store that the keys in use are from.
#[derive(Default)]
pub(super) struct OwnStore(Mutex<Option<Known>>);

struct Known {
    /// The keys as the store has them.
    sealed: Vec<u8>,
    /// The marker of the store.
    marker: String,
}

impl OwnStore {
    /// Whether it is known which store `sealed` is from.
    pub(super) fn is_known(&self, sealed: &[u8]) -> bool {
        self.known().as_ref().is_some_and(|known| known.sealed == sealed)
    }

    /// The marker of `store`, to be read before the keys: a store that is emptied in between is
    /// then not taken for the one that the keys are from.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub(super) async fn marker(&self, store: &Store) -> Result<Option<String>, StoreFault> {
        // A memory store is not marked: it is the same for as long as the process runs.
        if store.seals().is_none() { Ok(Some(String::new())) } else { identity::marker_id(store).await }
    }

    /// The keys `sealed` were found in the store with this marker.
    pub(super) fn note(&self, sealed: &[u8], marker: Option<String>) {
        if let Some(marker) = marker {
            *self.known() = Some(Known { sealed: sealed.to_vec(), marker });
        }
    }

    /// Whether `store` is the one that the keys `sealed` are from: not emptied or replaced since.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub(super) async fn is(&self, store: &Store, sealed: &[u8]) -> Result<bool, StoreFault> {
        let marker = self.marker(store).await?;
        let known = self.known();
        Ok(known.as_ref().is_some_and(|known| known.sealed == sealed && Some(&known.marker) == marker.as_ref()))
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

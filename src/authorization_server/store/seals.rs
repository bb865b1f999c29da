//! Which stored values are believed: those sealed for their place, and old ones during an upgrade.
//!
//! A seal shows that a value was written by a replica with one of the keys, for this kind and this
//! name. It does not show that the value is the newest: an old value that is put back is believed.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
};

use super::{fault::StoreFault, kind::EntryKind};
use crate::{
    authorization_server::keys::seal::Sealer,
    decide::authorization_server::stored_value::{self, SealKeyId},
};

/// Seals values and judges them. Shared by all operations of a store.
pub(crate) struct Seals {
    sealer: Arc<Sealer>,
    era: AtomicU8,
    /// The keys of the other replicas; `None` until they were read for the first time.
    elsewhere: Mutex<Option<HashSet<SealKeyId>>>,
    stale: AtomicBool,
    refused: AtomicU64,
}

/// Whether values without a seal are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealEra {
    /// The signing keys, which say so, were not read yet.
    Unknown,
    /// A version that did not seal values wrote to this store: its values are believed.
    Mixed,
    /// Every value is sealed. The signing keys say so, and no one without a key can undo it.
    Sealed,
}

/// A stored value, judged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum JudgedValue {
    /// Sealed for this place by the key at this position.
    Sealed(Vec<u8>, usize),
    /// From before values were sealed.
    Old(Vec<u8>),
    /// Sealed by a key that is not configured.
    Foreign(SealKeyId),
    /// Changed, or written for another place.
    Forged,
}

impl Seals {
    pub(super) fn new(sealer: Arc<Sealer>) -> Self {
        Self {
            sealer,
            era: AtomicU8::new(0),
            elsewhere: Mutex::default(),
            stale: AtomicBool::new(false),
            refused: AtomicU64::new(0),
        }
    }

    /// Whether unsealed values are believed.
    pub(crate) fn era(&self) -> SealEra {
        match self.era.load(Ordering::SeqCst) {
            0 => SealEra::Unknown,
            1 => SealEra::Mixed,
            _ => SealEra::Sealed,
        }
    }

    /// Takes over what the signing keys say. A sealed store never becomes mixed again.
    pub(crate) fn begin(&self, era: SealEra) {
        let rank = match era {
            SealEra::Unknown => 0,
            SealEra::Mixed => 1,
            SealEra::Sealed => 2,
        };
        self.era.fetch_max(rank, Ordering::SeqCst);
    }

    /// The keys of the other replicas that run.
    pub(crate) fn others_have(&self, keys: HashSet<SealKeyId>) {
        *self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }

    /// Whether a value was read since the last call that the first key should seal.
    pub(crate) fn take_stale(&self) -> bool {
        self.stale.swap(false, Ordering::SeqCst)
    }

    /// How many values were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The value as it is stored.
    pub(super) fn seal(&self, kind: EntryKind, name: &str, plain: &[u8]) -> Result<Vec<u8>, StoreFault> {
        let (key, tag) = self.sealer.tag([kind.name(), name], plain).map_err(|why| StoreFault(why.to_owned()))?;
        stored_value::join(plain, key, &tag)
            .ok_or_else(|| StoreFault("a value is neither a JSON object nor a list".to_owned()))
    }

    /// Judges a stored value.
    pub(super) fn judge(&self, kind: EntryKind, name: &str, stored: &[u8]) -> JudgedValue {
        let value = stored_value::split(stored);
        let Some((key, tag)) = value.seal else { return JudgedValue::Old(value.plain) };
        match self.sealer.authenticates(key, &tag, [kind.name(), name], &value.plain) {
            Some(position) => JudgedValue::Sealed(value.plain, position),
            None if self.sealer.knows(key) => JudgedValue::Forged,
            None => JudgedValue::Foreign(key),
        }
    }

    /// What a stored value is worth: `None` counts as absent.
    ///
    /// # Errors
    /// [`StoreFault`] if another replica may be able to tell.
    pub(super) fn read(&self, kind: EntryKind, name: &str, stored: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        let refused = |why: &str| {
            self.refused.fetch_add(1, Ordering::Relaxed);
            tracing::error!(target: "portcullis::authorization_server", kind = kind.name(), why, "a stored value is refused: it counts as absent");
            Ok(None)
        };
        match self.judge(kind, name, stored) {
            JudgedValue::Sealed(plain, 0) => Ok(Some(plain)),
            JudgedValue::Sealed(plain, _) => {
                self.stale.store(true, Ordering::SeqCst);
                Ok(Some(plain))
            }
            JudgedValue::Old(plain) => match self.era() {
                SealEra::Mixed => {
                    self.stale.store(true, Ordering::SeqCst);
                    Ok(Some(plain))
                }
                SealEra::Unknown => Err(StoreFault("it is not known yet whether its values must be sealed".to_owned())),
                SealEra::Sealed => refused("it has no seal, although every value of this store has one"),
            },
            JudgedValue::Forged => refused("its seal is wrong: it was changed, or written for another entry"),
            JudgedValue::Foreign(key) if self.may_be_elsewhere(key) => Err(StoreFault(format!(
                "a value is sealed with key {key}, which another replica has and this one does not: give all replicas the same session_keys"
            ))),
            JudgedValue::Foreign(key) => refused(&format!("it is sealed with key {key}, which is not in session_keys")),
        }
    }

    fn may_be_elsewhere(&self, key: SealKeyId) -> bool {
        let elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        elsewhere.as_ref().is_none_or(|keys| keys.contains(&key))
    }
}

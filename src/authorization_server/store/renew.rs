//! Goes through a whole store, seals its values again, and says what is wrong with the store.

use super::{
    Backend, Store,
    batch::Batch,
    fault::StoreFault,
    kind::EntryKind,
    seals::{JudgedValue, SealEra},
};
use crate::decide::authorization_server::stored_value::SealKeyId;

/// What became of one value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RenewedValue {
    /// The first key seals it and all secrets in it.
    Current,
    /// It was sealed again.
    Again,
    /// It changed meanwhile.
    Changed,
    /// A key that is not configured sealed it.
    Foreign(SealKeyId),
    /// It is refused.
    Refused,
}

impl Store {
    /// Some entries of a kind, as they are stored; from the beginning, or from where the batch
    /// before ended. An entry that is there throughout is found once at least.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub(crate) async fn scan(&self, kind: EntryKind, from: Option<String>) -> Result<Batch, StoreFault> {
        match &self.backend {
            Backend::Memory(memory) => Ok((memory.list(self.now(), kind), None)),
            Backend::File(file) => file.scan(self.now(), kind, from.unwrap_or_default()).await,
            Backend::Redis(redis) => redis.scan(&*self.clock, kind, from).await,
        }
    }

    /// Seals one stored value with the first key. `inside` seals the secrets in it; `None` if the
    /// first key has sealed them already.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub(crate) async fn renew(
        &self,
        kind: EntryKind,
        name: &str,
        stored: &[u8],
        inside: impl FnOnce(&[u8]) -> Result<Option<Vec<u8>>, &'static str>,
    ) -> Result<RenewedValue, StoreFault> {
        let Some(seals) = self.seals() else { return Ok(RenewedValue::Current) };
        let (plain, is_current) = match seals.judge(kind, name, stored) {
            JudgedValue::Sealed(plain, position) => (plain, position == 0),
            JudgedValue::Old(plain) if seals.era() == SealEra::Mixed => (plain, false),
            JudgedValue::Old(_) | JudgedValue::Forged => return Ok(RenewedValue::Refused),
            JudgedValue::Foreign(key) => return Ok(RenewedValue::Foreign(key)),
        };
        let again = inside(&plain).map_err(|why| StoreFault(why.to_owned()))?;
        if is_current && again.is_none() {
            return Ok(RenewedValue::Current);
        }
        let value = seals.seal(kind, name, &again.unwrap_or(plain))?;
        let is_written = self.replace_raw(kind, name, stored, value, None).await?;
        Ok(if is_written { RenewedValue::Again } else { RenewedValue::Changed })
    }

    /// What happened to the file under this process, if it was deleted or replaced.
    ///
    /// # Errors
    /// [`StoreFault`] if that cannot be found out.
    pub(crate) async fn displaced(&self) -> Result<Option<String>, StoreFault> {
        match &self.backend {
            Backend::File(file) => file.opened.displaced().await,
            Backend::Memory(_) | Backend::Redis(_) => Ok(None),
        }
    }

    /// The policy by which Redis deletes live entries when it is full, if it does.
    ///
    /// # Errors
    /// [`StoreFault`], also if Redis does not say.
    pub async fn eviction(&self) -> Result<Option<String>, StoreFault> {
        match &self.backend {
            Backend::Redis(redis) => redis.eviction(&*self.clock).await,
            Backend::Memory(_) | Backend::File(_) => Ok(None),
        }
    }
}

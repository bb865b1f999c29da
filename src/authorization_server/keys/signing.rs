//! Keys that sign access tokens: ES256, sealed in the store, published before use (SPEC E-25).

use std::{fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use aws_lc_rs::rand::SystemRandom;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use tracing::info;

use crate::{
    authorization_server::{
        keys::{
            own_store::OwnStore,
            seal::Sealer,
            signing_key::{Key, SigningKeyRecord},
            unopened::Unopened,
        },
        replica::Others,
        store::{Store, fault::StoreFault, kind::EntryKind, seals::SealEra},
    },
    base::{
        clock::{Clock, Now},
        digest::sha256,
        limits::authorization_server::{
            ACCESS_TOKEN_TTL_MAX, SIGNING_KEY_AGE, SIGNING_KEY_LEAD, SIGNING_KEYS_POLL, SIGNING_KEYS_UNOPENED_MAX,
        },
    },
    decide::token::jwk::KeySet,
    outbound::keys::LocalKeys,
};

#[cfg(test)]
mod tests;

/// The key of the signing keys' entry in the store, and the purpose that they were sealed for
/// before values were sealed. They still are while a version that does not seal values may run: it
/// must be able to read them.
const PLACE: &str = "signing";
/// The purpose that they are sealed for in a store whose values all have a seal. So an attacker
/// without a key cannot make a replica believe values without a seal, unless they have a copy of
/// the signing keys from before the upgrade.
const SEALED_STORE: &str = "signing keys of a store whose values are sealed";
/// Where replaced keys stay, so that they come back if their seal key does.
const ASIDE: &str = "signing.aside";
/// How long the store keeps the signing keys after the last rotation.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
/// Without keys no token can be issued, so the store is asked again soon.
const RETRY: Duration = Duration::from_secs(1);
/// How often to retry if another replica changes the keys meanwhile.
const ATTEMPTS: usize = 4;

/// The signing keys, shared by all replicas through the store.
pub struct SigningKeys {
    local: Arc<LocalKeys>,
    ring: ArcSwapOption<Ring>,
    /// Signing keys in the store that none of the keys opens.
    unopened: Unopened,
    /// Which store the keys are from.
    own_store: OwnStore,
}

/// The keys in force.
struct Ring {
    /// The sealed keys in the store: while these bytes stay the same, nothing is opened again.
    sealed: Vec<u8>,
    /// Oldest first; never empty.
    keys: Vec<Key>,
    /// Whether the values of their store are all sealed.
    era: SealEra,
    document: Bytes,
    set: Arc<KeySet>,
}

impl SigningKeys {
    /// No keys yet: [`Self::refresh`] loads them. Public keys are published to `local`, with which
    /// the gateway verifies tokens.
    #[must_use]
    pub fn new(local: Arc<LocalKeys>) -> Self {
        Self { local, ring: ArcSwapOption::empty(), unopened: Unopened::default(), own_store: OwnStore::default() }
    }

    /// Reads the keys from the store, creates the first or the next one when it is due, and
    /// publishes them.
    ///
    /// # Errors
    /// [`StoreFault`]; the keys in memory stay in use.
    pub async fn refresh(&self, store: &Store, sealer: &Sealer, clock: &dyn Clock) -> Result<(), StoreFault> {
        for _ in 0..ATTEMPTS {
            let now = clock.now();
            let marker = if self.knows_store() { None } else { self.own_store.marker(store).await? };
            let Some(sealed) = store.get(EntryKind::Keys, PLACE).await? else {
                // A replica that loses this race reads the winner's keys in the next round.
                let is_new = marker.is_none() || store.seals().is_none();
                self.restore(store, sealer, is_new, now).await?;
                continue;
            };
            let Some(ring) = self.opened(&sealed, sealer)? else {
                self.replace_unopened(store, sealer, sealed, now).await?;
                continue;
            };
            self.own_store.note(&ring.sealed, marker);
            store.seals().inspect(|seals| seals.begin(ring.era));
            let Some(next) = rotated(&ring.keys, now)? else { return Ok(()) };
            let next = sealed_records(sealer, ring.era, &next)?;
            // Won or lost, the next round reads the store again.
            store.replace(EntryKind::Keys, PLACE, &ring.sealed, next, Some(now.wall.saturating_add(KEPT))).await?;
        }
        Err(StoreFault("other replicas keep changing the signing keys".to_owned()))
    }

    /// Puts the keys in use back into the store, whose entry for them vanished. A store without any
    /// gets its first key; so does one that was emptied, since its revocations are gone as well. A
    /// store that is not new had keys: it is marked only after them.
    ///
    /// # Errors
    /// [`StoreFault`], also while another replica has the keys and is to put them back.
    async fn restore(&self, store: &Store, sealer: &Sealer, is_new: bool, now: Now) -> Result<(), StoreFault> {
        let until = now.wall.saturating_add(KEPT);
        let ring = self.ring.load_full();
        if let Some(ring) = &ring
            && self.own_store.is(store, &ring.sealed).await?
        {
            if store.create(EntryKind::Keys, PLACE, ring.sealed.clone(), until).await? {
                self.unopened.restore();
                tracing::error!(
                    target: "portcullis::authorization_server",
                    "the signing keys had vanished from the store: they were put back; find out what deletes its entries"
                );
            }
            return Ok(());
        }
        if ring.is_none() && store.is_shared() && Others::all(store).await?.have_keys() {
            return Err(fault("the signing keys have vanished from the store; a replica that has them puts them back"));
        }
        let first = sealed_records(sealer, SealEra::Sealed, &[SigningKeyRecord::make(now.wall)?])?;
        if store.create(EntryKind::Keys, PLACE, first, until).await? && (ring.is_some() || !is_new) {
            self.unopened.replace();
            tracing::error!(
                target: "portcullis::authorization_server",
                "the signing keys were lost with the store: new ones are in their place; every access token issued before is refused"
            );
        }
        Ok(())
    }

    /// Whether it is known which store the keys in use are from.
    fn knows_store(&self) -> bool {
        self.ring.load().as_ref().is_some_and(|ring| self.own_store.is_known(&ring.sealed))
    }

    /// Replaces keys that no configured key opens. With a shared store not at once, and not while a
    /// replica that runs has opened them: then this replica has the wrong seal keys.
    ///
    /// # Errors
    /// [`StoreFault`], also while the keys are not replaced.
    async fn replace_unopened(
        &self,
        store: &Store,
        sealer: &Sealer,
        sealed: Vec<u8>,
        now: Now,
    ) -> Result<(), StoreFault> {
        let digest = digest(&sealed);
        let lasts = self.unopened.lasts(&digest, now);
        if store.is_shared() {
            if Others::all(store).await?.open(&digest) {
                return Err(fault(
                    "none of this replica's session_keys opens the signing keys in the store, but another replica opens them: give this replica the same session_keys",
                ));
            }
            if lasts < SIGNING_KEYS_UNOPENED_MAX {
                return Err(fault(format_args!(
                    "none of the session_keys opens the signing keys in the store; unless another replica opens them, they are replaced in {} s",
                    SIGNING_KEYS_UNOPENED_MAX.saturating_sub(lasts).as_secs()
                )));
            }
        }
        let until = now.wall.saturating_add(KEPT);
        // Keys that are known need not be lost: those in use, or those that were replaced before.
        let known: Option<Vec<SigningKeyRecord>> = match self.ring.load_full() {
            Some(ring) => Some(ring.keys.iter().map(|key| key.record.clone()).collect()),
            None => {
                let aside = store.get(EntryKind::Keys, ASIDE).await?;
                aside.and_then(|aside| records_of(sealer, &aside)).map(|(_, records)| records)
            }
        };
        store.put(EntryKind::Keys, ASIDE, sealed.clone(), until).await?;
        let is_known = known.is_some();
        let records = match known {
            Some(records) => records,
            None => vec![SigningKeyRecord::make(now.wall)?],
        };
        let next = sealed_records(sealer, SealEra::Sealed, &records)?;
        if store.replace(EntryKind::Keys, PLACE, &sealed, next, Some(until)).await? {
            self.unopened.replace();
            tracing::error!(
                target: "portcullis::authorization_server", is_known,
                "none of the session_keys opened the signing keys in the store: they were replaced; unless they were known, every access token issued before is refused, and what the lost key sealed counts as absent"
            );
        }
        Ok(())
    }

    /// Seals the keys in the store with the first key of `sealer`, and for `era`, if they are not.
    /// Returns whether they are now.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub(crate) async fn reseal(
        &self,
        store: &Store,
        sealer: &Sealer,
        era: SealEra,
        now: Now,
    ) -> Result<bool, StoreFault> {
        let Some(sealed) = store.get(EntryKind::Keys, PLACE).await? else { return Ok(false) };
        let Some(ring) = self.opened(&sealed, sealer)? else { return Ok(false) };
        if opened_by(sealer, &sealed) == Some(0) && ring.era == era {
            return Ok(true);
        }
        let records: Vec<SigningKeyRecord> = ring.keys.iter().map(|key| key.record.clone()).collect();
        let again = sealed_records(sealer, era, &records)?;
        let until = now.wall.saturating_add(KEPT);
        if !store.replace(EntryKind::Keys, PLACE, &sealed, again.clone(), Some(until)).await? {
            return Ok(false);
        }
        self.opened(&again, sealer)?;
        store.seals().inspect(|seals| seals.begin(era));
        Ok(true)
    }

    /// Puts the keys in `sealed` into use and publishes them; `None` if no key opens them.
    fn opened(&self, sealed: &[u8], sealer: &Sealer) -> Result<Option<Arc<Ring>>, StoreFault> {
        if let Some(ring) = self.ring.load_full().filter(|ring| ring.sealed == sealed) {
            return Ok(Some(ring));
        }
        let Some((era, records)) = records_of(sealer, sealed) else { return Ok(None) };
        let keys = records.into_iter().map(Key::read).collect::<Result<Vec<_>, _>>()?;
        let document = Bytes::from(json!({ "keys": keys.iter().map(Key::jwk).collect::<Vec<_>>() }).to_string());
        let set = KeySet::read(&document)
            .map_err(|found| fault(format_args!("the signing keys in the store are not usable: {found:?}")))?;
        info!(keys = keys.len(), "signing keys loaded");
        let ring =
            Arc::new(Ring { sealed: sealed.to_vec(), keys, era, document: document.clone(), set: Arc::new(set) });
        self.ring.store(Some(Arc::clone(&ring)));
        self.local.publish(document);
        Ok(Some(ring))
    }

    /// Whether the keys say that the values of their store are sealed; `None` before the first
    /// refresh.
    pub(crate) fn era(&self) -> Option<SealEra> {
        self.ring.load().as_ref().map(|ring| ring.era)
    }

    /// The digest of the keys in use, as the store has them.
    pub(crate) fn ring_digest(&self) -> Option<String> {
        self.ring.load().as_ref().map(|ring| digest(&ring.sealed))
    }

    /// How often signing keys were replaced: no key opened them, or they were lost with the store.
    pub(crate) fn replaced(&self) -> u64 {
        self.unopened.replaced()
    }

    /// How often signing keys had vanished from the store and were put back.
    pub(crate) fn restored(&self) -> u64 {
        self.unopened.restored()
    }

    /// When [`Self::refresh`] is due.
    #[must_use]
    pub fn due_in(&self, _now: Now) -> Duration {
        if self.knows_store() { SIGNING_KEYS_POLL } else { RETRY }
    }

    /// The key set as published (RFC 7517); empty before the first refresh.
    #[must_use]
    pub fn document(&self) -> Bytes {
        match &*self.ring.load() {
            Some(ring) => ring.document.clone(),
            None => Bytes::from_static(br#"{"keys":[]}"#),
        }
    }

    /// The same keys, for verification.
    #[must_use]
    pub fn set(&self) -> Option<Arc<KeySet>> {
        self.ring.load().as_ref().map(|ring| Arc::clone(&ring.set))
    }

    /// Signs `claims` as an access token (`typ: at+jwt`).
    ///
    /// # Errors
    /// If there is no key yet.
    pub fn sign(&self, claims: &Map<String, Value>, now: Now) -> Result<String, &'static str> {
        let ring = self.ring.load();
        let keys = ring.as_ref().map_or(&[][..], |ring| &ring.keys);
        // The newest key that was published long enough ago; if the clock was set back before all
        // of them, the oldest.
        let usable = keys.iter().rev().find(|key| key.record.signs_from <= now.unix_secs());
        let key = usable.or(keys.first()).ok_or("no signing key yet")?;
        let header = json!({"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}).to_string();
        let claims = serde_json::to_vec(claims).map_err(|_| "the claims cannot be written as JSON")?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature =
            key.pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| "the library cannot sign")?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The keys after a rotation: with a new key if the newest has signed for long enough, and
/// without the keys whose last token has expired. `None` if nothing changes.
fn rotated(keys: &[Key], now: Now) -> Result<Option<Vec<SigningKeyRecord>>, StoreFault> {
    let now_secs = now.unix_secs();
    let overlap = ACCESS_TOKEN_TTL_MAX.saturating_add(SIGNING_KEY_LEAD).as_secs();
    let successors = keys.iter().skip(1).map(|key| Some(key.record.signs_from)).chain([None]);
    let mut records: Vec<SigningKeyRecord> = keys
        .iter()
        .zip(successors)
        .filter(|(_, successor)| successor.is_none_or(|signs_from| now_secs < signs_from.saturating_add(overlap)))
        .map(|(key, _)| key.record.clone())
        .collect();
    let newest = records.last().map_or(0, |record| record.signs_from);
    let is_old =
        now_secs.saturating_add(SIGNING_KEY_LEAD.as_secs()) >= newest.saturating_add(SIGNING_KEY_AGE.as_secs());
    if is_old {
        records.push(SigningKeyRecord::make(now.wall.saturating_add(SIGNING_KEY_LEAD))?);
    }
    Ok((is_old || records.len() != keys.len()).then_some(records))
}

fn purpose(era: SealEra) -> &'static str {
    match era {
        SealEra::Sealed => SEALED_STORE,
        SealEra::Mixed | SealEra::Unknown => PLACE,
    }
}

fn sealed_records(sealer: &Sealer, era: SealEra, records: &[SigningKeyRecord]) -> Result<Vec<u8>, StoreFault> {
    sealer.seal_value(purpose(era), &records).map_err(fault)
}

fn records_of(sealer: &Sealer, sealed: &[u8]) -> Option<(SealEra, Vec<SigningKeyRecord>)> {
    [SealEra::Sealed, SealEra::Mixed].into_iter().find_map(|era| Some((era, sealer.open_value(purpose(era), sealed)?)))
}

/// The position of the key that opens the sealed signing keys of a store.
pub(crate) fn opened_by(sealer: &Sealer, sealed: &[u8]) -> Option<usize> {
    [SealEra::Sealed, SealEra::Mixed].into_iter().find_map(|era| Some(sealer.opened(purpose(era), sealed)?.0))
}

fn digest(sealed: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(sha256(sealed))
}

fn fault(cause: impl fmt::Display) -> StoreFault {
    StoreFault(cause.to_string())
}

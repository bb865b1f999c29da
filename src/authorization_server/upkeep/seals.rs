//! Seals everything in the store with the first key, and finds out which keys it still needs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    authorization_server::{
        embedded::State,
        keys::seal::{Resealed, Sealer},
        person::bridge::session,
        replica::Others,
        store::{fault::StoreFault, kind::EntryKind, renew::RenewedValue, seals::SealEra},
    },
    base::limits::authorization_server::UNSEALED_VALUES_MAX,
    decide::authorization_server::{sealed_bytes, stored_value::SealKeyId},
};

/// What a walk through the store found.
#[derive(Default)]
struct Census {
    /// Entries that changed meanwhile.
    left: usize,
    foreign: BTreeMap<SealKeyId, usize>,
    again: usize,
}

/// Goes through the store if that is due.
///
/// # Errors
/// [`StoreFault`].
pub(super) async fn look(state: &State, others: &Others) -> Result<(), StoreFault> {
    let (Some(seals), Some(era)) = (state.store.seals(), state.keys.era()) else { return Ok(()) };
    if !state.seal_standing.is_due(state.clock.now().mono, seals.take_stale()) {
        return Ok(());
    }
    let first = state.sealer.ids().next().ok_or_else(|| StoreFault("no key to seal with".to_owned()))?;
    let mut needed = BTreeMap::new();
    let mut unfinished = false;
    if let Err(why) = state.replica.may_reseal(first, others) {
        unfinished = true;
        needed.extend(state.sealer.ids().skip(1).map(|key| (key, format!("nothing is sealed again: {why}"))));
    } else {
        let census = walk(state).await?;
        let is_whole = census.left == 0;
        let era = if era == SealEra::Mixed && is_whole && may_end_mixed(state).await? { SealEra::Sealed } else { era };
        let ring = state.keys.reseal(&state.store, &state.sealer, era, state.clock.now()).await?;
        if !is_whole || !ring {
            unfinished = true;
            let why = format!("{} entries are not sealed again yet", census.left + usize::from(!ring));
            needed.extend(state.sealer.ids().skip(1).map(|key| (key, why.clone())));
        }
        for (key, count) in census.foreign {
            needed.insert(key, format!("{count} entries are sealed with it, and it is not in session_keys"));
        }
        if census.again > 0 {
            tracing::info!(target: "portcullis::authorization_server", entries = census.again, key = %first, "the store was sealed again with the first of session_keys");
        }
    }
    for key in state.sealer.ids().skip(1) {
        let count = others.that_seal_with(key);
        if count > 0 {
            unfinished = true;
            needed.insert(key, format!("{count} other replicas seal with it"));
        }
    }
    if state.seal_standing.record(needed, unfinished, state.clock.now().mono) {
        for key in state.sealer.ids().skip(1) {
            tracing::info!(target: "portcullis::authorization_server", %key, "the store no longer needs this key of session_keys");
        }
    }
    Ok(())
}

/// Whether unsealed values may be refused from now on. A file has one process; in Redis, replicas
/// of a version before may still write.
async fn may_end_mixed(state: &State) -> Result<bool, StoreFault> {
    if !state.store.is_shared() {
        return Ok(true);
    }
    let began = state.identity.since(&state.store).await?;
    let now = state.clock.now().unix_secs();
    Ok(began.is_some_and(|began| now.saturating_sub(began) >= UNSEALED_VALUES_MAX.as_secs()))
}

async fn walk(state: &State) -> Result<Census, StoreFault> {
    let mut census = Census::default();
    for kind in EntryKind::ALL.into_iter().filter(|kind| kind.is_sealed()) {
        let mut from = None;
        loop {
            let (entries, next) = state.store.scan(kind, from).await?;
            for (name, stored) in entries {
                match state.store.renew(kind, &name, &stored, |plain| inside(&state.sealer, plain)).await? {
                    RenewedValue::Current | RenewedValue::Refused => {}
                    RenewedValue::Again => census.again += 1,
                    RenewedValue::Changed => census.left += 1,
                    RenewedValue::Foreign(key) => *census.foreign.entry(key).or_default() += 1,
                }
            }
            match next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
    }
    Ok(census)
}

/// The value with its secrets sealed by the first key; `None` if they are. A secret is a list of
/// bytes, or text of [`sealed_bytes`], anywhere in the value that one of the keys opens.
fn inside(sealer: &Sealer, plain: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    let Ok(mut value) = serde_json::from_slice::<Value>(plain) else { return Ok(None) };
    if !reseal_within(sealer, &mut value)? {
        return Ok(None);
    }
    serde_json::to_vec(&value).map(Some).map_err(|_| "a value cannot be written as JSON")
}

/// Whether anything changed. The reader of JSON has bounded the depth.
fn reseal_within(sealer: &Sealer, value: &mut Value) -> Result<bool, &'static str> {
    if let Some(sealed) = bytes_of(value) {
        let Resealed::Again(again) = sealer.reseal(session::SEALED_FOR, &sealed)? else { return Ok(false) };
        *value = if value.is_string() { sealed_bytes::text(&again).into() } else { again.into() };
        return Ok(true);
    }
    let parts: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(members) => members.values_mut().collect(),
        _ => Vec::new(),
    };
    parts.into_iter().try_fold(false, |changed, part| Ok(reseal_within(sealer, part)? || changed))
}

fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    if let Some(text) = value.as_str() {
        return sealed_bytes::bytes(text);
    }
    value.as_array()?.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::secret::Secret;

    #[test]
    fn login_a1_secrets_in_a_value_are_sealed_again_wherever_they_are() {
        let (old, new) = (Secret::new(vec![1; 32]), Secret::new(vec![2; 32]));
        let before = Sealer::new(std::slice::from_ref(&old)).unwrap();
        let sealed = before.seal(session::SEALED_FOR, b"the IdP's token").unwrap();
        let text = sealed_bytes::text(&sealed);
        let value = json!({"current": vec![7u8; 32], "bridge": sealed, "more": [{"bridge": sealed}], "n": 1.5, "big": u64::MAX, "text": text, "other": "sealed:AAAA"});
        let both = Sealer::new(&[new.clone(), old]).unwrap();
        let again = inside(&both, value.to_string().as_bytes()).unwrap().unwrap();
        assert_eq!(inside(&both, &again), Ok(None));
        let mut read: Value = serde_json::from_slice(&again).unwrap();
        let only = Sealer::new(&[new]).unwrap();
        for (place, before) in [("/bridge", json!(sealed)), ("/more/0/bridge", json!(sealed)), ("/text", json!(text))] {
            let secret = read.pointer_mut(place).unwrap();
            let opened = only.open(session::SEALED_FOR, &bytes_of(secret).unwrap());
            assert_eq!(opened.as_deref(), Some(&b"the IdP's token"[..]), "{place}");
            *secret = before;
        }
        assert_eq!(read, value, "the rest is the same");
        assert_eq!(inside(&both, b"{\"a\":[]}"), Ok(None));
        assert_eq!(inside(&both, b"not JSON"), Ok(None));
    }
}

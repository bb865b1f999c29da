//! The upgrade of a store whose values have no seal, and the rotation of its keys.

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::json;

use super::*;
use crate::{
    authorization_server::{
        settings::{EmbeddedSettings, StoreSettings},
        store::{Store, kind::EntryKind, seals::SealEra},
        testing,
    },
    base::{
        clock::{Clock, Now, testing::HandClock},
        secret::Secret,
    },
    outbound::{
        dial::Dialler,
        fetch::{Fetch, client_tls, private_roots},
        keys::LocalKeys,
    },
};

const UNTIL: Duration = Duration::from_secs(testing::START_SECS + 1_000_000);

fn clock() -> Arc<HandClock> {
    HandClock::at(Now { wall: Duration::from_secs(testing::START_SECS), mono: Duration::from_secs(1) })
}

fn settings(path: &Path, keys: &[u8]) -> EmbeddedSettings {
    EmbeddedSettings {
        store: StoreSettings::File(path.to_owned()),
        seal_keys: keys.iter().map(|key| Secret::new(vec![*key; 32])).collect(),
        ..testing::settings()
    }
}

fn state(path: &Path, keys: &[u8]) -> Arc<State> {
    let roots = private_roots(&[]).unwrap();
    let fetch = Fetch::new(Dialler::new(client_tls(roots.clone(), false)));
    State::new(&settings(path, keys), fetch, roots, clock(), Arc::<LocalKeys>::default()).unwrap()
}

async fn load_keys(state: &State) {
    state.keys.refresh(&state.store, &state.sealer, &*state.clock).await.unwrap();
}

/// As the version before wrote it: values without a seal, signing keys of the first form.
async fn write_old(path: &Path, key: u8) {
    let roots = private_roots(&[]).unwrap();
    let clock: Arc<dyn Clock> = clock();
    let store = Store::open(&StoreSettings::File(path.to_owned()), roots, Arc::clone(&clock)).unwrap();
    store.put(EntryKind::Family, "f", br#"{"client":"app"}"#.to_vec(), UNTIL).await.unwrap();
    let state = state(&path.with_extension("other"), &[key]);
    load_keys(&state).await;
    state.keys.reseal(&state.store, &state.sealer, SealEra::Mixed, state.clock.now()).await.unwrap();
    let ring = state.store.get(EntryKind::Keys, "signing").await.unwrap().unwrap();
    store.put(EntryKind::Keys, "signing", ring, UNTIL).await.unwrap();
}

/// Writes as an attacker with access to the file, past all seals.
async fn plant(path: &Path, name: &str, value: &[u8]) {
    let store = Store::open(&StoreSettings::File(path.to_owned()), private_roots(&[]).unwrap(), clock()).unwrap();
    store.put(EntryKind::Family, name, value.to_vec(), UNTIL).await.unwrap();
}

#[tokio::test]
async fn login_a11_an_upgrade_keeps_every_value_and_then_believes_no_unsealed_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("as.db");
    write_old(&path, 1).await;

    let upgraded = state(&path, &[1]);
    let early = upgraded.store.get(EntryKind::Family, "f").await;
    assert!(early.is_err(), "not known yet, so neither believed nor refused: {early:?}");
    load_keys(&upgraded).await;
    assert_eq!(upgraded.keys.era(), Some(SealEra::Mixed));
    let value = upgraded.store.get(EntryKind::Family, "f").await.unwrap().unwrap();
    assert_eq!(value, br#"{"client":"app"}"#);
    look_at_seals(&upgraded).await.unwrap();
    assert_eq!(upgraded.keys.era(), Some(SealEra::Sealed));
    assert_eq!(upgraded.store.get(EntryKind::Family, "f").await.unwrap(), Some(value));
    drop(upgraded);

    plant(&path, "g", br#"{"client":"app","planted":true}"#).await;
    let later = state(&path, &[1]);
    load_keys(&later).await;
    assert_eq!(later.keys.era(), Some(SealEra::Sealed));
    assert_eq!(later.store.get(EntryKind::Family, "g").await.unwrap(), None);
    assert_eq!(later.store.seals().unwrap().refused(), 1);
    look_at_seals(&later).await.unwrap();
    assert_eq!(later.store.get(EntryKind::Family, "g").await.unwrap(), None, "and it is not sealed after the fact");
    assert!(later.store.get(EntryKind::Family, "f").await.unwrap().is_some());
    // What is refused counts as absent, so it stands in no one's way.
    assert!(later.store.create(EntryKind::Family, "g", br#"{"client":"web"}"#.to_vec(), UNTIL).await.unwrap());
    assert_eq!(later.store.get(EntryKind::Family, "g").await.unwrap().unwrap(), br#"{"client":"web"}"#);
}

#[tokio::test]
async fn login_a1_a_value_of_the_old_key_is_changed_by_its_content_and_sealed_by_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("as.db");
    let before = state(&path, &[1]);
    load_keys(&before).await;
    let value = json!({"client": "app", "count": 1}).to_string().into_bytes();
    for name in ["resting", "changed"] {
        before.store.put(EntryKind::Family, name, value.clone(), UNTIL).await.unwrap();
    }
    drop(before);
    let both = state(&path, &[2, 1]);
    load_keys(&both).await;
    assert!(both.trouble().unwrap().contains("session_keys[1]"), "not looked at yet");
    let next = json!({"client": "app", "count": 2}).to_string().into_bytes();
    let wrong = both.store.replace(EntryKind::Family, "changed", &next, value.clone(), None).await.unwrap();
    assert!(!wrong, "another value is there");
    assert!(both.store.replace(EntryKind::Family, "changed", &value, next.clone(), None).await.unwrap());
    look_at_seals(&both).await.unwrap();
    assert_eq!(both.trouble(), None);
    let needed: Vec<bool> = both.store_state().unwrap().keys.into_iter().map(|(_, needed)| needed).collect();
    assert_eq!(needed, [true, false]);
    drop(both);
    let only = state(&path, &[2]);
    load_keys(&only).await;
    assert_eq!(only.store.get(EntryKind::Family, "resting").await.unwrap(), Some(value));
    assert_eq!(only.store.get(EntryKind::Family, "changed").await.unwrap(), Some(next));
    assert_eq!(only.keys.replaced(), 0);
    // One entry in the place of another is not believed.
    let copy = only.store.scan(EntryKind::Family, None).await.unwrap().0.remove(0);
    drop(only);
    plant(&path, "renamed", &copy.1).await;
    let only = state(&path, &[2]);
    load_keys(&only).await;
    assert_eq!(only.store.take(EntryKind::Family, "renamed").await.unwrap(), None);
}

#[test]
fn a_wait_is_shortened_by_a_fifth_at_most() {
    for _ in 0..1_000 {
        let wait = jittered(Duration::from_secs(10));
        assert!(wait > Duration::from_secs(8) && wait <= Duration::from_secs(10), "{wait:?}");
    }
}

#[tokio::test]
async fn login_a12_what_is_written_to_notice_a_full_disk_is_taken_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let state = state(&folder.path().join("as.db"), &[1]);
    for _ in 0..2 {
        state.identity.write(&state.store, state.clock.now()).await.unwrap();
    }
    assert_eq!(state.store.list(EntryKind::Store).await.unwrap().len(), 1);
    assert!(state.replica.others(&state.store).await.unwrap().keys().is_empty());
    state.identity.look(&state.store, true, state.clock.now()).await.unwrap();
    assert_eq!(state.identity.losses(), 0);
}

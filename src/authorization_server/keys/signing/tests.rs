//! Signing keys: first start, rotation, overlap, several replicas.

use serde_json::json;

use super::*;
use crate::{
    authorization_server::{
        settings::StoreSettings,
        testing::{ISSUER, World},
    },
    base::limits::fetch::JWKS_BYTES_MAX,
    decide::token::jwt::UnverifiedJwt,
    outbound::fetch::private_roots,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn claims(world: &World) -> Map<String, Value> {
    let now = world.clock.now().unix_secs();
    let claims = json!({"iss": ISSUER, "sub": "ada", "aud": "x", "client_id": "app", "iat": now, "exp": now + 600});
    claims.as_object().unwrap().clone()
}

fn signed(world: &World) -> String {
    world.embedded.state.keys.sign(&claims(world), world.clock.now()).unwrap()
}

fn kid(token: &str) -> String {
    UnverifiedJwt::read(token).unwrap().key_id().unwrap().to_owned()
}

fn published(keys: &SigningKeys) -> Vec<String> {
    let document: Value = serde_json::from_slice(&keys.document()).unwrap();
    document["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn refresh(world: &World) {
    let state = &world.embedded.state;
    state.keys.refresh(&state.store, &state.sealer, &*world.clock).await.unwrap();
}

#[tokio::test]
async fn e25_a_key_is_published_before_it_signs_and_until_its_last_token_has_expired() {
    let world = World::new().await;
    let keys = &world.embedded.state.keys;
    let first = kid(&signed(&world));
    assert_eq!(published(keys), [&*first]);

    world.clock.turn(SIGNING_KEY_AGE - SIGNING_KEY_LEAD - Duration::from_secs(1));
    refresh(&world).await;
    assert_eq!(published(keys), [&*first], "not yet");
    world.clock.turn(Duration::from_secs(1));
    refresh(&world).await;
    let both = published(keys);
    assert_eq!(both.len(), 2);
    assert_eq!(kid(&signed(&world)), first, "the new one is only shown for now");
    world.clock.turn(SIGNING_KEY_LEAD - Duration::from_secs(1));
    refresh(&world).await;
    assert_eq!(kid(&signed(&world)), first);
    world.clock.turn(Duration::from_secs(1));
    assert_eq!(kid(&signed(&world)), both[1]);
    assert_ne!(both[1], first);

    world.clock.turn(ACCESS_TOKEN_TTL_MAX);
    refresh(&world).await;
    assert_eq!(published(keys), both, "its tokens may still be about");
    world.clock.turn(SIGNING_KEY_LEAD);
    refresh(&world).await;
    assert_eq!(published(keys), [&*both[1]]);
}

#[tokio::test]
async fn e25_a_token_of_before_the_change_is_good_after_it() {
    let world = World::new().await;
    world.clock.turn(SIGNING_KEY_AGE - Duration::from_secs(1));
    refresh(&world).await;
    let old = signed(&world);
    world.clock.turn(SIGNING_KEY_LEAD);
    assert_ne!(kid(&signed(&world)), kid(&old));
    let set = world.embedded.state.keys.set().unwrap();
    assert!(set.knows(&kid(&old)));
}

#[tokio::test]
async fn e25_replicas_sign_with_the_same_keys_whichever_started_first() {
    let world = World::new().await;
    let state = &world.embedded.state;
    let second = SigningKeys::new(Arc::default());
    assert_eq!(second.document(), &br#"{"keys":[]}"#[..]);
    assert_eq!(second.sign(&claims(&world), world.clock.now()), Err("no signing key yet"));
    assert!(second.due_in(world.clock.now()) < state.keys.due_in(world.clock.now()));
    second.refresh(&state.store, &state.sealer, &*world.clock).await.unwrap();
    assert_eq!(second.document(), state.keys.document());
    assert!(state.keys.document().len() < JWKS_BYTES_MAX);

    world.clock.turn(SIGNING_KEY_AGE + DAY);
    let (one, two) = tokio::join!(
        state.keys.refresh(&state.store, &state.sealer, &*world.clock),
        second.refresh(&state.store, &state.sealer, &*world.clock)
    );
    one.and(two).unwrap();
    refresh(&world).await;
    second.refresh(&state.store, &state.sealer, &*world.clock).await.unwrap();
    assert_eq!(published(&second), published(&state.keys));
    assert_eq!(published(&second).len(), 2, "one new key, not one for each replica");
}

#[tokio::test]
async fn login_a1_keys_that_cannot_be_opened_are_replaced_and_come_back_with_their_seal_key() {
    let world = World::new().await;
    let state = &world.embedded.state;
    let before = state.store.get(EntryKind::Keys, PLACE).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&before).into_owned();
    assert!(!text.contains("pkcs8") && !text.contains("signs_from"), "sealed, name and all");
    let first = published(&state.keys);
    let other = Sealer::new(&[]).unwrap();
    let keys = SigningKeys::new(Arc::default());
    keys.refresh(&state.store, &other, &*world.clock).await.unwrap();
    assert_eq!((keys.replaced(), published(&keys).len()), (1, 1));
    assert_ne!(published(&keys), first);
    // Never an empty key set: the replaced keys were set aside, and open again.
    let back = SigningKeys::new(Arc::default());
    back.refresh(&state.store, &state.sealer, &*world.clock).await.unwrap();
    assert_eq!(published(&back), first);
    // A process that has the keys in use keeps them, whatever became of the entry.
    state.store.put(EntryKind::Keys, PLACE, b"of no key".to_vec(), world.clock.now().wall + DAY).await.unwrap();
    state.keys.refresh(&state.store, &state.sealer, &*world.clock).await.unwrap();
    assert_eq!(published(&state.keys), first);
}

#[tokio::test]
async fn login_a12_keys_that_vanish_from_their_store_are_put_back() {
    let world = World::new().await;
    let state = &world.embedded.state;
    let first = published(&state.keys);
    state.store.delete(EntryKind::Keys, PLACE).await.unwrap();
    refresh(&world).await;
    assert_eq!((published(&state.keys), state.keys.restored(), state.keys.replaced()), (first.clone(), 1, 0));
    // The entry is back as it was: others read the same keys.
    let second = SigningKeys::new(Arc::default());
    second.refresh(&state.store, &state.sealer, &*world.clock).await.unwrap();
    assert_eq!(published(&second), first);
    // Rotated keys are put back, too.
    world.clock.turn(SIGNING_KEY_AGE);
    refresh(&world).await;
    refresh(&world).await;
    let both = published(&state.keys);
    state.store.delete(EntryKind::Keys, PLACE).await.unwrap();
    refresh(&world).await;
    assert_eq!((both.len(), published(&state.keys)), (2, both));
}

async fn marked(store: &Store, id: &str) {
    let value = json!({"id": id, "since": 1}).to_string().into_bytes();
    store.put(EntryKind::Store, "marker", value, Duration::from_secs(u32::MAX.into())).await.unwrap();
}

#[tokio::test]
async fn login_a12_keys_of_a_store_that_was_emptied_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new().await;
    let state = &world.embedded.state;
    let settings = StoreSettings::File(folder.path().join("as.db"));
    let store = Store::open(&settings, private_roots(&[]).unwrap(), world.clock.clone()).unwrap();
    let store = store.sealed_with(Arc::new(Sealer::new(&[]).unwrap()));
    let keys = SigningKeys::new(Arc::default());
    let refresh = async || keys.refresh(&store, &state.sealer, &*world.clock).await.unwrap();
    refresh().await;
    assert!(keys.due_in(world.clock.now()) < SIGNING_KEYS_POLL, "the store has no marker yet");
    marked(&store, "one").await;
    refresh().await;
    assert_eq!(keys.due_in(world.clock.now()), SIGNING_KEYS_POLL);
    let first = published(&keys);
    store.delete(EntryKind::Keys, PLACE).await.unwrap();
    refresh().await;
    assert_eq!((published(&keys), keys.restored(), keys.replaced()), (first.clone(), 1, 0));
    for marker in [Some("two"), None] {
        let before = published(&keys);
        store.delete(EntryKind::Keys, PLACE).await.unwrap();
        store.delete(EntryKind::Store, "marker").await.unwrap();
        if let Some(marker) = marker {
            marked(&store, marker).await;
        }
        refresh().await;
        assert_ne!(published(&keys), before, "{marker:?}");
        refresh().await;
    }
    assert_eq!((keys.restored(), keys.replaced()), (1, 2));
}

#[tokio::test]
async fn login_a12_keys_that_vanish_while_no_replica_runs_are_counted_as_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new().await;
    let settings = StoreSettings::File(folder.path().join("as.db"));
    let store = Store::open(&settings, private_roots(&[]).unwrap(), world.clock.clone()).unwrap();
    let store = store.sealed_with(Arc::new(Sealer::new(&[]).unwrap()));
    let sealer = &world.embedded.state.sealer;
    let start = async || {
        let keys = SigningKeys::new(Arc::default());
        keys.refresh(&store, sealer, &*world.clock).await.unwrap();
        (keys.replaced(), published(&keys))
    };
    let identity = &world.embedded.state.identity;
    identity.look(&store, false, world.clock.now()).await.unwrap();
    let (replaced, first) = start().await;
    assert_eq!(replaced, 0, "a new store is marked only after its keys");
    identity.look(&store, true, world.clock.now()).await.unwrap();
    assert_eq!(start().await, (0, first.clone()));
    store.delete(EntryKind::Keys, PLACE).await.unwrap();
    let (replaced, second) = start().await;
    assert_eq!(replaced, 1);
    assert_ne!(second, first);
    assert_eq!(start().await, (0, second));
}

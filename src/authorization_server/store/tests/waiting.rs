//! Registrations that wait for their first use: fair by address prefix, and those in use stay.

use super::*;

/// About twenty entries of ten bytes, in each kind of store.
const SOME: StoreBounds =
    StoreBounds { anyone: KindBound { entries: 20, bytes: 4_000 }, others: KindBound { entries: 99, bytes: 9_999 } };

/// The value of a registration: seven fill Redis, which counts more for each.
const VALUE: [u8; 40] = [1; 40];

/// What a store needs for as long as it is used.
type Ground = (Option<TempDir>, Option<RedisServer>);

fn few() -> Vec<(&'static str, Store, Ground)> {
    let mut all = Vec::new();
    let mut add = |name, backend, folder, server| {
        let clock = Turned::new();
        let store = Store { clock: Arc::clone(&clock) as Arc<dyn Clock>, backend, seals: None };
        all.push((name, store, (folder, server)));
    };
    add("memory", Backend::Memory(Memory::new(SOME)), None, None);
    let folder = tempfile::tempdir().unwrap();
    let file = File::open(&folder.path().join("as.db"), SOME, Duration::ZERO).unwrap();
    add("file", Backend::File(file), Some(folder), None);
    if let Some(server) = RedisServer::start() {
        let StoreSettings::Redis(url) = server.settings() else { panic!() };
        let redis = Redis::new(&url, Roots::empty(), SOME).unwrap();
        add("redis", Backend::Redis(Box::new(redis)), None, Some(server));
    }
    all
}

async fn register(store: &Store, key: &str, group: &str, secs: u64) -> Result<bool, StoreFault> {
    let until = store.now() + UNUSED_CLIENT_AGE + Duration::from_secs(secs);
    store.create_waiting(key, VALUE.to_vec(), until, group).await
}

async fn is_there(store: &Store, key: &str) -> bool {
    store.get(EntryKind::Client, key).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn login_d2_attack_207_a_flood_of_registrations_pushes_out_its_own() {
    for (name, store, _ground) in few() {
        register(&store, "fresh", "192.0.2.0/24", 0).await.unwrap();
        for count in 0..150 {
            let group = format!("203.0.{}.0/24", count % 3);
            assert!(register(&store, &format!("flood-{count}"), &group, 1 + count).await.unwrap(), "{name}");
        }
        assert!(is_there(&store, "fresh").await, "{name}: of a prefix with one registration");
        assert!(is_there(&store, "flood-149").await && !is_there(&store, "flood-0").await, "{name}");
        let long = store.create_waiting("long", vec![1; 4_001], store.now() + UNUSED_CLIENT_AGE, "x").await;
        assert!(long.is_err(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn login_d2_attack_157_attack_209_a_client_in_use_is_never_pushed_out() {
    for (name, store, _ground) in few() {
        let used = store.now() + 90 * UNUSED_CLIENT_AGE;
        for key in ["one", "two"] {
            register(&store, key, "203.0.113.0/24", 0).await.unwrap();
            // Sealing again is no use.
            assert!(store.replace(EntryKind::Client, key, &VALUE, vec![2; 40], None).await.unwrap(), "{name}");
        }
        assert!(store.replace(EntryKind::Client, "one", &[2; 40], vec![3; 40], Some(used)).await.unwrap(), "{name}");
        assert!(!store.replace(EntryKind::Client, "two", &VALUE, vec![3; 40], Some(used)).await.unwrap(), "{name}");
        for count in 0..100 {
            assert!(register(&store, &format!("flood-{count}"), "203.0.113.0/24", 1 + count).await.unwrap(), "{name}");
        }
        assert!(is_there(&store, "one").await && !is_there(&store, "two").await, "{name}");
        store.sweep().await.unwrap();
        // What was deleted, or has expired, takes no room.
        for round in 0..30 {
            register(&store, "again", "198.51.100.0/24", round).await.unwrap();
            store.delete(EntryKind::Client, "again").await.unwrap();
        }
        assert!(is_there(&store, "flood-99").await && is_there(&store, "one").await, "{name}");
    }
}

#[tokio::test]
async fn login_d2_registrations_of_an_earlier_release_are_the_first_to_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("as.db");
    let clock = Turned::new();
    let now = || clock.now().wall;
    let open = || {
        let backend = Backend::File(File::open(&path, SOME, now()).unwrap());
        Store { clock: Arc::clone(&clock) as Arc<dyn Clock>, backend, seals: None }
    };
    let store = open();
    for count in 0..18 {
        let until = now() + UNUSED_CLIENT_AGE - Duration::from_secs(60);
        store.create(EntryKind::Client, &format!("earlier-{count}"), VALUE.to_vec(), until).await.unwrap();
    }
    store.create(EntryKind::Client, "used", VALUE.to_vec(), now() + 80 * UNUSED_CLIENT_AGE).await.unwrap();
    drop(store);
    let earlier = rusqlite::Connection::open(&path).unwrap();
    let drops =
        "DROP TRIGGER entry_waits_no_more; DROP TRIGGER entry_is_used; DROP TABLE waiting; DROP TABLE waiting_group";
    earlier.execute_batch(drops).unwrap();
    earlier.close().unwrap();
    let store = open();
    for count in 0..10 {
        assert!(register(&store, &format!("new-{count}"), &format!("203.0.{count}.0/24"), count).await.unwrap());
    }
    for count in 0..10 {
        assert!(is_there(&store, &format!("new-{count}")).await, "{count}");
    }
    assert!(is_there(&store, "used").await && is_there(&store, "earlier-17").await);
    assert!(!is_there(&store, "earlier-0").await);
}

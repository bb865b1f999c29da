//! Which revocations are in force, for how long, and whose have a share of the room.

use super::*;
use crate::{
    authorization_server::testing::{START_SECS, World},
    base::clock::Clock as _,
};

fn until(secs: u64) -> Duration {
    Duration::from_secs(START_SECS + secs)
}

#[tokio::test]
async fn e27_a_revocation_lasts_for_its_time_here_and_as_long_as_the_store_has_it() {
    let world = World::new().await;
    let (state, local) = (&world.embedded.state, &world.local);
    let revoke = async |name: &str, secs: u64| {
        let who = (until(secs), Revoker::Trusted);
        state.revocations.revoke(&state.store, name, who, world.clock.now()).await.unwrap();
    };
    revoke("one", 100).await;
    revoke("two", 200).await;
    revoke("one", 300).await;
    state.store.put(EntryKind::Revoked, "theirs", Vec::new(), until(1_000)).await.unwrap();
    let standing = |names: [&str; 3]| names.map(|name| local.is_revoked(name));
    assert_eq!(standing(["one", "two", "theirs"]), [true, true, false]);
    state.revocations.refresh(&state.store, world.clock.now()).await.unwrap();
    assert_eq!(standing(["one", "two", "theirs"]), [true; 3]);
    world.clock.turn(Duration::from_secs(250));
    state.revocations.refresh(&state.store, world.clock.now()).await.unwrap();
    assert_eq!(standing(["one", "two", "theirs"]), [true, false, true]);
    state.store.delete(EntryKind::Revoked, "theirs").await.unwrap();
    state.store.delete(EntryKind::Revoked, "one").await.unwrap();
    state.revocations.refresh(&state.store, world.clock.now()).await.unwrap();
    assert_eq!(standing(["one", "two", "theirs"]), [true, false, false], "its own stays");
    world.clock.turn(Duration::from_secs(50));
    revoke("three", 400).await;
    assert_eq!(standing(["one", "two", "three"]), [false, false, true]);
    let known = state.revocations.known.lock().unwrap();
    assert_eq!((known.all.len(), known.own.len(), known.by_anyone), (1, 1, 0), "what ended takes no room");
}

#[tokio::test]
async fn login_b9_tokens_of_a_family_are_counted_while_their_revocations_last() {
    let world = World::new().await;
    let (state, now) = (&world.embedded.state, world.clock.now());
    let who = (until(500), Revoker::Trusted);
    for count in 0..REVOKED_OF_FAMILY_MAX {
        assert_eq!(state.revocations.stem_instead("f.next"), None, "{count}");
        for _ in 0..2 {
            state.revocations.revoke(&state.store, &format!("f.{count}"), who, now).await.unwrap();
        }
    }
    let other = Revocations::new(Arc::default());
    other.refresh(&state.store, now).await.unwrap();
    for revocations in [&state.revocations, &other] {
        assert_eq!(revocations.stem_instead("f.next"), Some("f"), "here, and as the store has it");
        assert_eq!(revocations.stem_instead("g.next"), None);
    }
    world.clock.turn(Duration::from_secs(500));
    for revocations in [&state.revocations, &other] {
        revocations.refresh(&state.store, world.clock.now()).await.unwrap();
        assert_eq!(revocations.stem_instead("f.next"), None);
        assert!(revocations.known.lock().unwrap().of_family.is_empty());
    }
}

#[tokio::test]
async fn login_b9_revocations_by_clients_that_anyone_can_register_have_a_share_of_the_room() {
    let world = World::new().await;
    let (state, now) = (&world.embedded.state, world.clock.now());
    let revoke =
        async |name: &str, revoker| state.revocations.revoke(&state.store, name, (until(500), revoker), now).await;
    for count in 0..REVOKED_BY_ANYONE_MAX {
        revoke(&format!("family-{count}.token"), Revoker::Anyone).await.unwrap();
    }
    // A replica that starts now counts those that the store has.
    let other = Revocations::new(Arc::default());
    other.refresh(&state.store, now).await.unwrap();
    for revocations in [&state.revocations, &other] {
        let refused = revocations.revoke(&state.store, "one-more", (until(500), Revoker::Anyone), now).await;
        assert_eq!(refused.unwrap_err().0, StoreFault::full(EntryKind::Revoked).0);
    }
    assert!(!world.local.is_revoked("one-more"));
    revoke("family-7.token", Revoker::Anyone).await.unwrap();
    // That of a user has room.
    revoke("user", Revoker::Trusted).await.unwrap();
    assert!(world.local.is_revoked("user.token") && world.local.is_revoked("family-7.token"));
    world.clock.turn(Duration::from_secs(500));
    for revocations in [&state.revocations, &other] {
        revocations.refresh(&state.store, world.clock.now()).await.unwrap();
        let who = (until(1_000), Revoker::Anyone);
        revocations.revoke(&state.store, "one-more", who, world.clock.now()).await.unwrap();
    }
}

//! The outage table: an issuer's key set, which is needed again for every key that is not held.

use std::sync::{Arc, atomic::AtomicUsize, atomic::Ordering};

use serde_json::json;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Duration, Instant, sleep},
};

use super::{RECOVERS, ask, assert_unavailable, counted, halves, is_well, until_readyz, until_status};
use crate::e2e::world::{
    Ask, Plan, Step, World,
    issuer::{self, JWKS_PATH, Spoils},
    key::{Alg, OTHER},
    server,
};

/// The answer to the key set's request while the row's failure lasts, and what a token gets meanwhile: one that was proved before, one
/// that was not but is signed with a key that is held, and one that is signed with a new key.
struct Row {
    failure: &'static str,
    answer: fn(Vec<Step>) -> Vec<Step>,
    known: u16,
    held: u16,
    new: u16,
}

const TABLE: &[Row] = &[
    Row { failure: "refuses: hangs up", answer: |_| vec![Step::Cut], known: 200, held: 200, new: 503 },
    Row { failure: "hangs", answer: |_| vec![Step::Hang], known: 200, held: 200, new: 503 },
    Row {
        failure: "truncates",
        answer: |polite| vec![Step::Send(halves(&polite).0), Step::Cut],
        known: 200,
        held: 200,
        new: 503,
    },
    Row { failure: "lies: not JSON", answer: |_| server::json(200, "<html>"), known: 200, held: 200, new: 503 },
    Row {
        failure: "lies: no key set",
        answer: |_| server::json(200, r#"{"keys":7}"#),
        known: 200,
        held: 200,
        new: 503,
    },
    Row {
        failure: "lies: elsewhere",
        answer: |_| server::full(302, &[("Location", "http://127.0.0.1:9/x")], ""),
        known: 200,
        held: 200,
        new: 503,
    },
    Row { failure: "fails: 500", answer: |_| server::full(500, &[], ""), known: 200, held: 200, new: 503 },
    // An issuer may withdraw its keys, and then nobody can know (SPEC B-44).
    Row { failure: "is empty", answer: |_| server::json(200, r#"{"keys":[]}"#), known: 503, held: 503, new: 503 },
];

/// Ready, and with a token that was proved. Another key id may cause a fetch once a second.
async fn begun() -> (World, Ask) {
    let world = Plan::standard().issuers("  house: {issuer: \"@ISSUER@\", refetch_floor: 1s}\n").start().await;
    world.until_ready().await;
    let known = ask(&world.token());
    assert_eq!(world.send(&known).await.status, 200);
    (world, known)
}

fn spoil(world: &World, spoils: Box<Spoils>) {
    world.issuer.spoil(&[JWKS_PATH], spoils);
}

/// Signed with a key that the issuer has published since.
fn rotated(world: &World) -> Ask {
    let mut keys = issuer::house_key_set();
    keys["keys"].as_array_mut().unwrap().push(OTHER.jwk(Alg::Es256, "rotated"));
    world.issuer.publish(keys);
    ask(&world.mint().by(&OTHER).head("kid", json!("rotated")).token())
}

/// What each token gets while the row's failure lasts; the three calls.
async fn fails(row: &Row, world: &World, known: Ask) -> [Ask; 3] {
    let failure = row.failure;
    let failed = counted(world, "portcullis_jwks_fetches_total", "failed").await;
    let new = rotated(world);
    let reply = world.send(&new).await;
    assert_eq!(reply.status, row.new, "{failure}");
    assert_unavailable(&reply, failure);
    let held = ask(&world.mint().claim("jti", json!("another")).token());
    for (what, ask, status) in [("known", &known, row.known), ("held", &held, row.held)] {
        let reply = world.send(ask).await;
        assert_eq!(reply.status, status, "{failure}, {what}: {reply:?}");
    }
    assert!(counted(world, "portcullis_jwks_fetches_total", "failed").await > failed, "{failure}");
    let ready = world.admin("/readyz").await;
    // A server that has keys stays ready: every replica loses its issuer at once, and with all of them away no client would be told
    // why. Where the issuer has withdrawn its keys, no token is accepted any more.
    assert_eq!(ready.status, row.held, "{failure}: {ready:?}");
    assert!(ready.text().contains("house"), "{failure}: {ready:?}");
    [new, known, held]
}

async fn recovers(row: &Row, world: World, calls: [Ask; 3]) {
    for call in &calls {
        until_status(&world, call, 200, row.failure).await;
    }
    until_readyz(&world, row.failure, is_well).await;
    world.close().await;
}

#[tokio::test]
async fn outage_key_set_fails() {
    let mut rows = JoinSet::new();
    for row in TABLE {
        rows.spawn(async move {
            let (world, known) = begun().await;
            spoil(&world, Box::new(row.answer));
            let calls = fails(row, &world, known).await;
            world.issuer.answer_politely();
            recovers(row, world, calls).await;
        });
    }
    while let Some(row) = rows.join_next().await {
        row.unwrap();
    }
}

#[tokio::test]
async fn outage_key_set_refuses() {
    let (world, known) = begun().await;
    world.issuer.server().stop();
    let row = Row { failure: "refuses", answer: |_| Vec::new(), known: 200, held: 200, new: 503 };
    let calls = fails(&row, &world, known).await;
    world.issuer.server().resume().await;
    recovers(&row, world, calls).await;
}

#[tokio::test]
async fn outage_key_set_is_slow_and_waited_for() {
    let (world, known) = begun().await;
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    let slow = move |polite: Vec<Step>| {
        let (first, rest) = halves(&polite);
        vec![Step::Send(first), Step::Await(Arc::clone(&script_gate)), Step::Send(rest)]
    };
    spoil(&world, Box::new(slow));
    let new = rotated(&world);
    world.issuer.server().take();
    let mut live = world.connect().await;
    live.write(&new.bytes(&world.authority)).await;
    world.issuer.server().until_seen(1).await;
    assert_eq!(world.send(&known).await.status, 200, "waits for nobody");
    gate.add_permits(10);
    assert_eq!(live.head(false).await, 200, "{:?}", live.reply());
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn outage_key_set_flaps() {
    let (world, known) = begun().await;
    let asked = AtomicUsize::new(0);
    spoil(
        &world,
        Box::new(move |polite| if asked.fetch_add(1, Ordering::SeqCst) < 3 { vec![Step::Cut] } else { polite }),
    );
    let new = rotated(&world);
    let deadline = Instant::now() + RECOVERS;
    loop {
        assert_eq!(world.send(&known).await.status, 200, "a key that is held");
        let reply = world.send(&new).await;
        if reply.status == 200 {
            break;
        }
        assert_unavailable(&reply, "flaps");
        assert!(Instant::now() < deadline, "it never recovers");
        sleep(Duration::from_millis(50)).await;
    }
    world.issuer.server().stop();
    for ask in [&known, &new] {
        assert_eq!(world.send(ask).await.status, 200, "away again");
    }
    world.close().await;
}

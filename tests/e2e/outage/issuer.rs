//! The outage table: an issuer's metadata, which is needed once, at the start.

use std::{
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{ask, assert_unavailable, counted, halves, is_well, until_readyz, until_status};
use crate::e2e::world::{
    Ask, Issuer, Plan, Step, World,
    issuer::{JWKS_PATH, METADATA_PATHS, Spoils},
    key::HOUSE,
    process::PATIENCE,
    server,
};

/// The answer to the metadata's request while the row's failure lasts. A call is 503 with `Retry-After`, `/readyz` is 503 and names the
/// issuer, and both are 200 as soon as the metadata comes.
struct Row {
    failure: &'static str,
    answer: fn(Vec<Step>) -> Vec<Step>,
}

const TABLE: &[Row] = &[
    Row { failure: "refuses: hangs up", answer: |_| vec![Step::Cut] },
    Row { failure: "hangs", answer: |_| vec![Step::Hang] },
    Row { failure: "truncates", answer: |polite| vec![Step::Send(halves(&polite).0), Step::Cut] },
    Row { failure: "lies: another issuer", answer: |_| server::json(200, LIE) },
    Row { failure: "lies: not JSON", answer: |_| server::json(200, "<html>Log in</html>") },
    Row { failure: "lies: elsewhere", answer: |_| server::full(302, &[("Location", "http://127.0.0.1:9/x")], "") },
    Row { failure: "fails: 500", answer: |_| server::full(500, &[], "") },
];
const LIE: &str = r#"{"issuer":"https://evil.example","jwks_uri":"https://evil.example/keys"}"#;

async fn begun(spoils: Option<Box<Spoils>>) -> (Issuer, World) {
    let issuer = Issuer::start(&HOUSE, Arc::default()).await;
    match spoils {
        Some(spoils) => issuer.spoil(&METADATA_PATHS, spoils),
        None => issuer.server().stop(),
    }
    let world = Plan::standard().issuers(&format!("  house: {{issuer: \"{}\"}}\n", issuer.url())).start().await;
    (issuer, world)
}

/// What a call gets while the failure lasts.
async fn fails(failure: &str, issuer: &Issuer, world: &World) -> Ask {
    let call = ask(&issuer.mint(&world.resource()).token());
    assert_unavailable(&world.send(&call).await, failure);
    assert_eq!(world.upstream.count(), 0, "{failure}");
    let ready = world.admin("/readyz").await;
    assert_eq!(ready.status, 503, "{failure}: {ready:?}");
    assert!(ready.text().contains("house"), "{failure}: {ready:?}");
    assert_eq!(world.admin("/healthz").await.status, 200, "{failure}: alive is not ready");
    // A call waits as long as a fetch may take, so it can end a moment before the first one has failed.
    let deadline = Instant::now() + PATIENCE;
    while counted(world, "portcullis_jwks_fetches_total", "failed").await == 0.0 {
        assert!(Instant::now() < deadline, "{failure}: no fetch failed");
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(issuer.server().count_of(JWKS_PATH), 0, "{failure}: no keys without metadata");
    call
}

async fn recovers(failure: &str, world: World, call: Ask) {
    until_status(&world, &call, 200, failure).await;
    until_readyz(&world, failure, is_well).await;
    world.close().await;
}

#[tokio::test]
async fn outage_issuer_metadata_fails_at_the_start() {
    let mut rows = JoinSet::new();
    for Row { failure, answer } in TABLE {
        rows.spawn(async move {
            let (issuer, world) = begun(Some(Box::new(answer))).await;
            let call = fails(failure, &issuer, &world).await;
            issuer.answer_politely();
            recovers(failure, world, call).await;
        });
    }
    while let Some(row) = rows.join_next().await {
        row.unwrap();
    }
}

#[tokio::test]
async fn outage_issuer_metadata_refuses() {
    let (issuer, world) = begun(None).await;
    let call = fails("refuses", &issuer, &world).await;
    issuer.server().resume().await;
    recovers("refuses", world, call).await;
}

#[tokio::test]
async fn outage_issuer_metadata_is_slow_and_waited_for() {
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    let slow = move |polite: Vec<Step>| {
        let (first, rest) = halves(&polite);
        vec![Step::Send(first), Step::Await(Arc::clone(&script_gate)), Step::Send(rest)]
    };
    let (issuer, world) = begun(Some(Box::new(slow))).await;
    issuer.server().until_seen(1).await;
    let mut live = world.connect().await;
    live.write(&ask(&issuer.mint(&world.resource()).token()).bytes(&world.authority)).await;
    gate.add_permits(10);
    assert_eq!(live.head(false).await, 200, "{:?}", live.reply());
    drop(live);
    until_readyz(&world, "slow", is_well).await;
    world.close().await;
}

#[tokio::test]
async fn outage_issuer_metadata_flaps() {
    let asked = AtomicUsize::new(0);
    let flaps = move |polite| match asked.fetch_add(1, Ordering::SeqCst) % 5 {
        4 => polite,
        _ => vec![Step::Cut],
    };
    let (issuer, world) = begun(Some(Box::new(flaps))).await;
    let call = ask(&issuer.mint(&world.resource()).token());
    until_status(&world, &call, 200, "flaps").await;
    // From the first good answer on it is not needed any more.
    for _ in 0..10 {
        assert_eq!(world.send(&call).await.status, 200);
    }
    world.close().await;
}

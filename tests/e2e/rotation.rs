//! Does a rotated key work at once, whatever was forged before it, and does no answer lie about it (attack 181)?

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use serde_json::json;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Duration, Instant, sleep},
};

use super::world::{
    Ask, Plan, Reply, Step, World, call,
    issuer::{JWKS_PATH, house_key_set},
    key::{Alg, OTHER},
    process::PATIENCE,
    server,
};

async fn world(refetch_floor: &str) -> World {
    let issuers = format!("  house: {{issuer: \"@ISSUER@\", refetch_floor: {refetch_floor}}}\n");
    let world = Plan::standard().issuers(&issuers).start().await;
    assert_eq!(try_token(&world, &world.token()).await.status, 200);
    world
}

async fn try_token(world: &World, token: &str) -> Reply {
    world.send(&Ask::post("/mcp", call("safe")).token(token)).await
}

/// A token that is signed by the next key, which the issuer may not have published yet.
fn signed_by(world: &World, kid: &str) -> String {
    world.mint().by(&OTHER).head("kid", json!(kid)).token()
}

/// The issuer publishes the next key beside the others.
fn rotate(world: &World, kid: &str) {
    let mut keys = house_key_set();
    keys["keys"].as_array_mut().unwrap().push(OTHER.jwk(Alg::Es256, kid));
    world.issuer.publish(keys);
}

#[tokio::test]
async fn attack_181_a_forged_token_does_not_keep_a_rotated_key_out() {
    let world = world("30s").await;
    let before = world.issuer.key_fetches();
    let forged = try_token(&world, &signed_by(&world, "forged")).await;
    assert_eq!((forged.status, forged.reason().as_str()), (401, "token_unknown_key"));
    rotate(&world, "next");
    let reply = try_token(&world, &signed_by(&world, "next")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(world.issuer.key_fetches() - before, 2);
    world.close().await;
}

#[tokio::test]
async fn attack_181_a_kid_that_was_guessed_before_its_key_was_published_works_afterwards() {
    let world = world("30s").await;
    assert_eq!(try_token(&world, &signed_by(&world, "next")).await.status, 401);
    rotate(&world, "next");
    assert_eq!(try_token(&world, &signed_by(&world, "next")).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn attack_181_a_fetch_that_began_before_the_token_came_refuses_nobody() {
    let world = world("6s").await;
    // The next fetch is answered with the keys of its beginning, once the gate is open.
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    let old = house_key_set().to_string();
    world.issuer.server().take();
    world.issuer.server().answer_with(move |seen| match seen.target.as_str() {
        JWKS_PATH => {
            let mut steps = vec![Step::Await(Arc::clone(&script_gate))];
            steps.extend(server::json(200, old.clone()));
            steps
        }
        _ => server::json(404, "{}"),
    });
    let mut earlier = world.connect().await;
    let ask = Ask::post("/mcp", call("safe")).token(&signed_by(&world, "earlier"));
    earlier.write(&ask.bytes(&world.authority)).await;
    world.issuer.server().until_seen(1).await;

    rotate(&world, "next");
    world.issuer.answer_politely();
    let mut next = world.connect().await;
    let ask = Ask::post("/mcp", call("safe")).token(&signed_by(&world, "next"));
    next.write(&ask.bytes(&world.authority)).await;
    // Both wait now.
    while world.metric("portcullis_requests_in_flight").await != Some(2.0) {
        sleep(Duration::from_millis(10)).await;
    }
    gate.add_permits(1);
    assert_eq!(earlier.head(false).await, 401);
    assert_eq!(next.head(false).await, 200);
    earlier.rest().await;
    next.rest().await;
    world.close().await;
}

#[tokio::test]
async fn attack_181_where_no_fetch_comes_in_time_the_answer_says_when_to_come_back() {
    // A sixth of it, 6 s, is more than a request waits.
    let world = world("36s").await;
    assert_eq!(try_token(&world, &signed_by(&world, "forged")).await.status, 401);
    rotate(&world, "next");
    let token = signed_by(&world, "next");
    let reply = try_token(&world, &token).await;
    assert_eq!((reply.status, reply.reason().as_str()), (503, "keys_unavailable"), "{reply:?}");
    let seconds: u64 = reply.header("retry-after").expect("Retry-After").parse().unwrap();
    assert!((1..=6).contains(&seconds), "{seconds}");
    assert!(reply.header("www-authenticate").is_none());
    sleep(Duration::from_secs(seconds)).await;
    assert_eq!(try_token(&world, &token).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn attack_181_rotations_amid_traffic_and_forged_tokens_refuse_no_good_token() {
    const ROTATIONS: usize = 4;
    const PASSED_BETWEEN: usize = 200;
    let world = Arc::new(world("3s").await);
    rotate(&world, "key-0");
    let (rotations, passed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut clients = JoinSet::new();
    for client in 0..8 {
        let (world, rotations, stopped) = (Arc::clone(&world), Arc::clone(&rotations), stopped.clone());
        let passed = Arc::clone(&passed);
        clients.spawn(async move {
            let (mut sent, mut wrong) = (0, Vec::new());
            while !*stopped.borrow() {
                sent += 1;
                let number = sent.to_string();
                if client == 0 {
                    let kid = format!("invented-{number}");
                    let reply = try_token(&world, &world.mint().by(&OTHER).head("kid", json!(kid)).token()).await;
                    assert_eq!(reply.status, 401, "a forged token: {reply:?}");
                } else {
                    // Signed by the key that the issuer has published last.
                    let kid = format!("key-{}", rotations.load(Relaxed));
                    let mint = world.mint().by(&OTHER).head("kid", json!(kid)).claim("jti", json!(number));
                    let status = try_token(&world, &mint.token()).await.status;
                    match status {
                        200 => _ = passed.fetch_add(1, Relaxed),
                        _ => wrong.push(status),
                    }
                }
            }
            (sent, wrong)
        });
    }
    for number in 1..=ROTATIONS {
        let mut keys = house_key_set();
        for kept in 0..=number {
            keys["keys"].as_array_mut().unwrap().push(OTHER.jwk(Alg::Es256, &format!("key-{kept}")));
        }
        world.issuer.publish(keys);
        rotations.store(number, Relaxed);
        let (before, deadline) = (passed.load(Relaxed), Instant::now() + PATIENCE);
        while passed.load(Relaxed) < before + PASSED_BETWEEN {
            assert!(Instant::now() < deadline, "no traffic with key-{number}");
            sleep(Duration::from_millis(20)).await;
        }
    }
    stop.send_replace(true);
    let (mut sent, mut wrong) = (0, Vec::new());
    for (more, others) in clients.join_all().await {
        sent += more;
        wrong.extend(others);
    }
    println!("{sent} requests, {ROTATIONS} rotations, {} good tokens refused", wrong.len());
    assert!(wrong.is_empty(), "{} of {sent} good tokens were refused, the first with {:?}", wrong.len(), wrong.first());
    Arc::into_inner(world).unwrap().close().await;
}

//! Are the streams, sessions, requests and bodies of one caller bounded before they cost anything, and do others notice nothing
//! (attacks 172, 173)?

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use super::{
    session::initialize,
    world::{
        Ask, Live, Plan, Step, World,
        beside::{Others, beside},
        call,
        plan::STANDARD,
        process::PATIENCE,
        server::{chunk, full, polite, sse_head},
    },
};

mod bodies;
mod decoders;
mod lists;
mod requests;

/// The standard server with these limits, and these for all; its upstream may take its time.
fn plan(server: &str, all: &str) -> Plan {
    let yaml = STANDARD.replace("{request_body: 64KiB}", &format!("{{{server}}}"));
    let plan = Plan::standard().servers(&yaml.replace("response_timeout: 2s", "response_timeout: 30s"));
    if all.is_empty() { plan } else { plan.top(&format!("limits: {{{all}}}")) }
}

fn token_of(world: &World, subject: &str) -> String {
    world.mint().claim("sub", subject.into()).token()
}

/// Waits until so many requests have ended in this way.
async fn until_ended(world: &World, outcome: &str, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    let wanted = format!("outcome=\"{outcome}\"");
    loop {
        let metrics = world.admin("/metrics").await.text();
        let counts =
            metrics.lines().filter(|line| line.starts_with("portcullis_requests_total{") && line.contains(&wanted));
        let now: usize = counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<usize>().ok()).sum();
        assert!(now <= count, "{now} ended as {outcome}, {count} should");
        if now == count {
            return;
        }
        assert!(Instant::now() < deadline, "{now} ended as {outcome}, {count} should");
        sleep(Duration::from_millis(10)).await;
    }
}

/// The heads of all; how many are 200, and how many are a refusal for this reason that says when to try again.
async fn heads(lives: Vec<Live>, reason: &str) -> (Vec<Live>, usize) {
    let (mut open, mut refused) = (Vec::new(), 0);
    for mut live in lives {
        if live.head(false).await == 200 {
            open.push(live);
            continue;
        }
        let reply = live.rest().await;
        assert_eq!((reply.reason().as_str(), reply.header("retry-after").is_some()), (reason, true), "{reply:?}");
        refused += 1;
    }
    (open, refused)
}

/// What an attacker calls waits at the upstream for a permit, and is then answered with `steps`; others are answered at once.
fn answer_late(
    world: &World,
    steps: impl Fn(&super::world::Seen) -> Vec<Step> + Send + Sync + 'static,
) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |seen| {
        let body = String::from_utf8_lossy(&seen.body);
        if seen.method == "POST" && body.contains("\"get_x\"") {
            return polite(seen);
        }
        let mut all = vec![Step::Await(Arc::clone(&script_gate))];
        all.extend(steps(seen));
        all
    });
    gate
}

#[tokio::test]
async fn attack_172_three_hundred_calls_at_once_open_no_more_streams_than_one_caller_may_have() {
    let limits = "request_body: 64KiB, streams_per_caller: 64, requests_per_caller: 400";
    let world = plan(limits, "requests: 2000, body_bytes: 64MiB").start().await;
    let gate = answer_late(&world, |_| vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang]);
    let ask = Ask::post("/mcp", call("safe")).token(&token_of(&world, "mallory"));
    let attack = async |mut others: Others| {
        let lives = world.begin(&ask, 300).await;
        // None of them is answered yet, so each was judged before any showed that it is a stream.
        until_ended(&world, "too_many_streams", 236).await;
        gate.add_permits(64);
        let (open, refused) = heads(lives, "too_many_streams").await;
        assert_eq!((open.len(), refused), (64, 236));
        assert_eq!(world.metric("portcullis_streams_open").await, Some(64.0));
        let late = world.send(&ask).await;
        assert_eq!((late.status, late.code()), (429, Some(42901)), "{late:?}");
        others.are_served().await;
        drop(open);
    };
    beside(&world, &token_of(&world, "bob"), "attack 172: 300 calls at once", attack).await;
    world.upstream.until_hung_up(64).await;
    world.close().await;
}

#[tokio::test]
async fn attack_172_a_place_that_no_stream_needs_is_free_at_once() {
    let world = plan("request_body: 64KiB, streams_per_caller: 2", "").start().await;
    let gate = answer_late(&world, polite);
    let ask = Ask::post("/mcp", call("safe")).token(&token_of(&world, "mallory"));
    for round in 1..=3 {
        let lives = world.begin(&ask, 5).await;
        until_ended(&world, "too_many_streams", 3 * round).await;
        gate.add_permits(2);
        let (open, refused) = heads(lives, "too_many_streams").await;
        assert_eq!((open.len(), refused), (2, 3), "round {round}");
        for live in open {
            assert_eq!(live.rest().await.status, 200);
        }
    }
    // Of refused and failed calls nothing stays behind either.
    world.upstream.answer_with(|_| vec![Step::Cut]);
    for _ in 0..5 {
        assert_eq!(world.send(&ask).await.status, 502);
        assert_eq!(
            world.send(&Ask::post("/mcp", call("forbidden")).token(&token_of(&world, "mallory"))).await.status,
            403
        );
    }
    world.close().await;
}

#[tokio::test]
async fn attack_172_sessions_that_are_asked_for_at_once_are_bounded() {
    let world = plan("request_body: 64KiB, sessions_per_caller: 10", "").start().await;
    let ask = Ask::post("/mcp", initialize()).token(&token_of(&world, "mallory"));
    // The upstream has no sessions: each place is given back.
    let gate = answer_late(&world, polite);
    for round in 1..=2 {
        let lives = world.begin(&ask, 30).await;
        until_ended(&world, "too_many_sessions", 20 * round).await;
        gate.add_permits(10);
        let (open, refused) = heads(lives, "too_many_sessions").await;
        assert_eq!((open.len(), refused), (10, 20), "round {round}");
    }
    // Now it has.
    let gate = answer_late(&world, |seen| {
        let fields = [("Content-Type", "application/json"), ("Mcp-Session-Id", "s")];
        full(200, &fields, format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, seen.id()))
    });
    let lives = world.begin(&ask, 30).await;
    until_ended(&world, "too_many_sessions", 60).await;
    gate.add_permits(10);
    let (open, refused) = heads(lives, "too_many_sessions").await;
    assert_eq!((open.len(), refused), (10, 20));
    assert!(open.iter().all(|live| live.reply().header("mcp-session-id").is_some()));
    drop(open);
    assert_eq!(world.send(&ask).await.status, 429);
    world.close().await;
}

#[tokio::test]
async fn attack_172_a_session_that_may_have_begun_stays_counted() {
    let plan = Plan::standard_but("{request_body: 64KiB}", "{request_body: 64KiB, sessions_per_caller: 3}");
    let world = plan.start().await;
    let ask = Ask::post("/mcp", initialize()).token(&token_of(&world, "mallory"));
    let asks = async |status: u16, why: &str| assert_eq!(world.send(&ask).await.status, status, "{why}");

    world.upstream.stop();
    for _ in 0..4 {
        asks(502, "what never arrived began nothing").await;
    }
    world.upstream.resume().await;
    let found = Instant::now() + PATIENCE;
    while world.send(&Ask::post("/mcp", call("safe")).token(&world.token())).await.status != 200 {
        assert!(Instant::now() < found, "the upstream is there again");
    }
    for status in [400, 401, 404, 500] {
        world.upstream.answer_with(move |_| full(status, &[], ""));
        let expected = if status == 401 { 502 } else { status };
        asks(expected, "what names no session began none").await;
    }
    // The client leaves before the answer; the upstream dies, or answers too late.
    world.upstream.take();
    world.upstream.answer_with(|_| vec![Step::Hang]);
    let lives = world.begin(&ask, 1).await;
    world.upstream.until_seen(1).await;
    drop(lives);
    world.upstream.until_hung_up(1).await;
    asks(504, "too late").await;
    world.upstream.answer_with(|_| vec![Step::Cut]);
    asks(502, "died").await;
    asks(429, "three may have begun").await;
    world.close().await;
}

//! How many sessions may a caller begin, and what counts as one that began or ended (SPEC C-41, C-44, C-48, attack 154)?

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use super::{begin, initialize};
use crate::e2e::{
    legacy_sse::{NAMED, opened, upstream},
    world::{Ask, Plan, Reply, World, call, server},
};

/// The standard server with another bound, and with more keys.
fn bounded(most: u32, more: &str) -> Plan {
    let limits = format!("limits: {{request_body: 64KiB, sessions_per_caller: {most}}}{more}");
    Plan::standard_but("limits: {request_body: 64KiB}", &limits)
}

/// Names a fresh session in every answer, as some servers without sessions do.
fn always_fresh(world: &World) {
    let count = AtomicU32::new(0);
    world.upstream.answer_with(move |seen| {
        let id = format!("s{}", count.fetch_add(1, Ordering::Relaxed));
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, seen.id());
        server::full(200, &[("Content-Type", "application/json"), ("Mcp-Session-Id", &id)], body)
    });
}

async fn sends(world: &World, body: impl Into<Vec<u8>>) -> Reply {
    world.send(&world.post(body)).await
}

/// Sends `body` so often, is answered with 200, and with 429 the next time.
async fn is_answered(world: &World, times: u32, body: &str, when: &str) {
    for time in 0..times {
        let reply = sends(world, body).await;
        assert_eq!(reply.status, 200, "{when}: {time}: {reply:?}");
    }
    let reply = sends(world, body).await;
    assert_eq!(
        (reply.status, reply.code(), reply.reason().as_str()),
        (429, Some(42902), "too_many_sessions"),
        "{when}"
    );
}

#[tokio::test]
async fn c48_attack_154_a_thousand_abandoned_sessions_stop_one_caller_and_nobody_else() {
    let world = World::standard().await;
    let alice = world.token();
    begin(&world, &alice).await;
    let mut live = world.connect().await;
    let ask = Ask::post("/mcp", initialize()).token(&alice).with("Connection", "keep-alive");
    let bytes = ask.bytes(&world.authority);
    let mut refused = None;
    for number in 2..1_100 {
        live.write(&bytes).await;
        live.head(false).await;
        let reply = live.rest_of().await;
        if reply.status == 429 {
            assert_eq!((reply.reason().as_str(), reply.header("retry-after")), ("too_many_sessions", Some("60")));
            refused = Some(number);
            break;
        }
        assert_eq!(reply.status, 200, "{number}: {reply:?}");
    }
    assert!(refused.is_some_and(|number| number > 1_024), "{refused:?}");
    let bob = world.mint().claim("sub", json!("bob")).token();
    assert_eq!(world.send(&Ask::post("/mcp", initialize()).token(&bob)).await.status, 200);
    assert_eq!(
        world.send(&Ask::post("/mcp", call("safe")).token(&alice)).await.status,
        400,
        "calls go on: the upstream answers"
    );
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn c48_the_bound_is_the_operators_and_a_reload_changes_it() {
    let world = bounded(3, "").start().await;
    always_fresh(&world);
    is_answered(&world, 3, &initialize(), "3").await;
    let reload = |from: &str, to: &str| {
        let yaml = std::fs::read_to_string(world.config_path()).unwrap();
        let key = "sessions_per_caller: ";
        let changed = yaml.replace(&format!("{key}{from}}}"), &format!("{key}{to}}}"));
        assert_ne!(changed, yaml);
        std::fs::write(world.config_path(), changed).unwrap();
        world.gateway.signal("HUP");
    };
    reload("3", "5");
    while sends(&world, initialize()).await.status == 429 {}
    is_answered(&world, 1, &initialize(), "the fourth went before: the count outlives the reload").await;
    reload("5", "1000000");
    while sends(&world, initialize()).await.status == 429 {}
    assert_eq!(sends(&world, initialize()).await.status, 200);
    reload("1000000", "1");
    while sends(&world, initialize()).await.status == 200 {}
    assert_eq!(sends(&world, call("safe")).await.status, 200, "what begins nothing goes on");
    world.close().await;
}

#[tokio::test]
async fn c44_c48_attack_154_only_what_ends_a_session_gives_its_place_back() {
    let world = bounded(2, "").start().await;
    let sealed = begin(&world, &world.token()).await;
    always_fresh(&world);
    is_answered(&world, 1, &initialize(), "the second").await;
    let end = || Ask::new("DELETE", "/mcp").token(&world.token()).with("Mcp-Session-Id", &sealed);
    for (status, ends) in [
        (404, false),
        (405, false),
        (400, false),
        (500, false),
        (204, true),
        // It is over, whatever its upstream says of it.
        (404, false),
        (204, false),
        (200, false),
        (202, false),
    ] {
        world.upstream.answer_with(move |_| server::full(status, &[], ""));
        let reply = world.send(&end()).await;
        assert_eq!(reply.status, status, "{reply:?}");
        always_fresh(&world);
        is_answered(&world, u32::from(ends), &initialize(), &format!("after {status}")).await;
    }
    // Without a session there is nothing to end, and another caller ends nothing of this one's.
    let bob = world.mint().claim("sub", json!("bob")).token();
    world.upstream.answer_with(|_| server::full(204, &[], ""));
    let nothing = world.send(&Ask::new("DELETE", "/mcp").token(&world.token())).await;
    assert_eq!(nothing.status, 204);
    let strange = Ask::new("DELETE", "/mcp").token(&bob).with("Mcp-Session-Id", &sealed);
    assert_eq!(world.send(&strange).await.status, 404);
    is_answered(&world, 0, &initialize(), "nothing was ended").await;
    world.close().await;
}

#[tokio::test]
async fn attack_172_a_session_that_is_ended_again_and_again_gives_one_place_back() {
    let world = bounded(3, "").start().await;
    always_fresh(&world);
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let reply = sends(&world, initialize()).await;
        sessions.push(reply.header("mcp-session-id").expect("a session").to_owned());
    }
    is_answered(&world, 0, &initialize(), "all are taken").await;
    let end = async |session: &str| {
        let ask = Ask::new("DELETE", "/mcp").token(&world.token()).with("Mcp-Session-Id", session);
        assert_eq!(world.send(&ask).await.status, 200, "the upstream says so each time");
    };
    for _ in 0..4 {
        end(&sessions[0]).await;
    }
    is_answered(&world, 1, &initialize(), "the place of the first").await;
    end(&sessions[0]).await;
    is_answered(&world, 0, &initialize(), "it had one").await;
    end(&sessions[1]).await;
    end(&sessions[2]).await;
    is_answered(&world, 2, &initialize(), "the places of the others").await;
    world.close().await;
}

#[tokio::test]
async fn c41_c48_an_id_in_another_answer_than_that_to_initialize_begins_no_session() {
    let world = bounded(2, "").start().await;
    always_fresh(&world);
    let mut last = String::new();
    for _ in 0..5 {
        let reply = sends(&world, call("safe")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        last = reply.header("mcp-session-id").expect("a session").to_owned();
    }
    world.upstream.take();
    let owned = world.send(&world.post(call("safe")).with("Mcp-Session-Id", &last)).await;
    assert_eq!(owned.status, 200);
    assert_eq!(world.upstream.take_one().header("mcp-session-id"), Some("s4"), "it is the caller's all the same");
    let bob = world.mint().claim("sub", json!("bob")).token();
    let strange = Ask::post("/mcp", call("safe")).token(&bob).with("Mcp-Session-Id", &last);
    assert_eq!(world.send(&strange).await.status, 404);
    is_answered(&world, 2, &initialize(), "nothing was counted before").await;
    assert_eq!(sends(&world, call("safe")).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn c48_c95_messages_of_the_old_transport_begin_no_session() {
    let world = bounded(1, "\n    legacy_sse: {path: /old/sse, upstream: \"@UPSTREAM@/up/sse\"}").start().await;
    upstream(&world, &[NAMED]);
    let (live, endpoint) = opened(&world, &world.token()).await;
    for _ in 0..3 {
        let ask = Ask::post(&endpoint, initialize()).token(&world.token());
        assert_eq!(world.send(&ask).await.status, 202);
    }
    always_fresh(&world);
    is_answered(&world, 1, &initialize(), "at the other door").await;
    upstream(&world, &[NAMED]);
    let ask = Ask::post(&endpoint, initialize()).token(&world.token());
    assert_eq!(world.send(&ask).await.status, 202, "its sessions are its streams");
    drop(live);
    world.close().await;
}

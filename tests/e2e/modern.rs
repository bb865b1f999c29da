//! Is each request of 2026-07-28 judged by itself: retries with input, subscriptions, what closing a stream means (SPEC C-56, C-80…C-86)?

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Semaphore;

use super::world::{
    Ask, Plan, Step, Want, World, modern, row,
    server::{chunk, json, last_chunk, sse_head},
};

/// What a server hands out between two rounds, and nobody but it may read: it goes there and back byte for byte.
const STATE: &str = r#"eyJzdGVwIjoyfQ==.\u00e9\/+=~ 9007199254740993"#;

fn retry(tool: &str) -> Ask {
    let params = format!(
        r#""name":"{tool}","arguments":{{}},"requestState":"{STATE}","inputResponses":{{"a":{{"action":"accept","content":{{"n":1e2}}}}}}"#
    );
    modern("tools/call", Some(tool), &params)
}

#[tokio::test]
async fn c80_c81_attack_140_attack_141_a_retry_is_a_request_like_any_other() {
    let world = World::standard().await;
    world.secret(STATE);
    world.secret("eyJzdGVwIjoyfQ==");
    let wide = world.token_with("mcp:connect mcp:danger");
    world.upstream.answer_with(|seen| {
        let (id, state) = (seen.id(), STATE);
        json(200, format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"input_required","requestState":"{state}","inputRequests":{{}}}}}}"#))
    });
    let first = modern("tools/call", Some("danger"), r#""name":"danger","arguments":{}"#).token(&wide);
    let reply = world.open(&first).await;
    assert_eq!(reply.reply().status, 200);
    drop(reply);
    world.upstream.take();
    let second = retry("danger").token(&wide);
    assert_eq!(world.open(&second).await.reply().status, 200);
    assert_eq!(world.upstream.take_one().body, second.sent_body(), "state and answers arrive byte for byte");
    // Nothing is remembered of the first round: neither that it was allowed, nor for which tool.
    world
        .verdicts(vec![
            row("the scope is gone", retry("danger").token(&world.token()), Want::Error(403, 40301)),
            row("another tool", retry("forbidden").token(&wide), Want::Error(403, 40302)),
            row("an unknown tool", retry("unknown").token(&wide), Want::Error(403, 40304)),
            row(
                "another name in the header",
                retry("forbidden").set("Mcp-Name", "danger").token(&wide),
                Want::Error(400, -32020),
            ),
        ])
        .await;
    // Another caller's state is the upstream's to refuse; it is told whose request it is.
    let bob = world.mint().claim("sub", json!("bob")).scope("mcp:connect mcp:danger").token();
    assert_eq!(world.open(&retry("danger").token(&bob)).await.reply().status, 200);
    assert_eq!(world.upstream.take_one().header("x-auth-subject"), Some("bob"));
    world.close().await;
}

fn listen(uris: &str) -> Ask {
    modern("subscriptions/listen", None, &format!(r#""notifications":{{"resourceSubscriptions":[{uris}]}}"#))
}

#[tokio::test]
async fn c84_attack_142_every_resource_of_a_subscription_is_judged() {
    let world = World::standard().await;
    let token = world.token();
    let rows = [
        (r#""file:///pub/a","file:///pub/b""#, Want::Passes),
        (r#""file:///pub/a","file:///etc/passwd""#, Want::Error(403, 40304)),
        (r#""file:///etc/passwd","file:///pub/a""#, Want::Error(403, 40304)),
        (r#""file:///pub/a","file:///pub/%2e%2e/etc""#, Want::Error(403, 40305)),
        (r#""file:///pub/a",7"#, Want::Error(400, -32602)),
        ("", Want::Passes),
    ];
    world.verdicts(rows.map(|(uris, want)| row(uris, listen(uris).token(&token), want)).into()).await;
    world.close().await;
}

#[tokio::test]
async fn c85_c86_attack_154_a_subscription_outlives_the_response_timeout_and_one_caller_has_few() {
    let plan = Plan::standard_but("limits: {request_body: 64KiB}", "limits: {streams_per_caller: 2}");
    let world = plan.start().await;
    let token = world.token();
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        let wait = Step::Await(Arc::clone(&script_gate));
        vec![sse_head(&[]), chunk(":ack\n\n"), wait, chunk("data: {\"end\":1}\n\n"), last_chunk()]
    });
    let ask = || listen(r#""file:///pub/a""#).token(&token);
    let (mut one, mut two) = (world.open(&ask()).await, world.open(&ask()).await);
    one.until(":ack").await;
    two.until(":ack").await;
    world.upstream.take();
    let third = world.send(&ask()).await;
    assert_eq!(
        (third.status, third.header("retry-after"), third.reason().as_str()),
        (429, Some("1"), "too_many_streams")
    );
    assert_eq!(world.upstream.count(), 0);
    let bob = world.mint().claim("sub", json!("bob")).token();
    let mut bobs = world.open(&ask().token(&bob)).await;
    bobs.until(":ack").await;
    // Longer than `response_timeout`, which is about the head alone.
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    gate.add_permits(3);
    for live in [one, two, bobs] {
        let reply = live.rest().await;
        assert!(
            !reply.cut && reply.text().ends_with("data: {\"end\":1}\n\n"),
            "the server's own ending passes: {reply:?}"
        );
    }
    world.close().await;
}

#[tokio::test]
async fn c56_attack_150_closing_a_modern_answer_cancels_it_upstream_and_the_connection_is_not_kept() {
    let world = World::standard().await;
    let token = world.token();
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk(":\n\n"), Step::Hang]);
    for number in 1..=3 {
        let mut live = world.open(&modern("tools/call", Some("safe"), r#""name":"safe""#).token(&token)).await;
        live.until(":\n\n").await;
        drop(live);
        world.upstream.until_hung_up(number).await;
    }
    assert_eq!(world.upstream.connections(), 3, "none was pooled with an answer under way");
    world.close().await;
}

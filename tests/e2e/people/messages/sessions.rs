//! Session ids: stale ones that come with `initialize`, and long ones (C4).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;

use crate::e2e::world::{Ask, Row, Seen, Step, Want, World, call, request, row, server};

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a","version":"1"}}"#;

fn initialize() -> String {
    request("initialize", INITIALIZE)
}

/// Answers with `id` as its session.
fn session(seen: &Seen, id: &str) -> Vec<Step> {
    let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"protocolVersion":"2025-11-25"}}}}"#, seen.id());
    server::full(200, &[("Content-Type", "application/json"), ("Mcp-Session-Id", id)], body)
}

/// The session that `token` begins with `id`.
async fn begun(world: &World, token: &str, id: String) -> String {
    world.upstream.answer_with(move |seen| session(seen, &id));
    let reply = world.send(&Ask::post("/mcp", initialize()).token(token)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    world.upstream.take();
    reply.header("mcp-session-id").expect("a session").to_owned()
}

#[tokio::test]
async fn people_c4_attack_279_initialize_ignores_every_session_id_and_begins_one_of_its_own() {
    let world = World::standard().await;
    let (alice, bob) = (world.token(), world.mint().claim("sub", json!("bob")).token());
    let alices = begun(&world, &alice, "of-alice".into()).await;
    let fresh = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&fresh);
    world.upstream.answer_with(move |seen| session(seen, &format!("fresh-{}", count.fetch_add(1, Ordering::Relaxed))));
    let post = || Ask::post("/mcp", initialize()).token(&bob);
    for (what, ask) in [
        ("one of before a restart", post().with("Mcp-Session-Id", "8f0e4a")),
        ("one of another caller", post().with("Mcp-Session-Id", &alices)),
        ("the upstream's own", post().with("Mcp-Session-Id", "of-alice")),
        ("an empty one", post().with("Mcp-Session-Id", "")),
        ("10 KiB", post().with("Mcp-Session-Id", "a".repeat(10 * 1024))),
        ("with a space", post().with("Mcp-Session-Id", "a b")),
        ("two", post().with("Mcp-Session-Id", &alices).with("mcp-session-id", "of-alice")),
        ("and an event", post().with("Mcp-Session-Id", &alices).with("Last-Event-ID", "1")),
        ("an event alone", post().with("Last-Event-ID", "1")),
        ("with a version", post().with("Mcp-Session-Id", &alices).with("MCP-Protocol-Version", "2025-11-25")),
    ] {
        let reply = world.send(&ask).await;
        assert_eq!(reply.status, 200, "{what}: {reply:?}");
        let seen = world.upstream.take_one();
        assert!(seen.all("mcp-session-id").is_empty() && seen.all("last-event-id").is_empty(), "{what}: {seen:?}");
        let own = reply.header("mcp-session-id").expect("a session");
        assert!(own.starts_with("fresh-") && own != alices, "{what}: {own}");
        let used = world.send(&Ask::post("/mcp", call("safe")).token(&bob).with("Mcp-Session-Id", own)).await;
        assert_eq!(used.status, 200, "{what}: {used:?}");
        world.upstream.take();
    }
    assert_eq!(fresh.load(Ordering::Relaxed), 20);
    // Nothing but `initialize` begins anew by itself.
    let stale = |body: String| Ask::post("/mcp", body).token(&bob).with("Mcp-Session-Id", &alices);
    let rows: Vec<Row> = [call("safe"), request("tools/list", "{}"), request("ping", "{}")]
        .into_iter()
        .map(|body| row(body.clone(), stale(body), Want::Error(404, 40402)))
        .collect();
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn people_c4_session_ids_up_to_4_kib_of_the_upstream_come_back_whole() {
    let world = World::standard().await;
    let token = world.token();
    for length in [257, 1024, 4096] {
        // What servers put there: a signed state in base64url with dots.
        let id = "eyJhbGciOiJI.".repeat(length / 13 + 1)[..length].to_owned();
        let sealed = begun(&world, &token, id.clone()).await;
        assert!(sealed.len() <= 6 * 1024, "{length}: {}", sealed.len());
        for ask in [
            Ask::post("/mcp", call("safe")).token(&token),
            Ask::get("/mcp").token(&token).with("Accept", "text/event-stream"),
            Ask::new("DELETE", "/mcp").token(&token),
        ] {
            let reply = world.send(&ask.with("Mcp-Session-Id", &sealed)).await;
            assert_eq!(reply.status, 200, "{length}: {reply:?}");
            assert_eq!(world.upstream.take_one().header("mcp-session-id"), Some(id.as_str()), "{length}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn people_c4_a_session_id_that_is_too_long_is_named() {
    let world = World::standard().await;
    let long = "a".repeat(4097);
    world.upstream.answer_with(move |seen| session(seen, &long));
    let reply = world.send(&world.post(initialize())).await;
    assert_eq!(reply.status, 502, "{reply:?}");
    assert!(reply.text().contains("its Mcp-Session-Id is longer than 4096 bytes"), "{}", reply.text());
    world.gateway.line(|line| line.contains("its Mcp-Session-Id is longer than 4096 bytes")).await;

    world.upstream.take();
    let ask = world.post(call("safe")).with("Mcp-Session-Id", "a".repeat(6 * 1024 + 1));
    let reply = world.send(&ask).await;
    assert_eq!((reply.status, reply.code()), (400, Some(40004)), "{reply:?}");
    assert!(reply.text().contains("at most 6144"), "{}", reply.text());
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

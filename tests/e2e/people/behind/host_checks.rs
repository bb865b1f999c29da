//! A server that refuses the gateway's `Host` is told in the log, with what to do (C8).

use crate::e2e::world::{Ask, Plan, World, call, request, server::full};

const HELLO: &str = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a","version":"1"}}"#;
const SERVERS: &str = "
  main:
    path: /mcp
    upstream: {url: \"@UPSTREAM@/mcp\"}
    legacy_sse: {path: /old, upstream: \"@UPSTREAM@/sse\"}
    access: authenticated
  keyed:
    path: /keyed
    upstream: {url: \"@UPSTREAM@/keyed\"}
    credential: {header: {name: X-Api-Key, value: \"env:UPSTREAM_KEY\"}}
    access: authenticated
";

/// A world whose upstream checks the host: it answers everything with this status.
async fn refusing(status: u16, more: &'static [(&str, &str)]) -> World {
    let world = Plan::standard().servers(SERVERS).environment("UPSTREAM_KEY", "upstream-key-0123456789").start().await;
    let said = "Access is only allowed at localhost:8931";
    world.upstream.answer_with(move |_| full(status, more, said));
    world
}

/// How often the log tells of it. The audit line of a request comes after what the log says of it.
async fn told(world: &World) -> usize {
    world.send(&world.post(request("ping", "{}"))).await;
    world.gateway.line(|line| line.contains("\"method\":\"ping\"")).await;
    world.gateway.output().lines().filter(|line| line.contains("refuses the first request of a client")).count()
}

#[tokio::test]
async fn people_c8_a_server_that_checks_the_host_is_one_line_in_the_log() {
    for status in [403, 421] {
        let world = refusing(status, &[]).await;
        let begin = world.post(request("initialize", HELLO));
        for _ in 0..3 {
            let reply = world.send(&begin).await;
            assert_eq!((reply.status, &*reply.text()), (status, "Access is only allowed at localhost:8931"));
        }
        let line = world.gateway.line(|line| line.contains("refuses the first request of a client")).await;
        let host = world.upstream.address().to_string();
        for part in ["main", &status.to_string(), &host, "allowed_hosts", "--allowed-hosts", "WARN"] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert_eq!(told(&world).await, 1, "the others are counted");
        world.close().await;
    }
}

#[tokio::test]
async fn people_c8_the_event_stream_of_a_server_that_checks_the_host_is_told_too() {
    let world = refusing(421, &[]).await;
    let token = world.issuer.mint(&format!("{}/old", world.public)).token();
    assert_eq!(world.send(&Ask::get("/old").token(&token)).await.status, 421);
    world.gateway.line(|line| line.contains("refuses the first request of a client") && line.contains("421")).await;
    world.close().await;
}

#[tokio::test]
async fn people_c8_behind_the_gateways_own_credential_the_host_may_be_the_reason_too() {
    let world = refusing(403, &[]).await;
    let token = world.issuer.mint(&format!("{}/keyed", world.public)).token();
    let reply = world.send(&Ask::post("/keyed", request("initialize", HELLO)).token(&token)).await;
    assert_eq!(reply.status, 502);
    world.gateway.line(|line| line.contains("refuses the first request of a client") && line.contains("keyed")).await;
    world.close().await;
}

#[tokio::test]
async fn people_c8_a_refusal_for_another_reason_is_not_told_as_a_check_of_the_host() {
    let world = refusing(403, &[]).await;
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 403, "a call that the server refuses");
    assert_eq!(told(&world).await, 0);
    world.close().await;
    let world = refusing(403, &[("WWW-Authenticate", "Bearer error=\"insufficient_scope\"")]).await;
    assert_eq!(world.send(&world.post(request("initialize", HELLO))).await.status, 502, "a challenge");
    assert_eq!(told(&world).await, 0);
    world.close().await;
}

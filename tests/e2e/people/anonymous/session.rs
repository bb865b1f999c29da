//! Sessions that begin without a token, and the caller who takes one over (D1).

use super::shop;
use crate::e2e::world::{
    Ask, Plan, Reply, World, call, request,
    server::{chunk, full, json as answer, last_chunk, sse_head},
};

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}"#;

/// An upstream that gives each session an id of its own.
fn with_sessions(world: &World) {
    let count = std::sync::atomic::AtomicUsize::new(0);
    world.upstream.answer_with(move |seen| {
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        if body.contains("initialize\"") {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let id = format!("session-{number}");
            return full(
                200,
                &[("Content-Type", "application/json"), ("Mcp-Session-Id", &id)],
                r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            );
        }
        match seen.method.as_str() {
            "GET" => vec![sse_head(&[]), chunk(": hello\n\n"), last_chunk()],
            _ => answer(200, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#),
        }
    });
}

async fn begin(world: &World) -> String {
    let reply = world.send(&Ask::post("/mcp", request("initialize", INITIALIZE))).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.header("mcp-session-id").unwrap().to_owned()
}

async fn ask(world: &World, session: &str, tool: &str, token: Option<&str>) -> Reply {
    let ask = Ask::post("/mcp", call(tool)).with("Mcp-Session-Id", session);
    world
        .send(&match token {
            Some(token) => ask.token(token),
            None => ask,
        })
        .await
}

#[tokio::test]
async fn people_d1_attack_291_the_first_caller_owns_the_session_and_everyone_else_gets_404() {
    let world = shop().start().await;
    with_sessions(&world);
    let session = begin(&world).await;
    assert_eq!(ask(&world, &session, "search", None).await.status, 200);
    assert_eq!(ask(&world, &session, "pay", None).await.status, 401, "sign in");
    let (alice, bob) = (world.token_with("mcp:connect pay"), world.mint().claim("sub", "bob".into()).token());
    let paid = ask(&world, &session, "pay", Some(&alice)).await;
    assert_eq!(paid.status, 200, "{paid:?}");
    let seen = world.upstream.take().pop().unwrap();
    assert_eq!(seen.header("mcp-session-id"), Some("session-0"), "the upstream's own session goes on");
    assert_eq!(seen.header("x-auth-subject"), Some("alice"));

    for (who, token) in [("no token", None), ("another caller", Some(&*bob))] {
        assert_eq!(ask(&world, &session, "search", token).await.status, 404, "{who}");
    }
    let get = Ask::get("/mcp").with("Mcp-Session-Id", &session);
    assert_eq!(world.send(&get).await.status, 404, "no stream either");
    assert_eq!(world.send(&get.clone().token(&bob)).await.status, 404);
    assert_eq!(world.upstream.count(), 0, "none of these reached the upstream");
    // The owner has the whole session: its stream, and its end.
    assert_eq!(world.send(&get.token(&alice)).await.status, 200);
    let end = Ask::new("DELETE", "/mcp").with("Mcp-Session-Id", &session);
    assert_eq!(world.send(&end).await.status, 401);
    assert_eq!(world.send(&end.clone().token(&bob)).await.status, 404);
    assert_eq!(world.send(&end.token(&alice)).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn people_d1_an_anonymous_session_has_no_stream_and_is_not_resumed() {
    let world = shop().start().await;
    with_sessions(&world);
    let session = begin(&world).await;
    world.upstream.take();
    let get = || Ask::get("/mcp").with("Mcp-Session-Id", &session);
    for ask in [get(), get().with("Last-Event-ID", "1"), get().with("Accept", "text/event-stream")] {
        let reply = world.send(&ask).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST, OPTIONS")), "{reply:?}");
    }
    assert_eq!(world.send(&Ask::get("/mcp")).await.status, 401);
    assert_eq!(world.send(&Ask::get("/mcp").with("Last-Event-ID", "1")).await.status, 401);
    assert_eq!(world.upstream.count(), 0);
    // An event id beside a call is not forwarded.
    let call = Ask::post("/mcp", call("search")).with("Mcp-Session-Id", &session).with("Last-Event-ID", "1");
    assert_eq!(world.send(&call).await.status, 200);
    assert_eq!(world.upstream.take_one().header("last-event-id"), None);
    world.close().await;
}

#[tokio::test]
async fn people_d1_attack_292_sessions_of_callers_and_of_other_servers_stay_closed() {
    let two =
        format!("{}{}", super::SHOP, super::SHOP.replace("  main:", "  other:").replace("path: /mcp", "path: /other"));
    let world = Plan::standard().servers(&two).start().await;
    with_sessions(&world);
    let session = begin(&world).await;
    let elsewhere = Ask::post("/other", call("search")).with("Mcp-Session-Id", &session);
    assert_eq!(world.send(&elsewhere).await.status, 404);
    // The session of a caller is not for anyone without its token.
    let token = world.token();
    let reply = world.send(&Ask::post("/mcp", request("initialize", INITIALIZE)).token(&token)).await;
    let owned = reply.header("mcp-session-id").unwrap().to_owned();
    world.upstream.take();
    assert_eq!(ask(&world, &owned, "search", None).await.status, 404);
    let bob = world.mint().claim("sub", "bob".into()).token();
    assert_eq!(ask(&world, &owned, "search", Some(&bob)).await.status, 404);
    for forged in [&session[1..], &format!("{session}A"), "session-0", &session.replace('.', "_")] {
        assert_eq!(ask(&world, forged, "search", None).await.status, 404, "{forged}");
        assert_eq!(ask(&world, forged, "search", Some(&bob)).await.status, 404, "{forged}");
    }
    assert_eq!(world.upstream.count(), 0);
    assert_eq!(ask(&world, &owned, "search", Some(&token)).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn people_d1_attack_294_a_refused_call_takes_no_session_over() {
    let world = shop().start().await;
    with_sessions(&world);
    let session = begin(&world).await;
    let bob = world.mint().claim("sub", "bob".into()).token();
    // Neither a call that is refused nor a token that fails makes an owner.
    assert_eq!(ask(&world, &session, "pay", Some(&bob)).await.status, 403);
    assert_eq!(ask(&world, &session, "search", Some("x")).await.status, 401);
    assert_eq!(ask(&world, &session, "search", None).await.status, 200);
    assert_eq!(ask(&world, &session, "pay", Some(&world.token_with("mcp:connect pay"))).await.status, 200);
    assert_eq!(ask(&world, &session, "search", Some(&bob)).await.status, 404);
    world.close().await;
}

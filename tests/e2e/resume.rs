//! Is a stream taken up again only by whose it was, and only with the right to what it holds (SPEC C-52, C-53, attacks 134, 135)?

use serde_json::json;
use tokio::time::Duration;

use super::world::{
    Ask, Plan, Seen, Step, World, call, modern, request,
    server::{chunk, full, last_chunk, polite, sse_head},
};

const LONG: &str = "0b4f61bc-7d9e-4a53-8f1e-000000000001";
const DANGER: &str = "9f1c2d3e-0000-4a53-8f1e-00000000dead";

/// Gives each `initialize` a session, each call a stream that breaks off behind its first event, and each GET what was missed.
fn answer_with_streams(world: &World) {
    world.upstream.answer_with(|seen: &Seen| {
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        if body.contains("initialize") {
            let session = format!("upstream-session-{}", seen.header("x-auth-subject").unwrap_or("nobody"));
            let headers = [("Content-Type", "application/json"), ("Mcp-Session-Id", session.as_str())];
            return full(200, &headers, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
        }
        match seen.method.as_str() {
            "GET" => vec![sse_head(&[]), chunk("id: missed-1\ndata: {\"the\":\"result\"}\n\n"), last_chunk()],
            "POST" if body.contains("danger") => {
                vec![
                    sse_head(&[]),
                    chunk(format!("id: {DANGER}\nretry: 1\nda")),
                    chunk("ta:\n\nid: 7\ndata:\n\n"),
                    last_chunk(),
                ]
            }
            "POST" if body.contains("safe") => {
                vec![sse_head(&[]), chunk(format!("data: x\r\n\r\nid: {LONG}\r\ndata:\r\n\r\n")), last_chunk()]
            }
            _ => polite(seen),
        }
    });
}

/// The session that `token` begins.
async fn begin(world: &World, token: &str) -> String {
    let reply = world.send(&Ask::post("/mcp", request("initialize", "{}")).token(token)).await;
    world.upstream.take();
    reply.header("mcp-session-id").expect("a session").to_owned()
}

/// Calls a tool in a session; the bytes of the stream.
async fn stream(world: &World, token: &str, session: &str, tool: &str) -> String {
    let ask = Ask::post("/mcp", call(tool)).token(token).with("Mcp-Session-Id", session);
    let reply = world.send(&ask).await;
    assert_eq!((reply.status, reply.cut), (200, false), "{reply:?}");
    world.upstream.take();
    reply.text()
}

fn take_up(token: &str, session: Option<&str>, event: &str) -> Ask {
    let ask = Ask::get("/mcp").token(token).with("Accept", "text/event-stream").with("Last-Event-ID", event);
    match session {
        Some(session) => ask.with("Mcp-Session-Id", session),
        None => ask,
    }
}

#[tokio::test]
async fn c52_attack_134_a_stream_is_taken_up_by_nobody_but_its_caller() {
    let world = World::standard().await;
    answer_with_streams(&world);
    let alice = world.token();
    let bob = world.mint().claim("sub", json!("bob")).token();
    let (hers, his) = (begin(&world, &alice).await, begin(&world, &bob).await);
    let passed = stream(&world, &alice, &hers, "safe").await;
    assert_eq!(passed, format!("data: x\r\n\r\nid: {LONG}\r\ndata:\r\n\r\n"), "P1: nothing is changed");

    let reply = world.send(&take_up(&alice, Some(&hers), LONG)).await;
    assert_eq!((reply.status, reply.text().contains("result")), (200, true), "{reply:?}");
    let seen = world.upstream.take_one();
    assert_eq!(seen.header("last-event-id"), Some(LONG));
    assert_eq!(seen.header("mcp-session-id"), Some("upstream-session-alice"));

    for (name, ask) in [
        ("his token, her session", take_up(&bob, Some(&hers), LONG)),
        ("his token, his session", take_up(&bob, Some(&his), LONG)),
        ("his token, no session", take_up(&bob, None, LONG)),
        ("her token, no session", take_up(&alice, None, LONG)),
        ("her token, his session", take_up(&alice, Some(&his), LONG)),
        ("a session unsealed", take_up(&alice, Some("upstream-session-alice"), LONG)),
    ] {
        let reply = world.send(&ask).await;
        assert_eq!((reply.status, reply.reason().as_str()), (404, "unknown_session"), "{name}: {reply:?}");
        assert_eq!(world.upstream.count(), 0, "{name}");
    }
    let reply = world.send(&take_up(&alice, Some(&hers), LONG)).await;
    assert_eq!(reply.status, 200, "she is undisturbed: {reply:?}");
    world.close().await;
}

#[tokio::test]
async fn c52_attack_135_who_has_lost_the_right_to_a_tool_cannot_take_up_its_stream() {
    let world = World::standard().await;
    answer_with_streams(&world);
    let (wide, narrow) = (world.token_with("mcp:connect mcp:danger"), world.token());
    let session = begin(&world, &wide).await;
    stream(&world, &wide, &session, "danger").await;
    stream(&world, &wide, &session, "safe").await;
    for event in [DANGER, "7"] {
        let reply = world.send(&take_up(&narrow, Some(&session), event)).await;
        assert_eq!((reply.status, reply.reason().as_str()), (403, "insufficient_scope"), "{event}: {reply:?}");
        assert_eq!(reply.challenge_parameter("scope").as_deref(), Some("mcp:connect mcp:danger"), "{event}");
        assert_eq!(world.upstream.count(), 0, "{event}");
    }
    assert_eq!(world.send(&take_up(&narrow, Some(&session), LONG)).await.status, 200, "what she still may");
    assert_eq!(world.send(&take_up(&wide, Some(&session), "7")).await.status, 200);
    // The stream that was taken up is still the tool's, with the events that it held for the first time.
    let reply = world.send(&take_up(&narrow, Some(&session), "missed-1")).await;
    assert_eq!(reply.status, 403, "{reply:?}");
    world.close().await;
}

#[tokio::test]
async fn c53_an_event_that_is_not_known_here_arrives_unchanged() {
    let world = World::standard().await;
    answer_with_streams(&world);
    let token = world.token();
    let session = begin(&world, &token).await;
    for event in ["evt-17::x", "0", "a b=c;d", "another-process-relayed-this"] {
        let reply = world.send(&take_up(&token, Some(&session), event)).await;
        assert_eq!(reply.status, 200, "{event}: {reply:?}");
        assert_eq!(world.upstream.take_one().header("last-event-id"), Some(event));
    }
    let two = take_up(&token, Some(&session), "one").with("Last-Event-ID", "two");
    for (name, ask) in [
        ("two lines", two),
        ("2 KiB", take_up(&token, Some(&session), &"x".repeat(2_048))),
        ("NUL", take_up(&token, Some(&session), "a\0b")),
    ] {
        assert_eq!(world.send(&ask).await.status, 400, "{name}");
        assert_eq!(world.upstream.count(), 0, "{name}");
    }
    world.close().await;
}

#[tokio::test]
async fn c52_a_modern_request_takes_nothing_up() {
    let world = World::standard().await;
    answer_with_streams(&world);
    let token = world.token();
    let ask = take_up(&token, None, LONG).with("MCP-Protocol-Version", "2026-07-28");
    world.send(&ask).await;
    for seen in world.upstream.take() {
        assert_eq!(seen.header("last-event-id"), None);
    }
    world.close().await;
}

#[tokio::test]
async fn c52_what_a_call_says_of_an_event_does_not_change_what_its_own_stream_is() {
    let world = World::standard().await;
    answer_with_streams(&world);
    let (wide, narrow) = (world.token_with("mcp:connect mcp:danger"), world.token());
    let session = begin(&world, &wide).await;
    stream(&world, &wide, &session, "safe").await;
    let ask = Ask::post("/mcp", call("danger")).token(&wide).with("Mcp-Session-Id", &session);
    assert_eq!(world.send(&ask.with("Last-Event-ID", LONG)).await.status, 200);
    world.upstream.take();
    let reply = world.send(&take_up(&narrow, Some(&session), DANGER)).await;
    assert_eq!((reply.status, world.upstream.count()), (403, 0), "{reply:?}");
    world.close().await;
}

#[tokio::test]
async fn p7_a_stream_that_was_taken_up_ends_when_a_reload_takes_its_tool_away() {
    let world = World::standard().await;
    answer_with_streams(&world);
    let token = world.token();
    let session = begin(&world, &token).await;
    stream(&world, &token, &session, "safe").await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk("data: first\n\n"), Step::Hang]);
    let mut live = world.open(&take_up(&token, Some(&session), LONG)).await;
    live.until("first").await;
    let yaml = std::fs::read_to_string(world.config_path()).unwrap();
    std::fs::write(world.config_path(), yaml.replace("[safe, \"get_*\"", "[\"get_*\"")).unwrap();
    world.gateway.signal("HUP");
    let reply = tokio::time::timeout(Duration::from_secs(10), live.rest()).await.expect("the stream ends");
    assert_eq!(reply.status, 200);
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn c92_the_events_of_one_caller_push_out_nobody_elses() {
    let world = Plan::standard().start().await;
    answer_with_streams(&world);
    let (alice, bob) = (world.token_with("mcp:connect mcp:danger"), world.mint().claim("sub", json!("bob")).token());
    let (hers, his) = (begin(&world, &alice).await, begin(&world, &bob).await);
    stream(&world, &alice, &hers, "danger").await;
    world.upstream.answer_with(|_| {
        let events: String = (0..10_000).map(|number| format!("id: {number}\ndata:\n\n")).collect();
        vec![sse_head(&[]), chunk(events), last_chunk()]
    });
    stream(&world, &bob, &his, "safe").await;
    let narrow = world.token();
    assert_eq!(world.send(&take_up(&narrow, Some(&hers), DANGER)).await.status, 403, "still known as hers");
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn c52_attack_134_a_session_is_asked_for_without_a_coding_so_that_its_event_ids_are_seen() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| full(200, &[("Mcp-Session-Id", "s1")], "{}"));
    let session =
        world.send(&world.post(request("initialize", "{}"))).await.header("mcp-session-id").unwrap().to_owned();
    world.upstream.take();
    for (ask, coding) in [
        (world.post(call("safe")).with("Mcp-Session-Id", &session), "identity"),
        (Ask::get("/mcp").token(&world.token()).with("Mcp-Session-Id", &session), "identity"),
        (modern("tools/call", Some("safe"), r#""name":"safe","arguments":{}"#).token(&world.token()), "gzip"),
    ] {
        world.send(&ask.with("Accept-Encoding", "gzip")).await;
        assert_eq!(world.upstream.take_one().header("accept-encoding"), Some(coding));
    }
    world.close().await;
}

//! Is a session its caller's alone, on every method, at every server and in every process (SPEC C-40…C-48, attacks 64, 128…134)?

mod begun;

use std::sync::Arc;

use serde_json::json;

use super::world::{
    Ask, Live, Plan, Process, Reply, Row, Seen, Step, Want, World, call, leak::Captured, modern, request, row, server,
};

/// What the upstream calls its session: punctuation that a seal must survive.
const INNER: &str = "8f0e.4a-b_c~d!";

/// Begins a session with `initialize` and knows it by `INNER` alone, as the SDKs do.
fn stateful(seen: &Seen) -> Vec<Step> {
    let own = seen.header("mcp-session-id") == Some(INNER);
    if String::from_utf8_lossy(&seen.body).contains("\"initialize\"") {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"protocolVersion":"2025-11-25"}}}}"#, seen.id());
        return server::full(200, &[("Content-Type", "application/json"), ("Mcp-Session-Id", INNER)], body);
    }
    match (seen.method.as_str(), own) {
        (_, false) => {
            server::json(400, r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"no session"},"id":null}"#)
        }
        ("GET", _) => vec![
            server::sse_head(&[("mcp-session-id", INNER)]),
            server::chunk("id: 1\ndata: {}\n\n"),
            server::last_chunk(),
        ],
        _ => server::polite(seen),
    }
}

pub(super) fn initialize() -> String {
    request(
        "initialize",
        r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a","version":"1"}}"#,
    )
}

/// A world whose upstream keeps sessions, and the sealed session that `token` has begun.
async fn begin(world: &World, token: &str) -> String {
    world.upstream.answer_with(stateful);
    let reply = world.send(&Ask::post("/mcp", initialize()).token(token)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let sealed = reply.header("mcp-session-id").expect("a session").to_owned();
    assert_ne!(sealed, INNER);
    world.upstream.take();
    sealed
}

/// One request of every kind that a session can carry. `initialize` carries none: people_c4_… in people/messages.
fn every_kind(token: &str, session: &str) -> Vec<(&'static str, Ask)> {
    let post = |body: String| Ask::post("/mcp", body).token(token).with("Mcp-Session-Id", session);
    let bare = |method: &str| Ask::new(method, "/mcp").token(token).with("Mcp-Session-Id", session);
    vec![
        ("a call", post(call("safe"))),
        ("a list", post(request("tools/list", "{}"))),
        ("a response (attack 132)", post(r#"{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}"#.into())),
        (
            "notifications/cancelled (attack 133)",
            post(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#.into()),
        ),
        ("a stream", bare("GET").with("Accept", "text/event-stream")),
        ("a stream taken up again (attack 134)", bare("GET").with("Last-Event-ID", "1")),
        ("its end", bare("DELETE")),
    ]
}

#[tokio::test]
async fn c41_c44_c45_the_owner_uses_a_session_and_the_upstream_sees_its_own_id() {
    let world = World::standard().await;
    let token = world.token();
    let sealed = begin(&world, &token).await;
    for (kind, ask) in every_kind(&token, &sealed) {
        let reply = world.send(&ask).await;
        assert!(matches!(reply.status, 200 | 202), "{kind}: {reply:?}");
        let seen = world.upstream.take_one();
        assert_eq!(seen.header("mcp-session-id"), Some(INNER), "{kind}");
        if let Some(given) = reply.header("mcp-session-id") {
            assert_eq!(given, sealed, "{kind}: the caller knows one session by one name");
        }
    }
    // The session is the caller's, not the token's (SPEC C-41): scopes grow and tokens are refreshed.
    let refreshed = world.mint().scope("mcp:connect mcp:danger").claim("jti", json!("id-2")).token();
    let ask = Ask::post("/mcp", call("danger")).token(&refreshed).with("Mcp-Session-Id", &sealed);
    assert_eq!(world.send(&ask).await.status, 200);
    // The header's name has no case.
    let ask = Ask::post("/mcp", call("safe")).token(&token).with("MCP-SESSION-ID", &sealed);
    assert_eq!(world.send(&ask).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn c33_c41_c42_attack_064_attack_128_attack_132_attack_133_attack_134_a_session_of_another_caller_is_unknown() {
    let world = World::standard().await;
    let alice = world.token();
    let sealed = begin(&world, &alice).await;
    let bob = world.mint().claim("sub", json!("bob")).token();
    let mut rows: Vec<Row> = Vec::new();
    for (who, token, session) in [
        ("bob with alice's", &bob, sealed.as_str()),
        ("bob with the upstream's own", &bob, INNER),
        ("alice with the upstream's own", &alice, INNER),
        ("alice with one made up", &alice, "8f0e.AAAAAAAAAAAAAAAAAAAAAA"),
        ("alice with a shortened one", &alice, &sealed[..sealed.len() - 1]),
        ("alice with a longer one", &alice, &format!("{sealed}A")),
    ] {
        for (kind, ask) in every_kind(token, session) {
            rows.push(row(format!("{who}: {kind}"), ask, Want::Error(404, 40402)));
        }
    }
    // Policy answers before the session does: 404 means "start anew" to a client, and nothing else (SPEC C-42).
    let denied = Ask::post("/mcp", call("forbidden")).token(&alice).with("Mcp-Session-Id", "unknown");
    rows.push(row("a denied call in an unknown session", denied, Want::Status(403)));
    let denied = Ask::post("/mcp", call("forbidden")).token(&alice).with("Mcp-Session-Id", &sealed);
    rows.push(row("a denied call in one's own", denied, Want::Status(403)));
    let answer = Ask::post("/mcp", r#"{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}"#).token(&alice);
    rows.push(row("a response without a session (SPEC C-33)", answer, Want::Error(404, 40402)));
    rows.push(row(
        "an event id without a session (SPEC C-52)",
        Ask::get("/mcp").token(&alice).with("Last-Event-ID", "1"),
        Want::Error(404, 40402),
    ));
    world.verdicts(rows).await;
    let ask = Ask::post("/mcp", call("safe")).token(&alice).with("Mcp-Session-Id", &sealed);
    assert_eq!(world.send(&ask).await.status, 200, "alice is undisturbed");
    world.close().await;
}

#[tokio::test]
async fn c41_attack_129_attack_130_a_session_of_one_server_is_none_of_another() {
    let both = r#"
  strict:
    path: /strict
    upstream: {url: "@UPSTREAM@/mcp"}
    rules: [{tools: [safe]}]
  lax:
    path: /mcp
    upstream: {url: "@UPSTREAM@/mcp"}
    audiences: ["@PUBLIC@/strict"]
    rules: [{tools: ["*"]}]
"#;
    let world = Plan::standard().servers(both).start().await;
    world.upstream.answer_with(stateful);
    let token = world.issuer.mint(&format!("{}/strict", world.public)).token();
    let reply = world.send(&Ask::post("/strict", initialize()).token(&token)).await;
    let sealed = reply.header("mcp-session-id").expect("a session").to_owned();
    let rows = every_kind(&token, &sealed)
        .into_iter()
        .map(|(kind, ask)| row(format!("on the lax route: {kind}"), ask, Want::Error(404, 40402)));
    world.verdicts(rows.collect()).await;
    let ask = Ask::post("/strict", call("safe")).token(&token).with("Mcp-Session-Id", &sealed);
    assert_eq!(world.send(&ask).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn c40_attack_131_session_headers_of_another_shape_are_refused() {
    let world = World::standard().await;
    let token = world.token();
    let sealed = begin(&world, &token).await;
    let ask = || Ask::post("/mcp", call("safe")).token(&token);
    let two = ask().with("Mcp-Session-Id", &sealed).with("mcp-session-id", &sealed);
    let mut rows = vec![row("two lines", two, Want::Status(400))];
    for (name, value) in [
        ("empty", Vec::new()),
        ("a space", format!("{sealed} {sealed}").into_bytes()),
        ("10 KiB", vec![b'a'; 10 * 1024]),
        ("a control", b"a\x01b".to_vec()),
        ("not ASCII", "sitzung-ä".into()),
    ] {
        rows.push(row(name, ask().with("Mcp-Session-Id", value), Want::OneOf(&[400, 0])));
    }
    for value in [format!("{sealed},{sealed}"), format!("{sealed}, {sealed}")] {
        rows.push(row(value.clone(), ask().with("Mcp-Session-Id", value), Want::Error(400, 40004)));
    }
    let quoted = "'OR'1'='1";
    rows.push(row(quoted, ask().with("Mcp-Session-Id", quoted), Want::Error(404, 40402)));
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn c47_attack_064_to_a_modern_request_a_session_means_nothing() {
    let world = World::standard().await;
    let alice = world.token();
    let sealed = begin(&world, &alice).await;
    let bob = world.mint().claim("sub", json!("bob")).token();
    world.upstream.answer_politely();
    for session in [sealed.as_str(), INNER, "made-up"] {
        let ask = modern("tools/call", Some("safe"), r#""name":"safe""#).token(&bob);
        let reply = world.send(&ask.with("Mcp-Session-Id", session).with("Last-Event-ID", "7")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let seen = world.upstream.take_one();
        assert_eq!((seen.header("mcp-session-id"), seen.header("last-event-id")), (None, None));
    }
    world.close().await;
}

#[tokio::test]
async fn c43_the_upstreams_own_words_about_sessions_pass() {
    let world = World::standard().await;
    let token = world.token();
    let sealed = begin(&world, &token).await;
    let reply = world.send(&Ask::post("/mcp", call("safe")).token(&token)).await;
    assert_eq!((reply.status, reply.code()), (400, Some(-32000)), "missing");
    world.upstream.answer_with(|_| server::json(404, r#"{"gone":true}"#));
    let reply = world.send(&Ask::post("/mcp", call("safe")).token(&token).with("Mcp-Session-Id", &sealed)).await;
    assert_eq!((reply.status, reply.text().as_str()), (404, r#"{"gone":true}"#), "expired");
    world.upstream.answer_with(|_| server::full(405, &[("Allow", "POST")], "no"));
    for method in ["GET", "DELETE"] {
        let ask = Ask::new(method, "/mcp").token(&token).with("Mcp-Session-Id", &sealed);
        let reply = world.send(&ask).await;
        assert_eq!((reply.status, reply.header("allow"), reply.text().as_str()), (405, Some("POST"), "no"));
    }
    world.close().await;
}

#[tokio::test]
async fn c41_an_upstreams_session_id_that_no_client_could_send_back_is_502() {
    let world = World::standard().await;
    let long = "x".repeat(4097);
    for (headers, why) in [
        (vec![("Mcp-Session-Id", "a b")], "a space"),
        (vec![("Mcp-Session-Id", "")], "empty"),
        (vec![("Mcp-Session-Id", long.as_str())], "too long"),
        (vec![("Mcp-Session-Id", "a"), ("Mcp-Session-Id", "b")], "two"),
    ] {
        let owned: Vec<(String, String)> = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        world.upstream.answer_with(move |_| {
            let headers: Vec<(&str, &str)> = owned.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            server::full(200, &headers, "{}")
        });
        assert_eq!(world.send(&world.post(initialize())).await.status, 502, "{why}");
    }
    world.upstream.answer_with(|_| {
        let id = "y".repeat(4096);
        server::full(200, &[("Mcp-Session-Id", id.as_str())], "{}")
    });
    let sealed = world.send(&world.post(initialize())).await.header("mcp-session-id").unwrap().to_owned();
    let ask = world.post(call("safe")).with("Mcp-Session-Id", &sealed);
    assert_eq!(world.send(&ask).await.status, 200, "the longest that is sealed");
    world.close().await;
}

/// Sends to another gateway than the world's own.
async fn send_to(process: &Process, authority: &str, ask: &Ask) -> Reply {
    let mut live = Live::connect(process.listening_address(), None, &[], Arc::<Captured>::default()).await;
    live.write(&ask.bytes(authority)).await;
    live.head(false).await;
    live.rest().await
}

#[tokio::test]
async fn c41_a_session_is_as_good_at_every_gateway_that_has_the_key_and_keys_rotate() {
    const OLD: &str = "old-key-old-key-old-key-old-key-";
    const NEW: &str = "new-key-new-key-new-key-new-key-";
    let world = Plan::standard().top("session_keys: [\"env:OLD\"]").environment("OLD", OLD).start().await;
    world.secret(OLD);
    let (alice, bob) = (world.token(), world.mint().claim("sub", json!("bob")).token());
    let sealed = begin(&world, &alice).await;
    let yaml = std::fs::read_to_string(world.config_path()).unwrap();
    let listen = format!("\"{}\"", world.gateway.listening_address());
    let other = |keys: &str| {
        let path = world.folder.path().join("other.yaml");
        std::fs::write(&path, yaml.replace(&listen, "\"127.0.0.1:0\"").replace("[\"env:OLD\"]", keys)).unwrap();
        path
    };
    let environment = [("OLD".to_owned(), OLD.to_owned()), ("NEW".to_owned(), NEW.to_owned())];
    for (keys, owner) in [("[\"env:OLD\"]", 200), ("[\"env:NEW\", \"env:OLD\"]", 200), ("[\"env:NEW\"]", 404)] {
        let Ok(mut second) = Process::start(&other(keys), &environment).await else { panic!("{keys}") };
        let ask = |token: &str| Ask::post("/mcp", call("safe")).token(token).with("Mcp-Session-Id", &sealed);
        let reply = send_to(&second, &world.authority, &ask(&alice)).await;
        assert_eq!(reply.status, owner, "{keys}: {reply:?}");
        for (kind, ask) in every_kind(&bob, &sealed) {
            let reply = send_to(&second, &world.authority, &ask).await;
            assert_eq!((reply.status, reply.reason().as_str()), (404, "unknown_session"), "{keys}: bob, {kind}");
        }
        let fresh = send_to(&second, &world.authority, &Ask::post("/mcp", initialize()).token(&alice)).await;
        let fresh = fresh.header("mcp-session-id").unwrap().to_owned();
        let here = Ask::post("/mcp", call("safe")).token(&alice).with("Mcp-Session-Id", &fresh);
        let knows_key = keys == "[\"env:OLD\"]";
        assert_eq!(world.send(&here).await.status, if knows_key { 200 } else { 404 }, "{keys}: the first key seals");
        second.signal("TERM");
        assert_eq!(second.exit_code().await, Some(0));
    }
    assert_eq!(
        world.send(&Ask::post("/mcp", call("safe")).token(&alice).with("Mcp-Session-Id", &sealed)).await.status,
        200
    );
    world.close().await;
}

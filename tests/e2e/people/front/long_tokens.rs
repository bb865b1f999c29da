//! Tokens of users with many groups arrive, up to `limits.token`; a longer one is told in words (A1).

use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::task::JoinSet;

use crate::e2e::world::{Ask, Plan, Want, World, call, row, server};

const KIB: usize = 1024;

/// A good token of about this length, in which an issuer has put many groups.
fn long_token(world: &World, bytes: usize) -> String {
    let of = |groups: usize| {
        let groups: Vec<String> = (0..groups).map(|n| format!("6b9a1a52-0c0f-4a3b-9d52-{n:012}")).collect();
        world.mint().claim("groups", json!(groups)).token()
    };
    // Base64 makes four bytes of three; a group is 39 bytes of JSON.
    let token = of(bytes.saturating_sub(700) * 3 / 4 / 39);
    assert!(token.len() <= bytes && token.len() + 400 > bytes, "{} of {bytes}", token.len());
    token
}

#[tokio::test]
async fn people_a1_a_token_with_hundreds_of_groups_is_accepted() {
    let world = World::standard().await;
    let ask = |token: &str| Ask::post("/mcp", call("safe")).token(token);
    let mut rows = Vec::new();
    for kib in [8, 9, 16, 24, 32] {
        rows.push(row(format!("{kib} KiB"), ask(&long_token(&world, kib * KIB)), Want::Passes));
    }
    let cookies = "c=".to_owned() + &"x".repeat(12 * KIB);
    let busy = ask(&long_token(&world, 32 * KIB)).with("Cookie", &cookies);
    rows.push(row("32 KiB beside the cookies of a portal", busy, Want::Passes));
    world.verdicts(rows).await;
    assert!(!world.gateway.output().contains("too large"), "{}", world.gateway.output());
    world.close().await;
}

#[tokio::test]
async fn people_a1_a_token_beyond_the_limit_is_told_in_words() {
    let world = World::standard().await;
    let ask = |bytes: usize| Ask::post("/mcp", call("safe")).token(&"a".repeat(bytes));
    // The limit itself is only not a token.
    let reply = world.send(&ask(32 * KIB)).await;
    assert_eq!((reply.status, reply.reason()), (401, "token_malformed".to_owned()));
    let reply = world.send(&ask(32 * KIB + 1)).await;
    assert_eq!((reply.status, reply.reason()), (401, "token_oversize".to_owned()));
    assert_eq!(reply.challenge_parameter("error_description").unwrap(), "the token is too large");
    assert!(reply.text().contains("the token is too large"), "{reply:?}");
    let line = world.gateway.line(|line| line.contains("an access token is too large")).await;
    for part in ["\"server\":\"main\"", "at most 32768 bytes", "\"found\":\"32776 bytes\"", "limits.token", "WARN"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // What does not even fit into a head.
    let reply = world.send(&ask(34 * KIB)).await;
    assert_eq!((reply.status, reply.reason()), (431, "headers_too_large".to_owned()));
    assert!(reply.text().contains("limits.token"), "{reply:?}");
    world.gateway.line(|line| line.contains("too large") && line.contains("raise `limits.token` of its server")).await;
    let reply = world.send(&ask(120 * KIB)).await;
    assert_eq!((reply.status, reply.reason()), (431, "headers_too_large".to_owned()));
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn people_a1_attack_259_the_limit_is_the_servers_own_and_the_head_follows_the_largest() {
    let servers = r#"
  small:
    path: /small
    upstream: {url: "@UPSTREAM@/small"}
    limits: {token: 4KiB}
    access: authenticated
  large:
    path: /large
    upstream: {url: "@UPSTREAM@/large"}
    limits: {token: 64KiB}
    access: authenticated
"#;
    let world = Plan::standard().servers(servers).start().await;
    let ask = |path: &str, bytes: usize| Ask::post(path, call("safe")).token(&"a".repeat(bytes));
    for (path, bytes, status, reason) in [
        ("/small", 4 * KIB, 401, "token_malformed"),
        ("/small", 4 * KIB + 1, 401, "token_oversize"),
        ("/small", 60 * KIB, 401, "token_oversize"),
        ("/large", 64 * KIB, 401, "token_malformed"),
        ("/large", 64 * KIB + 1, 401, "token_oversize"),
        ("/large", 66 * KIB, 431, "headers_too_large"),
    ] {
        let reply = world.send(&ask(path, bytes)).await;
        assert_eq!((reply.status, reply.reason().as_str()), (status, reason), "{path} {bytes}: {reply:?}");
    }
    let groups = "x".repeat(44 * KIB);
    let token = world.issuer.mint(&format!("{}/large", world.public)).claim("groups", json!(groups)).token();
    assert!(token.len() > 58 * KIB && token.len() < 64 * KIB, "{}", token.len());
    world.verdicts(vec![row("64 KiB", Ask::post("/large", call("safe")).token(&token), Want::Passes)]).await;
    world.close().await;
}

#[tokio::test]
async fn people_a1_over_http_2_the_bounds_are_the_same() {
    let world = Plan::standard().tls().start().await;
    let mut tasks = JoinSet::new();
    let (config, name) = (world.client_tls(), "localhost".try_into().unwrap());
    let mut config = rustls::ClientConfig::clone(&config);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = tokio::net::TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    let stream = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect(name, tcp).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = builder.handshake::<_, Full<bytes::Bytes>>(io).await.unwrap();
    tasks.spawn(async move { drop(connection.await) });
    for (what, token, extra, status, text) in [
        ("32 KiB", long_token(&world, 32 * KIB), 12 * KIB, 200, ""),
        ("a byte more", "a".repeat(32 * KIB + 1), 0, 401, "the token is too large"),
        ("a field too large", "a".repeat(34 * KIB), 0, 431, "limits.token"),
        ("a head too large", "a".repeat(32 * KIB), 15 * KIB, 401, "not valid"),
        ("a head far too large", "a".repeat(32 * KIB), 18 * KIB, 431, "limits.token"),
    ] {
        let request = http::Request::post(format!("{}/mcp", world.public))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("cookie", "x".repeat(extra));
        sender.ready().await.unwrap();
        let answer = sender.send_request(request.body(call("safe").into()).unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{what}");
        let body = String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert!(body.contains(text), "{what}: {body}");
    }
    drop((sender, tasks));
    world.close().await;
}

/// The upstream takes no long fields: the client cannot know that the gateway has added one.
#[tokio::test]
async fn people_a1_long_identity_headers_that_the_upstream_refuses_are_in_the_log() {
    let fields = "identity_headers: {x-auth-subject: sub";
    let plan = Plan::standard_but(fields, &format!("{fields}, x-auth-groups: groups"));
    let world = plan.start().await;
    let ask = |token: &str| Ask::post("/mcp", call("safe")).token(token);
    let (long, short) = (long_token(&world, 16 * KIB), world.token());
    for (status, token) in [(431, &short), (400, &short), (200, &long)] {
        world.upstream.answer_with(move |_| server::json(status, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
        assert_eq!(world.send(&ask(token)).await.status, status);
    }
    assert!(!world.gateway.output().contains("identity_headers"), "{}", world.gateway.output());
    for status in [431, 400] {
        world.upstream.answer_with(move |_| server::json(status, "{}"));
        assert_eq!(world.send(&ask(&long)).await.status, status);
        let told = format!("\"status\":{status}");
        let line =
            world.gateway.line(|line| line.contains("`identity_headers` are too long") && line.contains(&told)).await;
        for part in ["\"header\":\"x-auth-groups\"", "\"claim\":\"groups\"", "WARN", "\"server\":\"main\""] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains("6b9a1a52"), "no value of a claim: {line}");
    }
    world.close().await;
}

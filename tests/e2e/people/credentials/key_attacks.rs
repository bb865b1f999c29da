//! Attacks on API keys: guesses, look-alikes, other servers, and keys in what is logged.

use serde_json::json;

use super::api_keys::{ask, new_key, plan};
use crate::e2e::world::{Ask, Want, World, call, row};

/// A key of other random bytes, with a right checksum: anyone can write one.
async fn guess() -> String {
    new_key(&["--name", "guess"]).await.0
}

async fn with_key(servers: &str) -> (World, String) {
    let (key, entry) = new_key(&["--name", "ci", "--servers", servers, "--scopes", "mcp:connect"]).await;
    let world = plan(&[&entry]).start().await;
    world.secret(&key);
    (world, key)
}

#[tokio::test]
async fn people_a11_attack_245_guessed_keys_are_refused_and_leave_nothing_behind() {
    let (world, key) = with_key("main machines").await;
    let near = |from: usize, to: &str| format!("{}{to}{}", &key[..from], &key[from + to.len()..]);
    let mut rows = vec![
        row("another key", ask("/machines", &guess().await, "any"), Want::Status(401)),
        row(
            "one digit of it is another",
            ask("/machines", &near(20, if &key[20..21] == "0" { "1" } else { "0" }), "any"),
            Want::Status(401),
        ),
        row("its digest", ask("/machines", &format!("portcullis_{}", "0".repeat(56)), "any"), Want::Status(401)),
    ];
    for length in [0, 11, 12, 30, key.len() - 1] {
        rows.push(row(
            format!("its first {length}"),
            ask("/machines", &key[..length], "any"),
            Want::OneOf(&[400, 401]),
        ));
    }
    world.verdicts(rows).await;
    for number in 0..500 {
        let reply = world.send(&ask("/machines", &format!("portcullis_{number:056x}"), "any")).await;
        assert_eq!((reply.status, reply.reason().as_str()), (401, "api_key_form"));
    }
    assert_eq!(world.send(&ask("/machines", &key, "any")).await.status, 200, "the key itself still passes");
    world.close().await;
}

#[tokio::test]
async fn people_a11_attack_246_what_begins_like_a_key_is_never_a_token() {
    let (world, key) = with_key("main").await;
    let jwt = world.token();
    // The first token waits for the keys.
    assert_eq!(world.send(&ask("/mcp", &jwt, "safe")).await.status, 200);
    let before = world.issuer.server().count();
    world
        .verdicts(vec![
            row("a token with the prefix", ask("/mcp", &format!("portcullis_{jwt}"), "safe"), Want::Status(401)),
            row("in capitals", ask("/mcp", &key.to_uppercase(), "safe"), Want::Status(401)),
            row("a key as a part of a token", ask("/mcp", &format!("{key}.{jwt}"), "safe"), Want::Status(401)),
            row("a token after a key", ask("/mcp", &format!("{jwt}{key}"), "safe"), Want::Status(401)),
            row("a wrong checksum", ask("/mcp", &format!("{}x", &key[..key.len() - 1]), "safe"), Want::Status(401)),
            row("a longer key", ask("/mcp", &format!("{key}00"), "safe"), Want::Status(401)),
            row("padded", ask("/mcp", &format!("{key}=="), "safe"), Want::Status(401)),
            row("the key", ask("/mcp", &key, "safe"), Want::Passes),
        ])
        .await;
    assert_eq!(world.issuer.server().count(), before, "no issuer was asked");
    world.close().await;
}

#[tokio::test]
async fn people_a11_attack_247_a_key_opens_no_server_that_it_does_not_name() {
    let (world, key) = with_key("main").await;
    for path in ["/machines", "/people"] {
        let reply = world.send(&ask(path, &key, "any")).await;
        assert_eq!((reply.status, reply.reason().as_str()), (401, "api_key_server"), "{path}");
    }
    // A user whose subject is the key's owns none of its sessions, and a key owns none of a user's.
    let user = world.mint().claim("sub", json!("api-key:ci")).token();
    let begin = |token: &str| {
        Ask::post("/mcp", crate::e2e::world::request("initialize", "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\"clientInfo\":{\"name\":\"a\",\"version\":\"1\"}}")).token(token)
    };
    world.upstream.answer_with(|_| {
        crate::e2e::world::server::full(
            200,
            &[("Content-Type", "application/json"), ("Mcp-Session-Id", "s-1")],
            r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"a","version":"1"}}}"#,
        )
    });
    let session = world.send(&begin(&key)).await.header("mcp-session-id").unwrap().to_owned();
    let stolen = Ask::post("/mcp", call("safe")).token(&user).with("Mcp-Session-Id", &session);
    assert_eq!(world.send(&stolen).await.status, 404);
    let own = Ask::post("/mcp", call("safe")).token(&key).with("Mcp-Session-Id", &session);
    assert_eq!(world.send(&own).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn people_a11_attack_248_no_log_line_metric_or_answer_holds_a_key() {
    let (key, entry) = new_key(&["--name", "ci", "--servers", "machines"]).await;
    let guessed = guess().await;
    let world = plan(&[&entry]).top("log: {level: trace}").start().await;
    // Closing the world fails if one of them is in the output, a metric or an answer.
    world.secret(&key);
    world.secret(&guessed);
    for token in [key.as_str(), &guessed, &format!("{key}x")] {
        world.send(&ask("/machines", token, "any")).await;
        world.send(&ask("/people", token, "any")).await;
    }
    // The key in place of its digest: the reload is refused, and says where without showing it.
    let wrong = format!("keys: [{{name: ci, sha256: {key}, servers: [machines]}}]\n");
    std::fs::write(world.folder.path().join("keys.yaml"), wrong).unwrap();
    world.gateway.signal("HUP");
    world.gateway.line(|line| line.contains("an API key itself (not shown)")).await;
    world.gateway.line(|line| line.contains("are withdrawn although the reload failed")).await;
    assert_eq!(world.send(&ask("/machines", &key, "any")).await.status, 401, "no entry with its digest is left");
    world.close().await;
}

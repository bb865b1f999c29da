//! With and without a slash at its end, a path is one server, and answers as it was asked (B1).

use serde_json::{Value, json};

use crate::e2e::{
    login::{
        browser::Browser,
        client::Client,
        world::{LoginPlan, PASSWORD},
    },
    world::{Ask, Plan, Want, World, call, request, row, server},
};

const PRM: &str = "/.well-known/oauth-protected-resource";

/// The resource of the document that the challenge of this path names.
async fn told(world: &World, path: &str) -> String {
    let challenge = world.send(&Ask::post(path, call("safe"))).await.challenge_parameter("resource_metadata");
    let challenge = challenge.unwrap_or_else(|| panic!("{path}: no document in the challenge"));
    let document = challenge.strip_prefix(&world.public).expect("our own document");
    assert_eq!(document, format!("{PRM}{path}"), "clients compare");
    world.send(&Ask::get(document)).await.json()["resource"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn people_b1_each_spelling_has_its_challenge_and_document_and_both_audiences_pass() {
    let slashed = Plan::standard_but("path: /mcp", "path: /mcp/");
    for plan in [Plan::standard(), slashed] {
        let world = plan.start().await;
        let mut rows = Vec::new();
        for path in ["/mcp", "/mcp/"] {
            assert_eq!(told(&world, path).await, format!("{}{path}", world.public));
            let token = world.issuer.mint(&format!("{}{path}", world.public)).scope("mcp:connect").token();
            for other in ["/mcp", "/mcp/"] {
                let name = format!("aud {path} at {other}");
                rows.push(row(name, Ask::post(other, call("safe")).token(&token), Want::Passes));
                let name = format!("no scope: aud {path} at {other}");
                rows.push(row(name, Ask::post(other, call("danger")).token(&token), Want::Status(403)));
            }
            let wrong = world.issuer.mint(&format!("{}/mcp//", world.public)).scope("mcp:connect").token();
            rows.push(row("two slashes", Ask::post(path, call("safe")).token(&wrong), Want::Status(401)));
        }
        world.verdicts(rows).await;
        let token = world.token();
        world.send(&Ask::post("/mcp/", call("safe")).token(&token)).await;
        assert_eq!(world.upstream.take_one().target, "/inner/mcp", "the upstream's own path");
        // A step-up asks at the spelling that was called.
        let refused = world.send(&Ask::post("/mcp/", call("danger")).token(&token)).await;
        let document = refused.challenge_parameter("resource_metadata").unwrap();
        assert_eq!(document, format!("{}{PRM}/mcp/", world.public), "{refused:?}");
        world.close().await;
    }
}

#[tokio::test]
async fn people_b1_documents_of_the_issuer_are_found_from_both_spellings() {
    let world = World::standard().await;
    let root = world.send(&Ask::get(PRM)).await.json();
    assert_eq!(root["resource"], json!(world.resource()));
    for path in [
        "/.well-known/oauth-authorization-server/mcp/",
        "/.well-known/openid-configuration/mcp/",
        "/mcp/.well-known/openid-configuration",
    ] {
        assert_eq!(world.send(&Ask::get(path)).await.json()["issuer"], json!(world.issuer.url()), "{path}");
    }
    world.close().await;
}

#[tokio::test]
async fn people_b1_attack_255_the_other_spelling_opens_nothing_more() {
    let servers = r#"
  first:
    path: /a/mcp
    upstream: {url: "@UPSTREAM@/a"}
    rules: [{tools: [safe]}]
  second:
    path: /a
    upstream: {url: "@UPSTREAM@/b"}
    access: authenticated
"#;
    let world = Plan::standard().servers(servers).start().await;
    let token = |path: &str| world.issuer.mint(&format!("{}{path}", world.public)).token();
    let ask = |path: &str, aud: &str, tool: &str| Ask::post(path, call(tool)).token(&token(aud));
    world
        .verdicts(vec![
            row("a rule counts", ask("/a/mcp/", "/a/mcp", "danger"), Want::Status(403)),
            row("permitted", ask("/a/mcp/", "/a/mcp/", "safe"), Want::Passes),
            row("the parent's token", ask("/a/mcp/", "/a/", "safe"), Want::Status(401)),
            row("the child's token", ask("/a/", "/a/mcp/", "safe"), Want::Status(401)),
            row("no token", Ask::post("/a/mcp/", call("safe")), Want::Status(401)),
            row("two slashes", ask("/a/mcp//", "/a/mcp", "safe"), Want::Status(404)),
            row("a slash in between", ask("/a//mcp", "/a/mcp", "safe"), Want::Status(404)),
            row("an escaped slash", ask("/a/mcp%2f", "/a/mcp", "safe"), Want::Status(404)),
            row("a dot and a slash", ask("/a/mcp/.", "/a/mcp", "safe"), Want::Status(404)),
        ])
        .await;
    world.close().await;

    let clash = servers.replace("path: /a\n", "path: /a/mcp/\n");
    let ended = Plan::standard().servers(&clash).try_start().await.err().expect("two servers for one path");
    assert_eq!(ended.code, Some(2), "{}", ended.output);
    assert!(
        ended.output.contains("servers.second.path: found the path of servers.first but for the slash at its end"),
        "{}",
        ended.output
    );
}

#[tokio::test]
async fn people_b1_the_embedded_server_issues_the_configured_spelling() {
    let login = LoginPlan::accounts().start().await;
    let slashed = format!("{}/", login.world.resource());
    let authorize_with = vec![("resource".to_owned(), slashed)];
    let client = Client { authorize_with, ..Client::desktop() };
    let tokens = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    assert_eq!(tokens.claim("aud"), Value::from(login.world.resource()));
    for path in ["/mcp", "/mcp/"] {
        let reply = login.send_to(0, &Ask::post(path, call("safe")).token(&tokens.access)).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
    }
    login.close().await;
}

#[tokio::test]
async fn people_b1_a_session_is_the_same_at_both_spellings() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| {
        let headers = [("Content-Type", "application/json"), ("Mcp-Session-Id", "s-1")];
        server::full(200, &headers, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
    });
    let begun = world.send(&Ask::post("/mcp/", request("initialize", "{}")).token(&world.token())).await;
    let id = begun.header("mcp-session-id").expect("a session").to_owned();
    world.upstream.take();
    for path in ["/mcp", "/mcp/"] {
        let ask = Ask::post(path, call("safe")).token(&world.token()).with("Mcp-Session-Id", &id);
        assert_eq!(world.send(&ask).await.status, 200, "{path}");
        assert_eq!(world.upstream.take_one().header("mcp-session-id"), Some("s-1"), "{path}");
    }
    let _ = world.send(&Ask::new("DELETE", "/mcp").token(&world.token()).with("Mcp-Session-Id", &id)).await;
    world.close().await;
}

#[tokio::test]
async fn people_b1_the_stream_of_2024_11_05_has_both_spellings_too() {
    let servers = r#"
  main:
    path: /mcp
    upstream: {url: "@UPSTREAM@/mcp"}
    legacy_sse: {path: /sse/, upstream: "@UPSTREAM@/sse"}
    access: authenticated
"#;
    let world = Plan::standard().servers(servers).start().await;
    for path in ["/sse", "/sse/"] {
        let challenge = world.send(&Ask::get(path)).await.challenge_parameter("resource_metadata").unwrap();
        assert_eq!(challenge, format!("{}{PRM}{path}", world.public));
        let token = world.issuer.mint(&format!("{}{path}", world.public)).token();
        world.verdicts(vec![row(path, Ask::post("/mcp/", call("safe")).token(&token), Want::Passes)]).await;
    }
    world.close().await;
}

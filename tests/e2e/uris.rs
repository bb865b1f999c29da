//! Is a resource guarded however its URI is spelled, whatever asks for it, and does `explain` say so (SPEC C-04, attacks 167 to 170)?

use std::path::Path;

use serde_json::{Value, json};

use super::world::{Ask, Plan, Want, World, command, modern, request, row, server::full};

const SERVER: &str = r#"
  main:
    path: /mcp
    upstream: {url: "@UPSTREAM@/inner/mcp", response_timeout: 2s, connect_timeout: 2s}
    scopes: ["mcp:connect"]
    rules:
"#;
const HR: &str = r#"
      - {resources: ["file:///secret.txt"], scopes: [hr]}
"#;
const DENIED: &str = r#"
      - {resources: ["http://internal.example/**", "http://127.0.0.1/**", "http://[::1]/**"], deny: true}
      - {resources: ["file:///C:/secret/*", "memo://internal/**"], deny: true}
"#;
const ALL: &str = r#"
      - {resources: ["*"], scopes: [read]}
"#;

/// What returned `file:///secret.txt` from a real server.
const LITERAL: [&str; 16] = [
    "file:///./secret.txt",
    "file:///x/../secret.txt",
    "file:///x/%2e%2e/secret.txt",
    "file:///%2e/secret.txt",
    "FILE:///secret.txt",
    "File:///secret.txt",
    "file:/secret.txt",
    "file:secret.txt",
    "file://localhost/secret.txt",
    "file:\\\\\\secret.txt",
    "file:///x\\..\\secret.txt",
    " file:///secret.txt",
    "file:///secret.txt ",
    "file:///sec\tret.txt",
    "file:///sec\nret.txt",
    "fi\tle:///secret.txt",
];

/// What returned a resource that a pattern denies.
const GLOB: [&str; 21] = [
    "http://internal.example:80/x",
    "http://internal.example:/x",
    "http://internal.example:00080/x",
    "http:/internal.example/x",
    "http:internal.example/x",
    "http:///internal.example/x",
    "http://127.1/x",
    "http://0x7f.0.0.1/x",
    "http://0x7f000001/x",
    "http://0177.0.0.1/x",
    "http://2130706433/x",
    "http://127.0.0.1./x",
    "http://[0:0:0:0:0:0:0:1]/x",
    "http://[::0.0.0.1]/x",
    "file:///c:/secret/x",
    "file:///C|/secret/x",
    "file:///c|/secret/x",
    "file://c:/secret/x",
    "file://C:/secret/deep/er/x",
    "memo://internal:/x",
    "MEMO://internal/x",
];

async fn world(rules: &[&str]) -> World {
    Plan::standard().servers(&format!("{SERVER}{}", rules.concat())).start().await
}

fn read(world: &World, token: &str, uri: &str) -> Ask {
    world.post(request("resources/read", &json!({"uri": uri}).to_string())).token(token)
}

async fn explain(world: &World, uri: &str, scopes: &str) -> (Option<i32>, String) {
    portcullis(
        world.folder.path(),
        &[
            "explain",
            "--config",
            world.config_path().to_str().unwrap(),
            "--server",
            "main",
            "--resource",
            uri,
            "--scopes",
            scopes,
        ],
    )
    .await
}

async fn portcullis(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let (code, out, err) = command::portcullis(folder, arguments).await;
    (code, out + &err)
}

#[tokio::test]
async fn attack_167_a_literal_rule_is_not_dodged_by_another_spelling() {
    let world = world(&[HR, ALL]).await;
    let (poor, rich) = (world.token_with("mcp:connect read"), world.token_with("mcp:connect read hr"));
    let mut rows = vec![
        row("public", read(&world, &poor, "file:///public.txt"), Want::Passes),
        row("with the scope", read(&world, &rich, "file:///secret.txt"), Want::Passes),
        row("with the scope, otherwise", read(&world, &rich, "file:///x/../secret.txt"), Want::Passes),
    ];
    rows.extend(LITERAL.map(|uri| row(uri, read(&world, &poor, uri), Want::Status(403))));
    world.verdicts(rows).await;

    // One challenge names what all readings need.
    let reply = world.send(&read(&world, &world.token(), "file:/secret.txt")).await;
    let challenge = reply.header("www-authenticate").unwrap_or_default();
    assert!(challenge.contains("scope=\"mcp:connect read hr\""), "{challenge}");

    for uri in LITERAL {
        let (code, story) = explain(&world, uri, "mcp:connect read").await;
        assert_eq!(code, Some(3), "{uri:?}: {story}");
    }
    let (code, story) = explain(&world, "file:/x/../secret.txt", "mcp:connect read").await;
    assert_eq!(code, Some(3), "{story}");
    for told in [
        "Servers can read \"file:/x/../secret.txt\" in",
        "Read by a WHATWG parser: \"file:///secret.txt\".",
        "rules[0] (resources: file:///secret.txt) matches \"file:///secret.txt\".",
        "rules[0] needs scope hr: missing.",
    ] {
        assert!(story.contains(told), "{told}\n{story}");
    }
    assert_eq!(explain(&world, "file:/x/../secret.txt", "mcp:connect read hr").await.0, Some(0));
    world.close().await;
}

#[tokio::test]
async fn attack_168_a_pattern_is_not_dodged_by_another_spelling() {
    let world = world(&[DENIED, ALL]).await;
    let token = world.token_with("mcp:connect read hr");
    let mut rows: Vec<_> = GLOB.iter().map(|uri| row(*uri, read(&world, &token, uri), Want::Status(403))).collect();
    for uri in [
        "http://public.example/x",
        "http://127.0.0.2/x",
        "file:///D:/secret/x",
        "memo://internally/x",
        "memo://a%20b/c",
    ] {
        rows.push(row(uri, read(&world, &token, uri), Want::Passes));
    }
    world.verdicts(rows).await;
    for uri in GLOB {
        let (code, story) = explain(&world, uri, "mcp:connect read hr").await;
        assert_eq!(code, Some(3), "{uri:?}: {story}");
    }
    world.close().await;
}

#[tokio::test]
async fn attack_169_whatever_names_a_resource_is_judged_the_same() {
    let world = world(&[HR, DENIED, ALL]).await;
    let token = world.token_with("mcp:connect read");
    let mut rows = Vec::new();
    for (uri, want) in [
        ("file:///public.txt", Want::Passes),
        ("file:/secret.txt", Want::Status(403)),
        ("http:internal.example/x", Want::Status(403)),
        ("memo://internal:/x", Want::Status(403)),
    ] {
        for method in ["resources/subscribe", "resources/unsubscribe"] {
            let body = request(method, &json!({"uri": uri}).to_string());
            rows.push(row(format!("{method} {uri}"), world.post(body).token(&token), want));
        }
        let listed = format!(r#""notifications":{{"resourceSubscriptions":["file:///public.txt",{}]}}"#, json!(uri));
        rows.push(row(format!("listen {uri}"), modern("subscriptions/listen", None, &listed).token(&token), want));
    }
    for (template, want) in [
        ("memo://other/{x}", Want::Passes),
        ("file:///{+path}", Want::Status(403)),
        ("FILE:/sec{x}", Want::Status(403)),
        ("http:///{host}/x", Want::Status(403)),
        ("memo://internal:/{x}", Want::Status(403)),
        ("file:///x/../{x}", Want::Status(403)),
    ] {
        let params = json!({"ref": {"type": "ref/resource", "uri": template}, "argument": {"name": "x", "value": ""}});
        let body = request("completion/complete", &params.to_string());
        rows.push(row(format!("complete {template}"), world.post(body).token(&token), want));
    }
    world.verdicts(rows).await;

    // Lists show what could be read: a scope unlocks the first, nothing unlocks the others.
    let uris = ["file:///public.txt", "file:/secret.txt", "http:internal.example/x", "file:///c|/secret/x"];
    let items: Vec<Value> = uris.iter().map(|uri| json!({"uri": uri, "name": uri})).collect();
    let list = json!({"jsonrpc": "2.0", "id": 1, "result": {"resources": items}}).to_string();
    world.upstream.answer_with(move |_| full(200, &[("Content-Type", "application/json")], list.clone()));
    let reply = world.send(&world.post(request("resources/list", "{}")).token(&token)).await;
    let shown: Value = serde_json::from_str(&reply.text()).unwrap();
    let shown: Vec<&str> =
        shown["result"]["resources"].as_array().unwrap().iter().map(|item| item["uri"].as_str().unwrap()).collect();
    assert_eq!(shown, ["file:///public.txt", "file:/secret.txt"]);
    world.close().await;
}

#[tokio::test]
async fn attack_170_a_star_stops_at_a_slash_and_no_file_lets_more_pass_by_that() {
    let rules = r#"
      - {resources: ["file:///pub/*"]}
      - {resources: ["file:///deep/**"]}
      - {resources: ["memo://x/*"], deny: true}
      - {resources: ["memo:**"]}
"#;
    let world = world(&[rules]).await;
    let token = world.token();
    let rows = [
        ("file:///pub/a", Want::Passes),
        ("file:///pub/a/b", Want::Error(403, 40304)),
        ("file:///pub/a%2Fb", Want::Status(403)),
        ("file:///deep/a/b", Want::Passes),
        ("memo://x/a", Want::Status(403)),
        ("memo://x/a/b", Want::Status(403)),
        ("memo://y/a/b", Want::Passes),
    ];
    world.verdicts(rows.map(|(uri, want)| row(uri, read(&world, &token, uri), want)).into()).await;

    let text = std::fs::read_to_string(world.config_path()).unwrap();
    let broken = text.replace("[\"file:///pub/*\"]", "[\"memo://a/*\"], scopes: [hr]");
    assert_ne!(text, broken);
    std::fs::write(world.folder.path().join("broken.yaml"), broken).unwrap();
    for command in ["check", "run"] {
        let (code, told) = portcullis(world.folder.path(), &[command, "--config", "broken.yaml"]).await;
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains("servers.main.rules[0].resources[0]: found \"memo://a/*\""), "{told}");
        assert!(told.contains("expected \"memo://a/**\""), "{told}");
    }
    world.close().await;
}

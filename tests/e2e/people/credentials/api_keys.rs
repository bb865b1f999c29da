//! API keys: made by the command, accepted where they are named, taken away while streams are open.

use std::{fs, path::Path};

use tokio::time::{Duration, Instant, sleep};

use crate::e2e::world::{Ask, Plan, Step, Want, World, call, command::portcullis, row, server};

/// Runs `portcullis key new`: the key, and its entry.
pub(super) async fn new_key(more: &[&str]) -> (String, String) {
    let (code, out, _) = portcullis(Path::new("/"), &[&["key", "new"], more].concat()).await;
    let lines: Vec<&str> = out.lines().collect();
    let [key, entry] = lines.as_slice() else { panic!("two lines: {out}") };
    assert_eq!(code, Some(0));
    ((*key).to_owned(), (*entry).to_owned())
}

/// The standard server and two more: one that takes keys alone, and one that no key names.
pub(super) const SERVERS: &str = r#"
  main:
    path: /mcp
    upstream: {url: "@UPSTREAM@/inner/mcp"}
    scopes: ["mcp:connect"]
    identity_headers: {x-auth-subject: sub, x-auth-team: team}
    rules:
      - {tools: [safe]}
      - {tools: [danger], scopes: ["mcp:danger"]}
      - {tools: [engineers], claims: {team: [eng]}}
  machines:
    path: /machines
    upstream: {url: "@UPSTREAM@/machines"}
    authorization_servers: []
    access: authenticated
  people:
    path: /people
    upstream: {url: "@UPSTREAM@/people"}
    access: authenticated
"#;

pub(super) fn plan(entries: &[&str]) -> Plan {
    let keys = format!("keys:\n{}\n", entries.join("\n"));
    let keys = if entries.is_empty() { "keys: []\n".to_owned() } else { keys };
    Plan::standard().servers(SERVERS).top("keys: {file: keys.yaml}").file("keys.yaml", &keys)
}

pub(super) fn ask(path: &str, key: &str, tool: &str) -> Ask {
    Ask::post(path, call(tool)).token(key)
}

#[tokio::test]
async fn b80_people_a11_a_new_key_opens_what_its_entry_names() {
    let (key, entry) = new_key(&["--name", "ci", "--servers", "main machines", "--scopes", "mcp:connect"]).await;
    let entry = entry.replace('}', ", claims: {team: eng}}");
    let world = plan(&[&entry]).start().await;
    world.secret(&key);
    world
        .verdicts(vec![
            row("its server", ask("/mcp", &key, "safe"), Want::Passes),
            row("by its claim", ask("/mcp", &key, "engineers"), Want::Passes),
            row("beyond its scopes: a result that says so", ask("/mcp", &key, "danger"), Want::Status(200)),
            row("a server that takes keys alone", ask("/machines", &key, "any"), Want::Passes),
            row("a server that it does not name", ask("/people", &key, "any"), Want::Status(401)),
            row("tokens still pass", world.post(call("safe")), Want::Passes),
        ])
        .await;
    world.send(&ask("/mcp", &key, "safe")).await;
    let seen = world.upstream.take().pop().unwrap();
    assert_eq!(seen.header("x-auth-subject"), Some("api-key:ci"));
    assert_eq!(seen.header("x-auth-team"), Some("eng"));
    assert!(seen.header("authorization").is_none(), "the key is not for the upstream");
    let line = world.gateway.line(|line| line.contains("\"issuer\":\"api-keys\"")).await;
    assert!(line.contains("api-key:ci"), "the audit line says whose key: {line}");
    world.close().await;
}

#[tokio::test]
async fn b06_people_a11_a_key_counts_as_bearer_alone() {
    let (key, entry) = new_key(&["--name", "ci", "--servers", "machines"]).await;
    let world = plan(&[&entry]).start().await;
    world.secret(&key);
    let bare = || Ask::post("/machines", call("any"));
    world
        .verdicts(vec![
            row("bearer", bare().token(&key), Want::Passes),
            row("in any case", bare().with("Authorization", format!("bEaReR {key}")), Want::Passes),
            row("X-Api-Key", bare().with("X-Api-Key", &key), Want::Status(401)),
            row("Basic", bare().with("Authorization", format!("Basic {key}")), Want::Status(401)),
            row("without a scheme", bare().with("Authorization", &key), Want::OneOf(&[400, 401])),
            row("a cookie", bare().with("Cookie", format!("key={key}")), Want::Status(401)),
            row("beside another", bare().token(&key).with("Authorization", "Bearer x"), Want::Status(400)),
        ])
        .await;
    world.close().await;
}

#[tokio::test]
async fn b83_people_a11_a_server_with_keys_alone_publishes_and_names_no_metadata() {
    let (key, entry) = new_key(&["--name", "ci", "--servers", "machines"]).await;
    let world = plan(&[&entry]).start().await;
    world.until_ready().await;
    for path in [
        "/.well-known/oauth-protected-resource/machines",
        "/.well-known/oauth-authorization-server/machines",
        "/machines/.well-known/openid-configuration",
    ] {
        assert_eq!(world.send(&Ask::get(path)).await.status, 404, "{path}");
    }
    assert_eq!(world.send(&Ask::get("/.well-known/oauth-protected-resource/people")).await.status, 200);
    for refused in [Ask::post("/machines", call("any")), ask("/machines", &world.token(), "any")] {
        let reply = world.send(&refused).await;
        assert_eq!(reply.status, 401);
        let challenge = reply.challenge();
        assert!(challenge.starts_with("Bearer realm=") && !challenge.contains("resource_metadata"), "{challenge}");
        assert!(!challenge.contains("scope="), "{challenge}");
        assert!(reply.text().contains("API key") || reply.reason().starts_with("token_"), "{reply:?}");
    }
    assert_eq!(world.send(&ask("/machines", &key, "any")).await.status, 200);
    world.close().await;

    // A gateway without any authorization server.
    let alone = "\n  machines: {path: /machines, upstream: {url: \"@UPSTREAM@/m\"}, access: authenticated}\n";
    let world = plan(&[&entry]).servers(alone).issuers("").start().await;
    world.secret(&key);
    world.until_ready().await;
    assert_eq!(world.send(&ask("/machines", &key, "any")).await.status, 200);
    assert_eq!(world.send(&Ask::get("/.well-known/oauth-protected-resource")).await.status, 404);
    world.close().await;
}

/// Replaces the file of keys, and waits until the gateway has read it.
async fn rewrite(world: &World, keys: &str) {
    let before = world.metric("portcullis_config_reloads_total").await.unwrap_or_default();
    fs::write(world.folder.path().join("keys.yaml"), keys).unwrap();
    let deadline = Instant::now() + Duration::from_secs(12);
    while world.metric("portcullis_config_reloads_total").await.unwrap_or_default() <= before {
        assert!(Instant::now() < deadline, "never read again\n{}", world.gateway.tail());
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn b82_p7_people_a11_removing_a_key_ends_its_open_streams_and_no_others() {
    let (gone, entry) = new_key(&["--name", "gone", "--servers", "machines"]).await;
    let (stays, kept) = new_key(&["--name", "stays", "--servers", "machines"]).await;
    let world = plan(&[&entry, &kept]).start().await;
    world.secret(&gone);
    world.secret(&stays);
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let held = std::sync::Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        vec![
            server::sse_head(&[]),
            server::chunk("data: one\n\n"),
            Step::Await(std::sync::Arc::clone(&held)),
            server::chunk("data: two\n\n"),
            server::last_chunk(),
        ]
    });
    let stream = |key: &str| Ask::get("/machines").with("Accept", "text/event-stream").token(key);
    let mut ending = world.open(&stream(&gone)).await;
    let mut staying = world.open(&stream(&stays)).await;
    ending.until("one").await;
    staying.until("one").await;
    rewrite(&world, &format!("keys:\n{kept}\n")).await;
    let ended = ending.rest().await;
    assert!(!ended.text().contains("two"), "the stream of the removed key ends: {ended:?}");
    world.upstream.answer_with(|_| server::json(200, "{}"));
    assert_eq!(world.send(&ask("/machines", &gone, "any")).await.status, 401);
    assert_eq!(world.send(&ask("/machines", &stays, "any")).await.status, 200);
    gate.add_permits(2);
    staying.until("two").await;
    drop(staying);
    // Whoever holds the last key can be locked out as well.
    rewrite(&world, "keys: []\n").await;
    assert_eq!(world.send(&ask("/machines", &stays, "any")).await.status, 401);
    world.close().await;
}

#[tokio::test]
async fn people_a11_a_key_ends_with_its_not_after() {
    let (over, entry) = new_key(&["--name", "over", "--servers", "machines", "--not-after", "2024-02-29"]).await;
    let (valid, later) =
        new_key(&["--name", "valid", "--servers", "machines", "--not-after", "2099-12-31T00:00:00Z"]).await;
    let world = plan(&[&entry, &later]).start().await;
    let reply = world.send(&ask("/machines", &over, "any")).await;
    assert_eq!((reply.status, reply.reason().as_str()), (401, "token_expired"));
    assert_eq!(world.send(&ask("/machines", &valid, "any")).await.status, 200);
    let (code, out, said) = portcullis(world.folder.path(), &["check", "--config", "gateway.yaml"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("2 API keys"), "{out}");
    assert!(said.contains("the API key \"over\" has ended"), "{said}");
    world.close().await;
}

#[tokio::test]
async fn people_a11_the_commands_say_what_they_made_and_what_they_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &'static [&'static str]| portcullis(Path::new("/"), words);
    let (code, out, said) = run(&["key", "new", "--name", "ci", "--scopes", "a b"]).await;
    assert_eq!(code, Some(0));
    assert!(out.starts_with("portcullis_") && out.contains("scopes: [\"a\", \"b\"]"), "{out}");
    assert!(said.contains("shown only now") && said.contains("Write into `servers`"), "{said}");
    assert_eq!(said.matches("portcullis_").count(), 0, "the key is printed once");
    for words in [
        &["key", "new", "--name", "a b"][..],
        &["key", "new", "--name", "ci", "--scopes", "a\"b"],
        &["key", "new", "--name", "ci", "--servers", "a/b"],
        &["key", "new", "--name", "ci", "--not-after", "tomorrow"],
        &["key", "new"],
    ] {
        let (code, out, said) = portcullis(Path::new("/"), words).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{words:?} {said}");
    }

    let (key, entry) = new_key(&["--name", "ci", "--servers", "main", "--scopes", "mcp:connect"]).await;
    let world = plan(&[&entry]).start().await;
    fs::write(folder.path().join("token"), &key).unwrap();
    let token = folder.path().join("token");
    let words = ["explain", "--config", "gateway.yaml", "--server", "main", "--tool", "danger", "--token-file"];
    let words: Vec<&str> = words.into_iter().chain([token.to_str().unwrap()]).collect();
    let (code, out, said) = portcullis(world.folder.path(), &words).await;
    assert_eq!(code, Some(3), "{out}{said}");
    assert!(out.contains("The API key is valid: api-key:ci.") && out.contains("mcp:danger"), "{out}");
    assert!(!out.contains(&key));
    world.close().await;
}

#[tokio::test]
async fn people_d1_a_server_with_keys_alone_asks_for_a_key_and_for_no_sign_in() {
    let servers = r#"
  machines:
    path: /machines
    upstream: {url: "@UPSTREAM@/machines"}
    authorization_servers: []
    deny_as: challenge
    rules: [{tools: [search], public: true}, {tools: [pay], scopes: [pay]}]
"#;
    let (key, entry) = new_key(&["--name", "ci", "--servers", "machines"]).await;
    let world = plan(&[&entry]).servers(servers).start().await;
    world.secret(&key);
    assert_eq!(world.send(&Ask::post("/machines", call("search"))).await.status, 200);
    let refused = world.send(&Ask::post("/machines", call("pay"))).await;
    assert_eq!((refused.status, refused.reason().as_str()), (401, "no_credential"), "{refused:?}");
    assert_eq!(refused.challenge(), "Bearer realm=\"API key\"");
    assert!(refused.text().contains("this server needs an API key"), "{refused:?}");
    let refused = world.send(&ask("/machines", &key, "pay")).await;
    assert_eq!(refused.status, 403);
    assert!(refused.challenge().contains("the API key lacks scope") && !refused.challenge().contains("scope="));
    world.close().await;
}

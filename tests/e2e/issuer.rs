//! The authorization server inside, by the real binary: is it found, does it issue, does the gateway believe it, and stop believing it?

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::world::{
    Ask, Plan, Reply, Step, World, call,
    server::{chunk, sse_head},
};

pub(super) const SECRET: &str = "bW9yZS10aGFuLXRoaXJ0eS10d28tYnl0ZXMtb2YtcmFuZG9t";
/// `hunter2`, with parameters that are quick to check.
pub(super) const ACCOUNTS: &str = "accounts:\n  - {name: ada, password: \"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Rdescudvoc7LkZnQF2NNsUmkZrBLLpb6QXV1P8UYJ/U\"}\n";
pub(super) const OWN: &str = r#"  own:
    embedded:
      path: /oauth
      login: {accounts: accounts.yaml}
      registration: {dynamic: open}
      clients: [{id: batch, secret: env:CLIENT_SECRET, grant_types: [client_credentials]}]
      grants: [{clients: [batch], scopes: ["mcp:*"]}]
      store: {memory: true}
"#;

fn plan() -> Plan {
    Plan::standard().issuers(OWN).file("accounts.yaml", ACCOUNTS).environment("CLIENT_SECRET", SECRET)
}

async fn started(plan: Plan) -> World {
    let world = plan.start().await;
    world.secret(SECRET);
    world.until_ready().await;
    world
}

/// A form, sent by the configured client.
fn form(path: &str, body: impl Into<Vec<u8>>) -> Ask {
    let basic = STANDARD.encode(format!("batch:{SECRET}"));
    Ask::post(path, body)
        .set("Content-Type", "application/x-www-form-urlencoded")
        .set("Authorization", format!("Basic {basic}"))
}

async fn token_at(world: &World, path: &str) -> String {
    let resource = world.resource().replace(':', "%3A").replace('/', "%2F");
    let body = format!("grant_type=client_credentials&scope=mcp%3Aconnect&resource={resource}");
    let reply = world.send(&form(path, body)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    world.issued(&token);
    token
}

async fn use_it(world: &World, token: &str) -> Reply {
    world.send(&Ask::post("/mcp", call("safe")).token(token)).await
}

#[tokio::test]
async fn e01_e02_the_metadata_is_the_same_in_every_form_and_names_its_own_issuer() {
    let world = started(plan()).await;
    let mut seen: Option<Value> = None;
    for path in [
        "/.well-known/oauth-authorization-server/oauth",
        "/.well-known/openid-configuration/oauth",
        "/oauth/.well-known/oauth-authorization-server",
        "/oauth/.well-known/openid-configuration",
        // The mirrors, for clients of 2025-03-26: no fetch, the very document.
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/mcp",
        "/mcp/.well-known/openid-configuration",
    ] {
        let reply = world.send(&Ask::get(path)).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
        let mut document = reply.json();
        // What OpenID Connect Discovery requires besides, and RFC 8414 does not know.
        for name in ["subject_types_supported", "id_token_signing_alg_values_supported"] {
            let member = document.as_object_mut().unwrap().remove(name);
            assert_eq!(member.is_some(), path.contains("openid-configuration"), "{path}: {name}");
        }
        assert_eq!(document["issuer"], format!("{}/oauth", world.public), "{path}");
        assert_eq!(*seen.get_or_insert_with(|| document.clone()), document, "{path}");
        let head = world.send(&Ask::new("HEAD", path)).await;
        assert_eq!((head.status, head.text().as_str()), (200, ""), "{path}");
    }
    let document = seen.unwrap();
    assert_eq!(document["token_endpoint"], format!("{}/oauth/token", world.public));
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    let resource = world.send(&Ask::get("/.well-known/oauth-protected-resource/mcp")).await.json();
    assert_eq!(resource["authorization_servers"], json!([format!("{}/oauth", world.public)]));
    let keys = world.send(&Ask::get("/oauth/jwks")).await.json();
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!((keys[0]["crv"].as_str(), keys[0].get("d")), (Some("P-256"), None));
    assert_eq!(world.issuer.key_fetches(), 0, "nothing is fetched");
    world.close().await;
}

#[tokio::test]
async fn e26_e27_a_clients_own_token_opens_the_server_until_it_is_revoked() {
    let world = started(plan()).await;
    let token = token_at(&world, "/oauth/token").await;
    let other = token_at(&world, "/oauth/token").await;
    assert_eq!(use_it(&world, &token).await.status, 200);
    // Remembered now; and the other one is only proved after its revocation.
    for token in [&token, &other] {
        let revoked = world.send(&form("/oauth/revoke", format!("token={token}"))).await;
        assert_eq!(revoked.status, 200, "{revoked:?}");
        let reply = use_it(&world, token).await;
        assert_eq!(reply.status, 401);
        assert_eq!(reply.challenge_parameter("error").as_deref(), Some("invalid_token"));
        assert_eq!(reply.reason(), "token_revoked");
    }
    let third = token_at(&world, "/oauth/token").await;
    assert_eq!(use_it(&world, &third).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn e27_an_open_stream_ends_with_the_revocation_of_its_token() {
    let world = started(plan()).await;
    let token = token_at(&world, "/oauth/token").await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang]);
    let mut live = world.open(&Ask::get("/mcp").set("Accept", "text/event-stream").token(&token)).await;
    assert_eq!(live.reply().status, 200);
    live.until("one").await;
    let revoked = world.send(&form("/oauth/revoke", format!("token={token}"))).await;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    // The upstream never ends it, and the token would hold for an hour.
    live.rest().await;
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn e08_the_default_paths_at_the_root_are_the_one_issuers() {
    let world = started(plan()).await;
    let token = token_at(&world, "/token").await;
    assert_eq!(use_it(&world, &token).await.status, 200);
    for (path, method, status) in [("/authorize", "POST", 405), ("/register", "GET", 405), ("/jwks", "GET", 404)] {
        assert_eq!(world.send(&Ask::new(method, path)).await.status, status, "{method} {path}");
    }
    world.close().await;
}

#[tokio::test]
async fn p11_tokens_outlive_a_reload_of_the_accounts() {
    let world = started(plan()).await;
    let token = token_at(&world, "/oauth/token").await;
    let keys = world.send(&Ask::get("/oauth/jwks")).await.json();
    let accounts = world.folder.path().join("accounts.yaml");
    std::fs::write(&accounts, ACCOUNTS.replace("name: ada", "nam: ada")).unwrap();
    until_noted(&world, "accounts.yaml:2:5").await;
    assert_eq!(use_it(&world, &token).await.status, 200);
    std::fs::write(&accounts, ACCOUNTS.replace("name: ada", "name: bob")).unwrap();
    until_noted(&world, "[]").await;
    assert_eq!(use_it(&world, &token).await.status, 200);
    assert_eq!(world.send(&Ask::get("/oauth/jwks")).await.json(), keys);
    world.close().await;
}

#[tokio::test]
async fn e38_another_issuer_is_published_and_the_tokens_of_the_one_before_get_its_challenge() {
    let world = started(plan()).await;
    let token = token_at(&world, "/oauth/token").await;
    assert_eq!(use_it(&world, &token).await.status, 200);
    let config = world.config_path();
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("path: /oauth", "path: /login")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(12);
    let published = json!([format!("{}/login", world.public)]);
    while world.send(&Ask::get("/.well-known/oauth-protected-resource/mcp")).await.json()["authorization_servers"]
        != published
    {
        assert!(Instant::now() < deadline, "the other issuer was never published\n{}", world.gateway.tail());
        sleep(Duration::from_millis(50)).await;
    }
    let reply = use_it(&world, &token).await;
    assert_eq!((reply.status, reply.challenge_parameter("error").as_deref()), (401, Some("invalid_token")));
    assert_eq!(world.send(&form("/oauth/token", "grant_type=client_credentials")).await.status, 404);
    let other = token_at(&world, "/login/token").await;
    assert_eq!(use_it(&world, &other).await.status, 200);
    world.close().await;
}

pub(super) async fn until_noted(world: &World, text: &str) {
    let deadline = Instant::now() + Duration::from_secs(12);
    loop {
        let notes = world.admin("/readyz").await.json()["notes"].to_string();
        if notes.contains(text) {
            return;
        }
        assert!(Instant::now() < deadline, "{text} never came: {notes}\n{}", world.gateway.tail());
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn f13_a_body_beyond_the_bound_and_a_foreign_host_reach_no_issuer() {
    let world = started(plan()).await;
    let reply = world.send(&form("/oauth/token", vec![b'a'; 64 * 1024 + 1])).await;
    assert_eq!(reply.status, 413, "{reply:?}");
    let reply = world.send(&Ask::get("/oauth/jwks").set("Host", "evil.example")).await;
    assert_eq!(reply.status, 421, "{reply:?}");
    // What stands in a query is in no log: `close` looks for it.
    world.secret("a-state-that-nobody-may-see");
    let reply = world.send(&Ask::get("/oauth/jwks?state=a-state-that-nobody-may-see")).await;
    assert_eq!(reply.status, 200);
    world.close().await;
}

//! Does one unreachable issuer make its own servers unready, and no others (attack 176)?

use serde_json::json;
use tokio::time::{Duration, Instant, sleep};

use super::world::{Plan, Reply, World, server};

const SERVERS: &str = r#"
  main: {path: /mcp, upstream: {url: "@UPSTREAM@/mcp"}, authorization_servers: [house], access: authenticated}
  lonely: {path: /lonely, upstream: {url: "@UPSTREAM@/mcp"}, authorization_servers: [dead], access: authenticated}
  both: {path: /both, upstream: {url: "@UPSTREAM@/mcp"}, authorization_servers: [dead, house], access: authenticated}
"#;

async fn until(world: &World, path: &str, wanted: impl Fn(&Reply) -> bool) -> Reply {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let reply = world.admin(path).await;
        if wanted(&reply) {
            return reply;
        }
        assert!(Instant::now() < deadline, "{path}: {reply:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn attack_176_an_unreachable_issuer_holds_up_its_own_servers_alone() {
    let dead = server::Upstream::start(None).await;
    dead.stop();
    let issuers = format!("  house: {{issuer: \"@ISSUER@\"}}\n  dead: {{issuer: \"{}\"}}\n", dead.url());
    let world = Plan::standard().issuers(&issuers).servers(SERVERS).start().await;
    world.until_ready().await;
    let all = until(&world, "/readyz", |reply| reply.text().contains("dead: ")).await;
    assert_eq!(all.status, 200, "{all:?}");
    let json = all.json();
    assert_eq!((&json["ready"], &json["reasons"]), (&json!(true), &json!([])));
    assert_eq!(json["servers"], json!({"main": true, "lonely": false, "both": true}));
    assert!(json["notes"].to_string().contains("keys of authorization server dead"), "{json}");

    for (path, status, ready) in [
        ("/readyz/main", 200, json!(true)),
        ("/readyz/both", 200, json!(true)),
        ("/readyz/lonely", 503, json!(false)),
        ("/readyz/unknown", 404, json!(null)),
        ("/readyz/", 404, json!(null)),
    ] {
        let reply = world.admin(path).await;
        assert_eq!((reply.status, &reply.json()["ready"]), (status, &ready), "{path}: {reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{path}");
    }
    assert!(world.admin("/readyz/lonely").await.json()["reasons"].to_string().contains("dead"));

    // Keys that are there count although their issuer has gone.
    world.issuer.server().stop();
    assert_eq!(world.admin("/readyz/main").await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn attack_176_where_no_server_can_answer_nothing_is_ready_until_one_can() {
    let servers = SERVERS.lines().filter(|line| !line.contains("dead")).collect::<Vec<_>>().join("\n");
    let world = Plan::standard().issuers("  house: {issuer: \"@ISSUER@\", jwks: {file: keys.json}}\n");
    let world = world.servers(&servers).file("keys.json", "{}").start().await;
    let reply = until(&world, "/readyz", |reply| reply.text().contains("jwks_file")).await;
    assert_eq!((reply.status, &reply.json()["servers"]), (503, &json!({"main": false})), "{reply:?}");
    assert!(reply.json()["reasons"].to_string().contains("house"), "{reply:?}");
    let keys = super::world::issuer::house_key_set().to_string();
    std::fs::write(world.folder.path().join("keys.json"), keys).unwrap();
    until(&world, "/readyz", |reply| reply.status == 200).await;
    assert_eq!(world.admin("/readyz/main").await.status, 200);
    world.close().await;
}

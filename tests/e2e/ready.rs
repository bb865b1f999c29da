//! Does one unreachable issuer make its own servers unready, and no others (attack 176)?

use serde_json::json;
use tokio::time::{Duration, Instant, sleep};

use super::world::{Ask, Plan, Reply, World, call, server};

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

#[tokio::test]
async fn b44_withdrawn_keys_are_told_alike_by_a_replica_that_was_asked_before_and_one_that_was_not() {
    let servers = SERVERS.lines().filter(|line| !line.contains("dead")).collect::<Vec<_>>().join("\n");
    let keys = super::world::issuer::house_key_set().to_string();
    let plan = Plan::standard().issuers("  house: {issuer: \"@ISSUER@\", jwks: {file: keys.json}}\n").servers(&servers);
    let plan = plan.file("keys.json", &keys);
    let replicas = [plan.clone().start().await, plan.start().await];
    let ask = |world: &World| Ask::post("/mcp", call("safe")).token(&world.token());
    for world in &replicas {
        assert_eq!(world.send(&ask(world)).await.status, 200, "the keys are there");
    }
    replicas[0].until_ready().await;
    let told = |line: &str| line.contains("has withdrawn all its keys");
    let publish = |keys: &str| {
        for world in &replicas {
            std::fs::write(world.folder.path().join("keys.json"), keys).unwrap();
        }
    };

    publish(r#"{"keys":[]}"#);
    for world in &replicas {
        let line = world.gateway.line(told).await;
        assert!(line.contains("gets 503") && line.contains("signing keys") && line.contains("house"), "{line}");
        let reply = world.admin("/readyz").await;
        assert_eq!((reply.status, &reply.json()["servers"]), (503, &json!({"main": false})), "{reply:?}");
        assert!(reply.json()["reasons"].to_string().contains("withdrawn by the issuer"), "{reply:?}");
        assert_eq!(world.send(&ask(world)).await.status, 503);
    }

    // A key set that cannot be read does not bring them back, and is no new outage.
    publish("{");
    for world in &replicas {
        until(world, "/readyz", |reply| reply.status == 503 && reply.text().contains("not a JSON object")).await;
        assert!(!world.gateway.output().contains("serving stale keys"), "no keys are served");
    }
    publish(&keys);
    for world in &replicas {
        until(world, "/readyz", |reply| reply.status == 200).await;
        assert_eq!(world.send(&ask(world)).await.status, 200);
        assert_eq!(world.gateway.output().lines().filter(|line| told(line)).count(), 1, "told once");
    }

    // An issuer that fails later is a note, asked before or not.
    for world in &replicas {
        std::fs::remove_file(world.folder.path().join("keys.json")).unwrap();
        world.gateway.line(|line| line.contains("serving stale keys")).await;
        let reply = world.admin("/readyz").await;
        assert_eq!((reply.status, &reply.json()["reasons"]), (200, &json!([])), "{reply:?}");
        assert!(reply.json()["notes"].to_string().contains("house"), "{reply:?}");
        assert_eq!(world.send(&ask(world)).await.status, 200);
    }
    for world in replicas {
        world.close().await;
    }
}

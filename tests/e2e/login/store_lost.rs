//! Row A12: the store is deleted, replaced, emptied, or evicts: it is noticed within seconds.

use std::time::Instant;

use super::{
    browser::Browser,
    client::{Client, call_tool},
    world::{LoginPlan, LoginWorld, PASSWORD, REDIS_PASSWORD},
};
use crate::e2e::world::Redis;

/// Longest time until a loss is reported.
const SECONDS: u64 = 6;

async fn reported(login: &LoginWorld, replica: usize, words: &str) {
    let began = Instant::now();
    login.until_readyz(replica, words, |ready| ready.status == 200 && ready.text().contains(words)).await;
    println!("replica {replica}: {words:?} after {:.1} s", began.elapsed().as_secs_f64());
    assert!(began.elapsed().as_secs() < SECONDS);
}

async fn losses(login: &LoginWorld, replica: usize) -> String {
    let metrics = login.admin(replica, "/metrics").await.text();
    let found = metrics.lines().find_map(|line| line.strip_prefix("portcullis_store_losses_total{issuer=\"own\"} "));
    found.unwrap().to_owned()
}

#[tokio::test]
async fn login_a12_a_deleted_or_replaced_file_is_reported_until_the_restart() {
    for how in ["deleted", "replaced"] {
        let mut login = LoginPlan::accounts().file().start().await;
        let client = Client::desktop();
        let tokens = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
        assert_eq!(losses(&login, 0).await, "0");
        let path = login.world.folder.path().join("as.db");
        std::fs::remove_file(&path).unwrap();
        if how == "replaced" {
            std::fs::write(&path, b"").unwrap();
        }
        reported(&login, 0, how).await;
        login.process(0).line(|line| line.contains("ERROR") && line.contains("the store's file is gone")).await;
        assert_eq!(losses(&login, 0).await, "1");
        // It goes on with what it has open.
        client.refreshed(&login, 0, tokens.refresh()).await;
        for rest in ["as.db-wal", "as.db-shm"] {
            let _ = std::fs::remove_file(login.world.folder.path().join(rest));
        }
        login.restart(0, "TERM").await;
        let ready = login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
        assert!(!ready.text().contains("gone"), "{}", ready.text());
        login.close().await;
    }
}

#[tokio::test]
async fn login_a12_a_file_that_vanished_while_the_gateway_was_stopped_is_said_at_the_start() {
    let words = "the store is new and empty";
    let mut login = LoginPlan::accounts().file().start().await;
    assert!(login.process(0).tail().contains(words));
    login.restart(0, "TERM").await;
    login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
    assert!(!login.process(0).tail().contains(words));
    login.stop(0, "TERM").await;
    std::fs::remove_file(login.world.folder.path().join("as.db")).unwrap();
    login.resume(0).await;
    login.process(0).line(|line| line.contains(words)).await;
    login.close().await;
}

#[tokio::test]
async fn login_a12_an_emptied_redis_is_reported_by_every_replica() {
    let login = LoginPlan::accounts().redis().await.replicas(2).start().await;
    let client = Client::desktop();
    let tokens = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    for replica in [0, 1] {
        // Each replica has seen which store it is.
        login.until_readyz(replica, "it is well", |ready| ready.json()["notes"] == serde_json::json!([])).await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    login.redis.as_ref().unwrap().ask(&[b"FLUSHALL"]).await;
    for replica in [0, 1] {
        reported(&login, replica, "the store was emptied or replaced").await;
        assert_eq!(losses(&login, replica).await, "1");
        login.process(replica).line(|line| line.contains("ERROR") && line.contains("the store was lost")).await;
    }
    assert_eq!(client.refresh(&login, 0, tokens.refresh()).await.status, 400);
    let tokens = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    client.refreshed(&login, 1, tokens.refresh()).await;
    login.close().await;
}

fn evicting(redis: Redis, store: &str) -> LoginPlan {
    LoginPlan::accounts().in_redis(redis).key("store", store)
}

#[tokio::test]
async fn login_a12_a_redis_that_evicts_stops_the_start_unless_it_is_allowed() {
    let options = ["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"];
    // A managed Redis may refuse CONFIG.
    let managed = [&options[..], &["--rename-command", "CONFIG", ""]].concat();
    for options in [&options[..], &managed] {
        let redis = Redis::start_with(REDIS_PASSWORD, options).await.unwrap();
        let refused = evicting(redis, "{redis: env:REDIS_URL}").refused_start().await;
        assert_eq!(refused.code, Some(2), "{}", refused.output);
        for words in ["authorization_servers.own.embedded.store.redis", "allkeys-lru", "noeviction", "allow_eviction"] {
            assert!(refused.output.contains(words), "{words}: {}", refused.output);
        }
        let redis = Redis::start_with(REDIS_PASSWORD, options).await.unwrap();
        let login = evicting(redis, "{redis: env:REDIS_URL, allow_eviction: true}").start().await;
        call_tool(&login, 0, "none", "safe").await;
        login.close().await;
    }
}

#[tokio::test]
async fn login_a12_a_redis_that_begins_to_evict_or_comes_later_is_reported() {
    let mut redis = Redis::start_with(REDIS_PASSWORD, &["--maxmemory-policy", "volatile-ttl"]).await.unwrap();
    redis.kill();
    let mut login = LoginPlan::accounts().in_redis(redis).start_unready().await;
    login.redis.as_mut().unwrap().start_again().await;
    reported(&login, 0, "volatile-ttl").await;
    let redis = login.redis.as_ref().unwrap();
    redis.ask(&[b"CONFIG", b"SET", b"maxmemory-policy", b"noeviction"]).await;
    login.until_readyz(0, "it is well", |ready| !ready.text().contains("evicts")).await;
    redis.ask(&[b"CONFIG", b"SET", b"maxmemory-policy", b"allkeys-random"]).await;
    login.until_readyz(0, "it is reported", |ready| ready.text().contains("allkeys-random")).await;
    let metrics = login.admin(0, "/metrics").await.text();
    assert!(metrics.contains("portcullis_store_evicts{issuer=\"own\"} 1"), "{metrics}");
    login.close().await;
}

#[tokio::test]
async fn login_a12_a_redis_that_takes_no_writes_is_reported_by_every_replica() {
    let login = LoginPlan::accounts().redis().await.replicas(2).start().await;
    let redis = login.redis.as_ref().unwrap();
    redis.ask(&[b"CONFIG", b"SET", b"maxmemory", b"1"]).await;
    for replica in [0, 1] {
        reported(&login, replica, "OOM").await;
        let metrics = login.admin(replica, "/metrics").await.text();
        assert!(!metrics.contains("portcullis_store_failures_total{issuer=\"own\"} 0"), "{metrics}");
    }
    redis.ask(&[b"CONFIG", b"SET", b"maxmemory", b"0"]).await;
    for replica in [0, 1] {
        login.until_readyz(replica, "it is well", |ready| ready.json()["notes"] == serde_json::json!([])).await;
    }
    login.close().await;
}

/// How often this replica did this with the signing keys.
async fn signing_keys(login: &LoginWorld, replica: usize, done: &str) -> u64 {
    let metrics = login.admin(replica, "/metrics").await.text();
    let name = format!("portcullis_signing_keys_{done}_total{{issuer=\"own\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}

#[tokio::test]
async fn login_a12_signing_keys_that_vanish_from_redis_are_put_back_and_no_token_ends() {
    let mut login = LoginPlan::accounts().redis().await.replicas(2).start().await;
    let client = Client::desktop();
    let tokens = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    // Each replica has seen which store its keys are from.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let redis = login.redis.as_ref().unwrap();
    redis.ask(&[b"DEL", b"portcullis:as:keys:signing"]).await;
    assert_eq!(redis.get("portcullis:as:keys:signing").await, None);
    // A replica that starts meanwhile makes no keys of its own.
    login.restart(1, "TERM").await;
    login.until_readyz(1, "it has keys", |ready| ready.status == 200).await;
    login.process(0).line(|line| line.contains("ERROR") && line.contains("they were put back")).await;
    for replica in [0, 1] {
        assert_eq!(call_tool(&login, replica, &tokens.access, "safe").await.status, 200);
        assert_eq!(signing_keys(&login, replica, "replaced").await, 0);
    }
    assert_eq!(signing_keys(&login, 0, "restored").await, 1);
    client.refreshed(&login, 1, tokens.refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_a12_signing_keys_that_are_lost_with_their_store_are_an_error() {
    let login = LoginPlan::accounts().redis().await.start().await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    login.redis.as_ref().unwrap().ask(&[b"FLUSHALL"]).await;
    login.process(0).line(|line| line.contains("ERROR") && line.contains("the signing keys were lost")).await;
    assert_eq!((signing_keys(&login, 0, "replaced").await, signing_keys(&login, 0, "restored").await), (1, 0));
    login.close().await;
}

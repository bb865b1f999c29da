//! Faults of a Redis, with a real one.

use super::{super::super::world::redis::Redis, Setting, files};

const KEY: &str = "authorization_servers.own.embedded.store.redis";
const LINE: &str = "        redis: ";

async fn with(url: &str) -> (Setting, String) {
    let setting = files::embedded().await.but("file: portcullis.db", "redis: \"env:REDIS_URL\"");
    (setting, url.to_owned())
}

#[tokio::test]
async fn first_4_doctor_own_attack_371_a_redis_is_asked_as_the_gateway_asks_it() {
    let (setting, url) = with("redis://127.0.0.1:1/0").await;
    let told = setting.expect_with("redis-refused", LINE, KEY, &[("REDIS_URL", &url)]).await;
    assert!(told.line.starts_with("store: {redis: "), "{}", told.line);

    let Some(redis) = Redis::start("hunter2hunter2").await else {
        eprintln!("SKIPPED: redis-server is not installed");
        return;
    };
    let bare = format!("redis://127.0.0.1:{}/0", redis.port);
    for (id, url) in [
        ("redis-auth", bare.clone()),
        ("redis-auth", redis.url().replace("hunter2hunter2", "hunter3hunter3")),
        ("redis-tls", redis.url().replace("redis://", "rediss://")),
    ] {
        let (setting, url) = with(&url).await;
        let told = setting.expect_with(id, LINE, KEY, &[("REDIS_URL", &url)]).await;
        assert!(!told.found.contains("hunter"), "attack 371: no password is printed: {}", told.found);
    }

    let (setting, url) = with(&redis.url()).await;
    assert!(setting.found_with(&[("REDIS_URL", &url)]).await.iter().all(|one| !one.id.starts_with("redis-")));
    redis.ask(&[b"CONFIG", b"SET", b"maxmemory-policy", b"allkeys-lru"]).await;
    let told = setting.expect_with("redis-evicts", LINE, KEY, &[("REDIS_URL", &url)]).await;
    assert!(told.found.contains("allkeys-lru"), "{}", told.found);
}

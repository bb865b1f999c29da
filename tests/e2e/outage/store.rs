//! The outage table: the Redis in which the embedded authorization server keeps its state. Tokens that were issued go on.

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    task::JoinSet,
    time::{Duration, Instant, sleep},
};

use super::{RECOVERS, is_well, say_loudly, until_readyz};
use crate::e2e::world::{Ask, Plan, Redis, Reply, World};

mod relay;

use relay::{Mode, Relay};

const SECRET: &str = "bW9yZS10aGFuLXRoaXJ0eS10d28tYnl0ZXMtb2YtcmFuZG9t";
const PASSWORD: &str = "a-password-of-redis";

/// What happens between the gateway and Redis, and what the token endpoint answers meanwhile.
struct Row {
    failure: &'static str,
    mode: Mode,
    issues: u16,
}

const TABLE: &[Row] = &[
    Row { failure: "refuses", mode: Mode::Refuse, issues: 503 },
    Row { failure: "hangs", mode: Mode::Hang, issues: 503 },
    Row { failure: "is slow", mode: Mode::Slow, issues: 200 },
    Row { failure: "truncates", mode: Mode::Truncate, issues: 503 },
    Row { failure: "lies: not its protocol", mode: Mode::Lie("HTTP/1.1 200 OK\r\n\r\n"), issues: 503 },
    Row {
        failure: "lies: of another type",
        mode: Mode::Lie("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        issues: 503,
    },
    Row { failure: "lies: still loading", mode: Mode::Lie("-LOADING Redis is loading the dataset\r\n"), issues: 503 },
    Row {
        failure: "lies: a replica",
        mode: Mode::Lie("-READONLY You can't write against a replica.\r\n"),
        issues: 503,
    },
];

fn plan(port: u16, database: usize) -> Plan {
    let own = "  own:\n    embedded:\n      path: /oauth\n      login: {accounts: accounts.yaml}\n      \
               clients: [{id: batch, secret: env:CLIENT_SECRET, grant_types: [client_credentials]}]\n      \
               grants: [{clients: [batch], scopes: [\"mcp:*\"]}]\n      store: {redis: env:REDIS_URL}\n";
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Rdescudvoc7LkZnQF2NNsUmkZrBLLpb6QXV1P8UYJ/U";
    Plan::standard()
        .issuers(own)
        .file("accounts.yaml", &format!("accounts:\n  - {{name: ada, password: \"{hash}\"}}\n"))
        .top("session_keys: [\"env:SESSION_KEY\"]")
        .environment("SESSION_KEY", &"k".repeat(48))
        .environment("CLIENT_SECRET", SECRET)
        .environment("REDIS_URL", &format!("redis://:{PASSWORD}@127.0.0.1:{port}/{database}"))
}

fn issuing(world: &World) -> Ask {
    let resource = world.resource().replace(':', "%3A").replace('/', "%2F");
    Ask::post("/oauth/token", format!("grant_type=client_credentials&scope=mcp%3Aconnect&resource={resource}"))
        .set("Content-Type", "application/x-www-form-urlencoded")
        .set("Authorization", format!("Basic {}", STANDARD.encode(format!("batch:{SECRET}"))))
}

fn token_of(world: &World, reply: &Reply) -> String {
    let token = reply.json()["access_token"].as_str().unwrap_or_else(|| panic!("no token: {reply:?}")).to_owned();
    world.issued(&token);
    token
}

async fn issued_in_the_end(world: &World, what: &str) -> String {
    let deadline = Instant::now() + RECOVERS;
    loop {
        let reply = world.send(&issuing(world)).await;
        if reply.status == 200 {
            return token_of(world, &reply);
        }
        assert!(Instant::now() < deadline, "{what}: {reply:?}\n{}", world.gateway.tail());
        sleep(Duration::from_millis(50)).await;
    }
}

async fn started() -> Option<Redis> {
    let redis = Redis::start(PASSWORD).await;
    if redis.is_none() {
        say_loudly("redis-server is not installed: the outages of Redis are NOT tested");
    }
    redis
}

/// A gateway that reaches a database of Redis through a relay.
async fn begun(redis: u16, database: usize) -> (Relay, World) {
    let relay = Relay::start(redis).await;
    let world = plan(relay.port, database).start().await;
    world.secret(SECRET);
    world.secret(PASSWORD);
    until_readyz(&world, "the start", is_well).await;
    (relay, world)
}

#[tokio::test]
async fn outage_store_fails() {
    let Some(redis) = started().await else { return };
    let mut rows = JoinSet::new();
    for (number, row) in TABLE.iter().enumerate() {
        rows.spawn(fails_and_recovers(redis.port, number, row));
    }
    while let Some(row) = rows.join_next().await {
        row.unwrap();
    }
}

async fn fails_and_recovers(redis: u16, number: usize, row: &'static Row) {
    let Row { failure, mode, issues } = row;
    let (relay, world) = begun(redis, number).await;
    let known = issued_in_the_end(&world, failure).await;
    assert_eq!(world.send(&super::ask(&known)).await.status, 200);
    // Issued before, and never shown until now.
    let new = issued_in_the_end(&world, failure).await;
    relay.set(*mode);
    let reply = world.send(&issuing(&world)).await;
    assert_eq!(reply.status, *issues, "{failure}: {reply:?}");
    if *issues == 200 {
        token_of(&world, &reply);
    } else {
        assert!(reply.header("www-authenticate").is_none(), "{failure}: {reply:?}");
        until_readyz(&world, failure, |ready| {
            ready.status == 200 && ready.json()["notes"].to_string().contains("authorization server own")
        })
        .await;
    }
    for token in [&known, &new] {
        assert_eq!(world.send(&super::ask(token)).await.status, 200, "{failure}: what was issued goes on");
    }
    assert_eq!(world.send(&Ask::get("/oauth/jwks")).await.status, 200, "{failure}: keys are published");

    relay.set(Mode::Pass);
    issued_in_the_end(&world, failure).await;
    until_readyz(&world, failure, is_well).await;
    world.close().await;
}

#[tokio::test]
async fn outage_store_flaps() {
    let Some(redis) = started().await else { return };
    let (relay, world) = begun(redis.port, 0).await;
    let known = super::ask(&issued_in_the_end(&world, "the start").await);
    for cycle in 0..6 {
        relay.set(if cycle % 2 == 0 { Mode::Refuse } else { Mode::Pass });
        for _ in 0..5 {
            let reply = world.send(&issuing(&world)).await;
            match reply.status {
                200 => drop(token_of(&world, &reply)),
                status => assert_eq!(status, 503, "{reply:?}"),
            }
            assert_eq!(world.send(&known).await.status, 200);
        }
    }
    relay.set(Mode::Pass);
    issued_in_the_end(&world, "flaps").await;
    until_readyz(&world, "flaps", is_well).await;
    world.close().await;
}

#[tokio::test]
async fn outage_store_refuses_at_the_start() {
    let Some(redis) = started().await else { return };
    let relay = Relay::start(redis.port).await;
    relay.set(Mode::Refuse);
    let world = plan(relay.port, 0).start().await;
    world.secret(SECRET);
    world.secret(PASSWORD);
    until_readyz(&world, "no keys", |ready| ready.status == 503 && ready.text().contains("own")).await;
    assert_eq!(world.send(&issuing(&world)).await.status, 503);
    assert_eq!(world.admin("/healthz").await.status, 200, "alive is not ready");
    relay.set(Mode::Pass);
    let token = issued_in_the_end(&world, "the start").await;
    super::until_status(&world, &super::ask(&token), 200, "the start").await;
    until_readyz(&world, "the start", is_well).await;
    world.close().await;
}

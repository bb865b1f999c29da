//! Are keys fetched once, kept in bad times, given up when they are withdrawn, and never fetched as often as invented keys ask for it (SPEC B-41…B-45)?

use std::sync::Arc;

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Duration, Instant, sleep},
};

use super::world::{
    Ask, Plan, Reply, Step, Want, World, call,
    issuer::{self, JWKS_PATH},
    key::{Alg, HOUSE, OTHER},
    row, server,
};

async fn try_token(world: &World, token: &str) -> Reply {
    world.send(&Ask::post("/mcp", call("safe")).token(token)).await
}

#[tokio::test]
async fn b41_metadata_of_another_issuer_and_redirects_are_not_followed() {
    // The other issuer's server plays the place that must never be asked.
    let trap = server::Upstream::start(None).await;
    let trap_url = trap.url();
    let world = World::standard().await;
    world.until_ready().await;
    world.issuer.server().answer_with(move |seen| match seen.target.as_str() {
        JWKS_PATH => server::full(302, &[("Location", &format!("{trap_url}/keys"))], ""),
        _ => server::full(
            200,
            &[("Content-Type", "application/json")],
            r#"{"issuer":"https://evil.example","jwks_uri":"http://169.254.169.254/"}"#,
        ),
    });
    let unknown = world.mint().head("kid", json!("new")).token();
    let reply = try_token(&world, &unknown).await;
    assert!(matches!(reply.status, 401 | 503), "{reply:?}");
    assert_eq!(trap.count(), 0, "the redirect was followed");
    assert_eq!(try_token(&world, &world.token()).await.status, 200, "the last good keys stay");
    world.close().await;
}

#[tokio::test]
async fn b42_many_callers_cause_one_fetch() {
    let world = World::standard().await;
    let ask = Ask::post("/mcp", call("safe"));
    let rows: Vec<_> = (0..50)
        .map(|n| {
            row(
                format!("{n}"),
                ask.clone().token(&world.mint().claim("jti", json!(n.to_string())).token()),
                Want::Passes,
            )
        })
        .collect();
    world.verdicts(rows).await;
    assert_eq!(world.issuer.key_fetches(), 1);
    world.close().await;
}

#[tokio::test]
async fn b43_a39_attack_075_ten_thousand_requests_with_unknown_kids_cause_six_fetches_a_floor() {
    const CONNECTIONS: usize = 500;
    const EACH: usize = 20;
    let issuers = "  house: {issuer: \"@ISSUER@\", refetch_floor: 1s}\n";
    let world = Arc::new(Plan::standard().issuers(issuers).start().await);
    let known = world.token();
    assert_eq!(try_token(&world, &known).await.status, 200);
    let (before, started) = (world.issuer.key_fetches(), Instant::now());
    let mut clients = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let world = Arc::clone(&world);
        clients.spawn(async move {
            let mut live = world.connect().await;
            for number in 0..EACH {
                let kid = format!("random-{}", (connection * EACH + number) % 1_000);
                let token = world.mint().head("kid", json!(kid)).token();
                let ask = Ask::post("/mcp", call("safe")).token(&token).with("Connection", "keep-alive");
                live.write(&ask.bytes(&world.authority)).await;
                assert_eq!(live.head(false).await, 401);
                assert_eq!(live.rest_of().await.reason(), "token_unknown_key");
            }
        });
    }
    clients.join_all().await;
    let (fetches, seconds) = (world.issuer.key_fetches() - before, started.elapsed().as_secs_f64());
    assert!(fetches as f64 <= 6.0 * seconds + 1.0, "{fetches} fetches in {seconds} s");
    let world = Arc::into_inner(world).unwrap();

    // The issuer goes away: what is known keeps working, what is unknown is not the caller's fault.
    world.issuer.server().stop();
    assert_eq!(try_token(&world, &known).await.status, 200);
    assert_eq!(
        try_token(&world, &world.mint().claim("jti", json!("new")).token()).await.status,
        200,
        "known key, new token"
    );
    world.close().await;
}

#[tokio::test]
async fn b44_a39_an_unknown_kid_while_the_issuer_is_away_is_503() {
    let issuers = "  house: {issuer: \"@ISSUER@\", refetch_floor: 1s}\n";
    let world = Plan::standard().issuers(issuers).start().await;
    let known = world.token();
    assert_eq!(try_token(&world, &known).await.status, 200);
    world.issuer.server().stop();
    let unknown = || world.mint().by(&OTHER).head("kid", json!("rotated")).token();
    let reply = eventually(&world, &unknown(), 503).await;
    let seconds: u64 = reply.header("retry-after").expect("Retry-After").parse().unwrap();
    assert!((1..=3600).contains(&seconds));
    assert!(reply.header("www-authenticate").is_none());
    assert_eq!(reply.code(), Some(-32603));
    assert_eq!(try_token(&world, &known).await.status, 200, "known tokens keep working");
    assert_eq!(try_token(&world, &world.mint().alg(Alg::Rs256).token()).await.status, 200, "and known keys");

    world.issuer.server().resume().await;
    let mut keys = issuer::house_key_set();
    keys["keys"].as_array_mut().unwrap().push(OTHER.jwk(Alg::Es256, "rotated"));
    world.issuer.publish(keys);
    eventually(&world, &unknown(), 200).await;
    world.close().await;
}

#[tokio::test]
async fn b31_b44_attack_089_092_useless_keys_are_skipped_and_withdrawn_keys_stop() {
    let issuers = "  house: {issuer: \"@ISSUER@\", refetch_floor: 1s}\n";
    let world = Plan::standard().issuers(issuers).start().await;
    let old = world.token();
    assert_eq!(try_token(&world, &old).await.status, 200);
    let mut encrypts = OTHER.jwk(Alg::Rs256, "enc");
    encrypts["use"] = json!("enc");
    let mut wraps = OTHER.jwk(Alg::Es256, "wraps");
    wraps.as_object_mut().unwrap().remove("use");
    wraps["key_ops"] = json!(["deriveBits"]);
    let keys = json!({"keys": [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct", "alg": "HS256"},
        {"kty": "RSA", "kid": "broken"},
        {"kty": "unheard-of", "kid": "odd"},
        encrypts, wraps,
        OTHER.jwk(Alg::EdDsa, "fresh"),
    ]});
    world.issuer.publish(keys);
    let fresh = world.mint().by(&OTHER).alg(Alg::EdDsa).head("kid", json!("fresh")).token();
    eventually(&world, &fresh, 200).await;
    // What that `oct` key signs: its `k` is "secret".
    let hs256 = world.mint().head("alg", json!("HS256")).head("kid", json!("oct"));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"secret"), hs256.input().as_bytes());
    let symmetric = hs256.token_signed(tag.as_ref());
    for (name, token) in [
        ("089 the withdrawn key", old),
        ("089 the withdrawn key, a new token", world.mint().claim("jti", json!("x")).token()),
        ("092 a key for encryption", world.mint().by(&OTHER).alg(Alg::Rs256).head("kid", json!("enc")).token()),
        ("092 a key for agreement", world.mint().by(&OTHER).head("kid", json!("wraps")).token()),
        ("092 a symmetric key", symmetric),
    ] {
        assert_eq!(try_token(&world, &token).await.status, 401, "{name}");
    }
    world.close().await;
}

#[tokio::test]
async fn attack_071_keys_that_a_token_brings_are_neither_fetched_nor_used() {
    // It has the keys that these tokens are signed with, and would prove each of them.
    let trap = server::Upstream::start(None).await;
    let keys = issuer::key_set(&OTHER).to_string();
    trap.answer_with(move |_| server::json(200, &keys));
    let world = World::standard().await;
    world.until_ready().await;
    let ask = |name: &str, value: Value| {
        Ask::post("/mcp", call("safe")).token(&world.mint().by(&OTHER).head(name, value).token())
    };
    let at = |path: &str| json!(format!("{}{path}", trap.url()));
    world
        .verdicts(vec![
            row("jku", ask("jku", at("/keys")), Want::Status(401)),
            row("x5u", ask("x5u", at("/certificate")), Want::Status(401)),
            row("jwk", ask("jwk", OTHER.jwk(Alg::Es256, "es")), Want::Status(401)),
            row("x5c", ask("x5c", json!([OTHER.certificate()])), Want::Status(401)),
            row("a kid that is a URL", ask("kid", at("/keys")), Want::Status(401)),
        ])
        .await;
    assert_eq!(trap.connections(), 0);
    world.close().await;
}

#[tokio::test]
async fn b11_attack_079_keys_of_one_issuer_never_serve_another() {
    let other = issuer::Issuer::start(&OTHER, Arc::default()).await;
    let issuers = format!("  house: {{issuer: \"@ISSUER@\"}}\n  other: {{issuer: \"{}\"}}\n", other.url());
    let world = Plan::standard().issuers(&issuers).start().await;
    let ask = |token: &str| Ask::post("/mcp", call("safe")).token(token);
    let theirs = world.mint().claim("iss", json!(other.url())).by(&OTHER);
    world
        .verdicts(vec![
            row("the house's own", ask(&world.token()), Want::Passes),
            row("the other's own", ask(&theirs.token()), Want::Passes),
            row("the other's key, the house's name", ask(&world.mint().by(&OTHER).token()), Want::Status(401)),
            row("the house's key, the other's name", ask(&theirs.by(&HOUSE).token()), Want::Status(401)),
        ])
        .await;
    world.close().await;
}

#[tokio::test]
async fn b45_readiness_waits_for_keys_and_names_what_it_waits_for() {
    let world = World::standard().await;
    let ready = world.until_ready().await;
    assert_eq!(ready.json()["ready"], json!(true));
    assert_eq!(world.admin("/healthz").await.status, 200);
    world.close().await;

    let dead = server::Upstream::start(None).await;
    dead.stop();
    let issuers = format!("  house: {{issuer: \"{}\"}}\n", dead.url());
    let world = Plan::standard().issuers(&issuers).start().await;
    let unready = world.admin("/readyz").await;
    assert_eq!(unready.status, 503, "{unready:?}");
    assert_eq!(unready.json()["ready"], json!(false));
    assert!(unready.json()["reasons"].to_string().contains("house"), "{unready:?}");
    assert_eq!(world.admin("/healthz").await.status, 200, "alive is not ready");
    let token = world.mint().claim("iss", json!(dead.url())).token();
    let reply = try_token(&world, &token).await;
    assert_eq!(reply.status, 503, "a39: {reply:?}");
    assert!(reply.header("retry-after").is_some());
    world.close().await;
}

#[tokio::test]
async fn b41_endless_and_slow_key_sets_are_cut_off() {
    let world = World::standard().await;
    world.until_ready().await;
    world.issuer.server().answer_with(|seen| match seen.target.as_str() {
        JWKS_PATH => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
            vec![Step::Send(head.into()), Step::Flood(format!("10000\r\n{}\r\n", " ".repeat(0x10000)).into(), 1000)]
        }
        _ => server::json(404, "{}"),
    });
    let started = Instant::now();
    let reply = try_token(&world, &world.mint().head("kid", json!("unknown")).token()).await;
    assert!(matches!(reply.status, 401 | 503), "{reply:?}");
    assert!(started.elapsed() < Duration::from_secs(10), "bounded");
    assert_eq!(try_token(&world, &world.token()).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn keys_from_a_file_and_from_a_url() {
    let keys = issuer::house_key_set().to_string();
    for source in ["{file: keys.json}", "{url: \"@ISSUER@/keys\"}"] {
        let issuers = format!("  house: {{issuer: \"@ISSUER@\", jwks: {source}}}\n");
        let world = Plan::standard().issuers(&issuers).file("keys.json", &keys).start().await;
        assert_eq!(try_token(&world, &world.token()).await.status, 200, "{source}");
        assert_eq!(try_token(&world, &world.mint().by(&OTHER).token()).await.status, 401, "{source}");
        world.close().await;
    }
}

/// Asks until this status comes: the refetch floor has to pass first.
async fn eventually(world: &World, token: &str, status: u16) -> Reply {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let reply = try_token(world, token).await;
        if reply.status == status {
            return reply;
        }
        assert!(Instant::now() < deadline, "{status} never came: {reply:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

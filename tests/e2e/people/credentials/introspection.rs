//! Opaque tokens: which token goes to introspection, what its answer opens, and how long it counts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    sync::Semaphore,
    time::{Duration, Instant, sleep},
};

use crate::e2e::world::{
    Ask, Plan, Reply, Seen, Step, Want, World, call,
    key::OTHER,
    row,
    server::{self, chunk, sse_head},
    token::now,
};

pub(super) const SECRET: &str = "introspection-secret-of-the-gateway";

/// What the issuer says about each token, which a test may change.
pub(super) type Said = Arc<Mutex<HashMap<String, Value>>>;

pub(super) fn plan(cache: &str, more: &str) -> Plan {
    Plan::standard()
        .issuers(&format!(
            "  house:\n    issuer: \"@ISSUER@\"\n    token_types: [at+jwt, JWT]\n    introspection: {{client_id: gw, client_secret: \
             env:INTROSPECTION, cache: {cache}{more}}}\n"
        ))
        .environment("INTROSPECTION", SECRET)
}

/// Lets the issuer answer by a table.
pub(super) fn table(world: &World) -> Said {
    let said = Said::default();
    let table = Arc::clone(&said);
    world.secret(SECRET);
    world.issuer.introspect(move |seen| {
        let answer = table.lock().unwrap().get(&token_of(seen)).cloned();
        server::json(200, answer.unwrap_or_else(|| json!({"active": false})).to_string())
    });
    said
}

/// The token in an introspection request.
pub(super) fn token_of(seen: &Seen) -> String {
    let body = String::from_utf8(seen.body.clone()).unwrap();
    let parameter = body.split('&').find_map(|parameter| parameter.strip_prefix("token="));
    parameter.expect("a token").to_owned()
}

/// An active answer for the standard server.
pub(super) fn active(world: &World) -> Value {
    json!({
        "active": true, "sub": "alice", "client_id": "client-1", "aud": world.resource(), "scope": "mcp:connect",
        "exp": now() + 900, "token_type": "Bearer",
    })
}

pub(super) fn with(mut answer: Value, name: &str, value: Value) -> Value {
    answer[name] = value;
    answer
}

pub(super) fn say(said: &Said, token: &str, answer: Value) {
    said.lock().unwrap().insert(token.to_owned(), answer);
}

pub(super) async fn try_token(world: &World, token: &str) -> Reply {
    world.send(&Ask::post("/mcp", call("safe")).token(token)).await
}

#[tokio::test]
async fn b55_people_a10_an_active_opaque_token_has_the_checks_of_a_jwt() {
    let world = plan("30s", "").start().await;
    let said = table(&world);
    let answers = [
        ("opaque-good", active(&world)),
        ("opaque-danger", with(active(&world), "scope", json!("mcp:connect mcp:danger"))),
        ("opaque-elsewhere", with(active(&world), "aud", json!("https://other.example/mcp"))),
        ("opaque-nowhere", with(active(&world), "aud", Value::Null)),
        ("opaque-old", with(active(&world), "exp", json!(now() - 600))),
        ("opaque-early", with(active(&world), "nbf", json!(now() + 600))),
        ("opaque-bound", with(active(&world), "cnf", json!({"jkt": "x"}))),
        ("opaque-other-issuer", with(active(&world), "iss", json!("https://other.example"))),
    ];
    for (token, answer) in answers {
        say(&said, token, answer);
    }
    let ask = |token: &str, tool: &str| Ask::post("/mcp", call(tool)).token(token);
    world
        .verdicts(vec![
            row("active", ask("opaque-good", "safe"), Want::Passes),
            row("its scopes are too few", ask("opaque-good", "danger"), Want::Status(403)),
            row("its scopes are enough", ask("opaque-danger", "danger"), Want::Passes),
            row("for another resource", ask("opaque-elsewhere", "safe"), Want::Status(401)),
            row("without an audience", ask("opaque-nowhere", "safe"), Want::Status(401)),
            row("over", ask("opaque-old", "safe"), Want::Status(401)),
            row("not yet valid", ask("opaque-early", "safe"), Want::Status(401)),
            row("bound to a key", ask("opaque-bound", "safe"), Want::Status(401)),
            row("of another issuer", ask("opaque-other-issuer", "safe"), Want::Status(401)),
            row("not active", ask("opaque-unknown", "safe"), Want::Status(401)),
            row("a JWT", ask(&world.token(), "safe"), Want::Passes),
        ])
        .await;
    assert_eq!(try_token(&world, "opaque-unknown").await.reason(), "token_inactive");
    let asked: Vec<Seen> =
        world.issuer.server().take().into_iter().filter(|seen| seen.target == "/introspect").collect();
    assert_eq!(asked.len(), 9, "each token once, and no JWT");
    let seen = &asked[0];
    assert_eq!(
        (seen.method.as_str(), seen.header("content-type")),
        ("POST", Some("application/x-www-form-urlencoded"))
    );
    assert!(seen.header("authorization").is_some_and(|value| value.starts_with("Basic ")));
    assert!(String::from_utf8_lossy(&seen.body).contains("token_type_hint=access_token"));
    let metrics = world.admin("/metrics").await.text();
    assert!(metrics.contains("portcullis_introspections_total{issuer=\"house\",result=\"active\"}"), "{metrics}");
    world.close().await;
}

#[tokio::test]
async fn b58_people_a10_a_token_goes_to_one_place_by_its_form_alone() {
    let world = plan("30s", "").start().await;
    let said = table(&world);
    assert_eq!(try_token(&world, &world.token()).await.status, 200);
    let foreign = world.mint().claim("iss", json!("https://elsewhere.example")).token();
    let (header, claims) = world.mint().texts();
    let tokens = [
        ("a JWT that the issuer did not sign", world.mint().by(&OTHER).token(), 401, 0),
        ("without a signature", world.mint().token_signed(b""), 401, 0),
        (
            "an algorithm that is not accepted",
            world.mint().token_of(&header.replace("ES256", "HS256"), &claims),
            401,
            0,
        ),
        ("a header that is refused", world.mint().head("jku", json!("https://evil.example")).token(), 401, 0),
        ("a JWT of an issuer that is not configured", foreign.clone(), 200, 1),
        ("a JWT whose claims are not JSON", world.mint().token_of(&header, "{"), 401, 1),
        ("four parts", format!("{}.x", world.token()), 401, 1),
    ];
    say(&said, &foreign, active(&world));
    for (name, token, status, asked) in tokens {
        let before = world.issuer.introspections();
        let reply = try_token(&world, &token).await;
        assert_eq!((reply.status, world.issuer.introspections() - before), (status, asked), "{name}: {reply:?}");
    }
    world.close().await;

    // An issuer that signs nothing: what looks like its JWT is introspected, and no keys are fetched.
    let world = plan("30s", ", only: true").start().await;
    world.until_ready().await;
    let said = table(&world);
    let token = world.token();
    say(&said, &token, active(&world));
    assert_eq!(try_token(&world, &token).await.status, 200);
    assert_eq!(try_token(&world, &world.mint().claim("jti", json!("2")).token()).await.status, 401);
    assert_eq!((world.issuer.introspections(), world.issuer.key_fetches()), (2, 0));
    world.close().await;
}

#[tokio::test]
async fn b56_people_a10_requests_with_one_token_share_one_question() {
    let world = plan("30s", "").start().await;
    let said = table(&world);
    say(&said, "opaque-shared", active(&world));
    let answer = active(&world).to_string();
    world
        .issuer
        .introspect(move |_| [vec![Step::Pause(Duration::from_millis(200))], server::json(200, &answer)].concat());
    let ask = Ask::post("/mcp", call("safe")).token("opaque-shared");
    for live in world.begin(&ask, 30).await {
        let mut live = live;
        assert_eq!(live.head(false).await, 200);
        live.rest().await;
    }
    assert_eq!(world.issuer.introspections(), 1);
    world.close().await;
}

#[tokio::test]
async fn b57_people_a10_an_issuer_that_does_not_answer_is_503_and_is_left_alone() {
    let world = plan("2s", "").start().await;
    let said = table(&world);
    for token in ["opaque-1", "opaque-2"] {
        say(&said, token, active(&world));
    }
    assert_eq!(try_token(&world, "opaque-1").await.status, 200);
    world.issuer.server().stop();
    assert_eq!(try_token(&world, "opaque-1").await.status, 200, "remembered");
    for _ in 0..6 {
        let reply = try_token(&world, "opaque-2").await;
        assert_eq!((reply.status, reply.reason().as_str()), (503, "introspection_unavailable"));
        assert!(reply.header("retry-after").is_some() && reply.header("www-authenticate").is_none());
    }
    world
        .gateway
        .line(|line| line.contains("introspection fails: opaque tokens that are not remembered get 503"))
        .await;
    let notes = world.admin("/readyz").await.json()["notes"].to_string();
    assert!(notes.contains("introspection fails"), "{notes}");
    until(&world, "opaque-1", 503).await;
    world.issuer.server().resume().await;
    until(&world, "opaque-2", 200).await;
    world.gateway.line(|line| line.contains("introspection works again")).await;
    world.close().await;
}

/// Tries until the answer has this status.
pub(super) async fn until(world: &World, token: &str, status: u16) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let reply = try_token(world, token).await;
        if reply.status == status {
            return;
        }
        assert!(Instant::now() < deadline, "{status} never came: {reply:?}\n{}", world.gateway.tail());
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn people_a10_p7_b24_an_open_stream_is_introspected_again_each_period() {
    let world = plan("1s", "").start().await;
    let said = table(&world);
    for token in ["opaque-ends", "opaque-stays"] {
        say(&said, token, active(&world));
    }
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        vec![sse_head(&[]), chunk("data: one\n\n"), Step::Await(Arc::clone(&held)), chunk("data: two\n\n"), Step::Hang]
    });
    let stream = |token: &str| Ask::get("/mcp").with("Accept", "text/event-stream").token(token);
    let mut ending = world.open(&stream("opaque-ends")).await;
    let mut staying = world.open(&stream("opaque-stays")).await;
    ending.until("one").await;
    staying.until("one").await;
    let before = world.issuer.introspections();
    let deadline = Instant::now() + Duration::from_secs(15);
    while world.issuer.introspections() < before + 4 {
        assert!(Instant::now() < deadline, "not asked again");
        sleep(Duration::from_millis(50)).await;
    }
    say(&said, "opaque-ends", json!({"active": false}));
    let ended = ending.rest().await;
    assert!(!ended.text().contains("two"), "{ended:?}");
    gate.add_permits(2);
    staying.until("two").await;
    // A token that may no longer connect ends its stream, too.
    say(&said, "opaque-stays", with(active(&world), "scope", json!("other")));
    staying.rest().await;
    world.close().await;
}

#[tokio::test]
async fn people_a10_what_the_operator_must_know_is_told() {
    let two = "  house: {issuer: \"@ISSUER@\", introspection: {client_id: gw, client_secret: env:INTROSPECTION}}\n  \
               other: {issuer: \"https://other.example\", introspection: {client_id: gw, client_secret: env:INTROSPECTION}}\n";
    let refused = plan("30s", "").issuers(two).try_start().await.err().expect("two are a start error");
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.output.contains("servers.main.authorization_servers: found two with `introspection`"),
        "{}",
        refused.output
    );

    // The endpoint does not accept the gateway's own credential: that is not the caller's fault.
    let world = plan("30s", "").start().await;
    world.secret(SECRET);
    world.issuer.introspect(|_| server::json(401, r#"{"error":"invalid_client"}"#));
    assert_eq!(try_token(&world, "opaque-1").await.status, 503);
    world.gateway.line(|line| line.contains("check `client_id` and `client_secret`")).await;
    world.close().await;
}

#[tokio::test]
async fn people_a10_a2_the_rules_for_jwts_of_an_issuer_hold_for_its_opaque_tokens() {
    let issuers = "  house:\n    issuer: \"@ISSUER@\"\n    profile: keycloak\n    client_ids: [client-1]\n    required_claims: {org: [acme]}\n    \
                   subject_claims: [sub, client_id]\n    introspection: {client_id: gw, client_secret: env:INTROSPECTION}\n";
    let world = plan("30s", "").issuers(issuers).start().await;
    let said = table(&world);
    let mut good = with(active(&world), "org", json!("acme"));
    good.as_object_mut().unwrap().remove("aud");
    let mut nameless = good.clone();
    nameless.as_object_mut().unwrap().remove("sub");
    for (token, answer) in [
        ("opaque-client", good.clone()),
        ("opaque-machine", nameless),
        ("opaque-other-client", with(good.clone(), "client_id", json!("client-2"))),
        ("opaque-other-org", with(good.clone(), "org", json!("evil"))),
        ("opaque-elsewhere", with(good.clone(), "aud", json!("https://other.example"))),
        ("opaque-refresh", with(good, "typ", json!("Refresh"))),
    ] {
        say(&said, token, answer);
    }
    let ask = |token: &str| Ask::post("/mcp", call("safe")).token(token);
    world
        .verdicts(vec![
            row("of a listed client, without aud", ask("opaque-client"), Want::Passes),
            row("named by its client", ask("opaque-machine"), Want::Passes),
            row("of another client", ask("opaque-other-client"), Want::Status(401)),
            row("of another organization", ask("opaque-other-org"), Want::Status(401)),
            row("for another resource", ask("opaque-elsewhere"), Want::Status(401)),
            row("a refresh token", ask("opaque-refresh"), Want::Status(401)),
        ])
        .await;
    world.close().await;
}

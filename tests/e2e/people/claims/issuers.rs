//! Issuers with several spellings, and metadata that names another issuer (A7).

use serde_json::{Value, json};

use super::{ask, shaped};
use crate::e2e::world::{
    Ask, Plan, Step, Want, World, call, issuer::METADATA_PATHS, request, row, server, server::full, token::Mint,
};

const OPEN: &str = r#"
  main:
    path: /mcp
    upstream: {url: "@UPSTREAM@/inner/mcp"}
    audiences: [res_42]
    rules: [{tools: [safe], scopes: ["tools:read"]}]
"#;

/// Scalekit: metadata of the resource, tokens of the environment, scopes in `scopes`.
#[tokio::test]
async fn people_a7_one_entry_is_enough_for_an_issuer_with_two_spellings() {
    let issuers =
        "  house: {issuer: \"@ISSUER@\", profile: scalekit, accepted_issuers: [\"https://env.scalekit.example\"]}\n";
    let world = Plan::standard().servers(OPEN).issuers(issuers).start().await;
    let of = |iss: &str| {
        let claims =
            json!({"sub": "usr_1", "aud": ["res_42"], "client_id": "skc_1", "scopes": ["tools:read"], "oid": "org_1"});
        shaped(&world, Some("JWT"), &claims).claim("iss", json!(iss))
    };
    let own = world.issuer.url();
    world
        .verdicts(vec![
            row("as the metadata says", ask(&of(&own)), Want::Passes),
            row("as its tokens say", ask(&of("https://env.scalekit.example")), Want::Passes),
            row("235 another path", ask(&of("https://env.scalekit.example/")), Want::Status(401)),
            row("235 another path of it", ask(&of("https://env.scalekit.example/resources/res_1")), Want::Status(401)),
            row("235 another case", ask(&of("https://ENV.scalekit.example")), Want::Status(401)),
            row("235 without the scheme", ask(&of("env.scalekit.example")), Want::Status(401)),
        ])
        .await;
    assert_eq!(world.issuer.key_fetches(), 1, "they share one key set");
    let published = world.send(&Ask::get("/.well-known/oauth-protected-resource/mcp")).await.json();
    assert_eq!(published["authorization_servers"], json!([own]), "the other spelling is not published");
    world.close().await;
}

/// The issuer migrates from one spelling to the other: its users stay who they are.
#[tokio::test]
async fn people_a7_a_caller_is_the_same_in_each_spelling() {
    let issuers = "  house: {issuer: \"@ISSUER@\", accepted_issuers: [\"https://old.example\"]}\n";
    let world = Plan::standard().issuers(issuers).start().await;
    world.upstream.answer_with(|_| -> Vec<Step> {
        full(
            200,
            &[("Content-Type", "application/json"), ("Mcp-Session-Id", "s-1")],
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        )
    });
    let [old, new] =
        ["https://old.example", &world.issuer.url()].map(|iss| world.mint().claim("iss", json!(iss)).token());
    let begun = Ask::post("/mcp", request("initialize", r#"{"protocolVersion":"2025-06-18"}"#)).token(&old);
    let session = world.send(&begun).await.header("Mcp-Session-Id").unwrap().to_owned();
    let again = Ask::post("/mcp", call("safe")).token(&new).with("Mcp-Session-Id", &session);
    assert_eq!(world.send(&again).await.status, 200);
    world.close().await;
}

/// Two entries of one issuer would let an attacker choose the weaker one.
#[tokio::test]
async fn people_a7_attack_235_an_issuer_is_in_one_entry_only() {
    for issuers in [
        "  house: {issuer: \"@ISSUER@\", accepted_issuers: [\"https://b.example\"]}\n  other: {issuer: \"https://b.example\"}\n",
        "  house: {issuer: \"@ISSUER@\", accepted_issuers: [\"@ISSUER@\"]}\n",
        "  house: {issuer: \"@ISSUER@\"}\n  other: {issuer: \"https://b.example\", accepted_issuers: [\"@ISSUER@\"]}\n",
        // The issuer of an embedded one is the address of the gateway.
        "  house: {issuer: \"@ISSUER@\", accepted_issuers: [\"@PUBLIC@/oauth\"]}\n  own: {embedded: {path: /oauth, login: {oidc: {issuer: \"https://idp.example.net\", client_id: a, client_secret: \"env:SECRET\"}}, grants: [{scopes: [a]}], store: {memory: true}}}\n",
    ] {
        let plan = Plan::standard().issuers(issuers).environment("SECRET", "a-secret-of-the-gateway");
        let ended = plan.try_start().await.err().unwrap();
        assert!(ended.output.contains("expected each issuer once"), "{}", ended.output);
    }
}

/// A key of another issuer proves nothing, also in a spelling that is accepted.
#[tokio::test]
async fn people_a7_attack_235_an_accepted_spelling_brings_no_keys() {
    let issuers = "  house: {issuer: \"@ISSUER@\", accepted_issuers: [\"https://b.example\"]}\n";
    let world = Plan::standard().issuers(issuers).start().await;
    let forged = world.mint().claim("iss", json!("https://b.example")).by(&crate::e2e::world::key::OTHER);
    world.verdicts(vec![row("235 the keys of another issuer", ask(&forged), Want::Status(401))]).await;
    world.close().await;
}

/// Serves metadata that names this issuer.
fn names(world: &World, issuer: &str) {
    let keys = format!("{}/keys", world.issuer.url());
    let document: Value = json!({"issuer": issuer, "jwks_uri": keys});
    world.issuer.server().answer_with(move |seen| {
        if METADATA_PATHS.contains(&seen.target.as_str()) {
            server::json(200, document.to_string())
        } else {
            server::json(404, "{}")
        }
    });
}

#[tokio::test]
async fn people_a7_metadata_of_another_issuer_is_told_with_the_line_to_write() {
    let issuers = "  house: {issuer: \"@ISSUER@\"}\n";
    let world = Plan::standard().issuers(issuers).start().await;
    world.until_ready().await;
    let path = world.config_path();
    let other = "https://env.scalekit.example/resources/res_1".to_owned();
    names(&world, &other);
    // A reload that changes how the issuer is reached forgets what it said.
    let yaml = std::fs::read_to_string(&path).unwrap().replace("house: {issuer:", "house: {allow_http: true, issuer:");
    std::fs::write(&path, yaml).unwrap();
    world.gateway.signal("HUP");
    let token: Mint = world.mint();
    let told = loop {
        let reply = world.send(&ask(&token)).await;
        if reply.status == 503 {
            break reply;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!((told.reason().as_str(), told.header("Retry-After").is_some()), ("other_issuer", true));
    let line = format!("must write: issuer: {other}");
    assert!(told.text().contains(&line), "{}", told.text());
    let mirror = world.send(&Ask::get("/.well-known/oauth-authorization-server")).await;
    assert!(mirror.status == 503 && mirror.text().contains(&line), "{}", mirror.text());
    let log = world.gateway.line(|line| line.contains("if this is your issuer, write issuer: ")).await;
    assert!(log.contains(&other), "{log}");
    world.close().await;
}

/// The name in the metadata is accepted already: the two change places, because each may be there once.
#[tokio::test]
async fn people_a7_a_name_that_is_accepted_already_is_told_with_both_lines() {
    let issuer = server::Upstream::start(None).await;
    let own = issuer.url();
    let document = json!({"issuer": "https://b.example", "jwks_uri": format!("{own}/keys")}).to_string();
    issuer.answer_with(move |_| server::json(200, &document));
    let yaml = format!("  house: {{issuer: \"{own}\", accepted_issuers: [\"https://b.example\"]}}\n");
    let world = Plan::standard().issuers(&yaml).start().await;
    let told = world.send(&ask(&world.mint().claim("iss", json!(own)))).await;
    assert_eq!((told.status, told.reason().as_str()), (503, "other_issuer"));
    let lines = format!("must write: issuer: https://b.example, with accepted_issuers: [{own}]");
    assert!(told.text().contains(&lines), "{}", told.text());
    world.gateway.line(|line| line.contains(&lines[12..])).await;
    world.close().await;
    // What it says to write passes the check.
    let yaml =
        format!("  house: {{issuer: https://b.example, accepted_issuers: [{own}], jwks: {{url: \"{own}/keys\"}}}}\n");
    let swapped = Plan::standard().issuers(&yaml).try_start().await;
    swapped.ok().expect("the configuration is good").close().await;
}

/// Two servers, each with an issuer of its own; the keys of both are the same.
async fn two_issuers() -> World {
    let issuers = "  house: {issuer: \"@ISSUER@\"}\n  other: {issuer: \"https://other.example\", jwks: {url: \"@ISSUER@/keys\"}}\n";
    let servers = OPEN.replace("    audiences", "    authorization_servers: [house]\n    audiences")
        + "  second: {path: /second, upstream: {url: \"@UPSTREAM@/mcp\"}, authorization_servers: [other], access: authenticated}\n";
    let world = Plan::standard().servers(&servers).issuers(issuers).start().await;
    world.until_ready().await;
    world.gateway.line(|line| line.contains("new keys") && line.contains("\"authorization_server\":\"other\"")).await;
    world
}

/// An `iss` that nearly fits is the first row of Auth0's own table.
#[tokio::test]
async fn people_a3_an_iss_that_is_refused_is_named_in_three_places() {
    let world = two_issuers().await;
    let own = world.issuer.url();
    for (iss, level, advice) in [
        (format!("{own}/"), "WARN", format!("only by the slash at its end: write {own}/")),
        (own.replace("http:", "https:"), "WARN", "only by its scheme".to_owned()),
        ("https://other.example".to_owned(), "WARN", "add its entry to authorization_servers of the server".to_owned()),
        ("https://evil.example/path?key=secret-name".to_owned(), "INFO", "add it to accepted_issuers".to_owned()),
    ] {
        let reply = world.send(&ask(&world.mint().claim("iss", json!(iss)))).await;
        assert_eq!((reply.status, reply.reason().as_str()), (401, "token_issuer"), "{iss}");
        let description = reply.challenge_parameter("error_description").unwrap();
        assert!(description.ends_with("its iss is absent or names another issuer"), "{description}");
        world
            .gateway
            .line(|line| line.contains("\"audit\"") && line.contains("\"token_issuer\",\"claim\":\"iss\""))
            .await;
        let line = world.gateway.line(|line| line.contains("its iss is not an issuer") && line.contains(&advice)).await;
        assert!(line.contains(level) && line.contains("\"server\":\"main\""), "{line}");
    }
    let expired = world.send(&ask(&world.mint().claim("exp", json!(1)))).await;
    assert_eq!((expired.status, expired.reason().as_str()), (401, "token_expired"));
    world.gateway.line(|line| line.contains("\"token_expired\",\"claim\":\"exp\"")).await;
    let found = "\"found\":\"iss https://evil.example/path\"";
    world.gateway.line(|line| line.contains("INFO") && line.contains(found)).await;
    assert!(!world.gateway.output().contains("secret-name"), "no query is logged");
    world.close().await;
}

/// Anyone can write any `iss`: only a signature of the issuer makes the advice one to follow.
#[tokio::test]
async fn people_a3_a_forged_token_with_a_nearly_right_iss_brings_no_warning() {
    let world = two_issuers().await;
    let own = world.issuer.url();
    let cases = [
        (format!("{own}/"), "only by the slash"),
        (own.replace("http:", "https:"), "only by its scheme"),
        ("https://other.example".to_owned(), "it is https://other.example"),
    ];
    for (iss, advice) in &cases {
        let forged = world.mint().claim("iss", json!(iss)).by(&crate::e2e::world::key::OTHER);
        assert_eq!(world.send(&ask(&forged)).await.reason(), "token_issuer", "{iss}");
        let is_told = |line: &str| line.contains("its iss is not an issuer") && line.contains(advice);
        let line = world.gateway.line(is_told).await;
        assert!(line.contains("INFO") && line.contains("not verified, and anyone can send such a token"), "{line}");
    }
    let output = world.gateway.output();
    assert!(!output.lines().any(|line| line.contains("WARN") && line.contains("its iss is not")), "{output}");
    // Forged tokens do not use up the warning about a genuine one.
    for (iss, advice) in &cases {
        assert_eq!(world.send(&ask(&world.mint().claim("iss", json!(iss)))).await.reason(), "token_issuer", "{iss}");
        let is_told = |line: &str| line.contains("WARN") && line.contains("its iss is not") && line.contains(advice);
        world.gateway.line(is_told).await;
    }
    world.close().await;
}

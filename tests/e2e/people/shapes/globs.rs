//! Patterns of claims, against addresses that look alike (A5).

use serde_json::{Value, json};

use crate::e2e::{
    people::shapes::{check, run},
    world::{Ask, Plan, Want, World, call, plan::STANDARD, request, row, server},
};

const RULE: &str = "- {tools: [engineers], claims: {department: [eng]}}";

async fn world(claims: &str) -> World {
    let rule = format!("- {{tools: [engineers], claims: {claims}}}");
    Plan::standard_but(RULE, &rule).start().await
}

fn ask(world: &World, claim: &str, value: Value) -> Ask {
    Ask::post("/mcp", call("engineers")).token(&world.mint().claim(claim, value).token())
}

#[tokio::test]
async fn people_a5_a_glob_admits_the_addresses_of_a_domain() {
    let world = world("{email: {glob: \"*@example.com\"}, groups: [{glob: \"team-*\"}, admins]}").await;
    let of = |email: Value, groups: Value| {
        Ask::post("/mcp", call("engineers")).token(&world.mint().claim("email", email).claim("groups", groups).token())
    };
    let refused = Want::Error(403, 40302);
    world
        .verdicts(vec![
            row("an address", of(json!("ada@example.com"), json!(["x", "team-a"])), Want::Passes),
            row("one of several", of(json!(["ada@other.example", "ada+x@example.com"]), json!("admins")), Want::Passes),
            row("another domain", of(json!("ada@other.example"), json!("admins")), refused),
            row("another group", of(json!("ada@example.com"), json!(["teams", "admins-x"])), refused),
        ])
        .await;
    assert_eq!(check(&world).await, (Some(0), String::new()), "no warning");
    let explained = run(&world, &["explain"]).await.1;
    assert!(explained.contains("email: [{glob: \"*@example.com\"}]"), "{explained}");
    assert!(explained.contains("groups: [{glob: \"team-*\"}, \"admins\"]"), "{explained}");
    // What `explain` prints is a file that means the same.
    std::fs::write(world.folder.path().join("again.yaml"), &explained).unwrap();
    let again = world.folder.path().join("again.yaml");
    let (code, said, told) =
        crate::e2e::people::shapes::run_with(&["explain", "--config", again.to_str().unwrap()]).await;
    assert_eq!((code, said), (Some(0), explained), "{told}");
    world.close().await;
}

/// Users of many issuers type their address themselves.
#[tokio::test]
async fn people_a5_attack_297_an_address_that_the_token_calls_unverified_is_no_address() {
    for claims in ["{email: {glob: \"*@example.com\"}}", "{/email: ada@example.com}"] {
        let world = world(claims).await;
        let of = |name: &str, value: Value| {
            let token = world.mint().claim("email", json!("ada@example.com")).claim(name, value);
            Ask::post("/mcp", call("engineers")).token(&token.token())
        };
        let refused = Want::Error(403, 40302);
        world
            .verdicts(vec![
                row("nothing is said", of("department", json!("eng")), Want::Passes),
                row("verified", of("email_verified", json!(true)), Want::Passes),
                row("verified, as text", of("email_verified", json!("true")), Want::Passes),
                row("297 unverified", of("email_verified", json!(false)), refused),
                row("297 unverified, as text", of("email_verified", json!("false")), refused),
                row("verified, as .NET writes it", of("email_verified", json!("True")), Want::Passes),
                row("verified, as a number", of("email_verified", json!("1")), Want::Passes),
                row("297 something else", of("email_verified", json!(2)), refused),
                row("297 by Entra", of("xms_edov", json!(false)), refused),
            ])
            .await;
        world.close().await;
    }
    let issuers = "  house: {issuer: \"@ISSUER@\", required_claims: {email: {glob: \"*@example.com\"}}}\n";
    let world = Plan::standard().issuers(issuers).start().await;
    let of = |verified: bool| {
        let token = world.mint().claim("email", json!("ada@example.com")).claim("email_verified", json!(verified));
        Ask::post("/mcp", call("safe")).token(&token.token())
    };
    world
        .verdicts(vec![
            row("a required address", of(true), Want::Passes),
            row("297 a required address, unverified", of(false), Want::Status(401)),
        ])
        .await;
    let reply = world.send(&of(false)).await;
    assert!(reply.challenge().contains("its email_verified is absent or has another value"), "{}", reply.challenge());
    world.close().await;
}

/// To the client an unverified address is like a wrong one. The operator must be able to see why.
#[tokio::test]
async fn people_a5_an_address_that_does_not_count_is_explained_to_the_operator() {
    let rules = format!("{RULE}\n      - {{tools: [staff], claims: {{email: {{glob: \"*@example.com\"}}}}}}");
    let servers = STANDARD.replace(RULE, &rules).replace("{x-auth-subject: sub}", "{x-auth-email: email}");
    let plan = Plan::standard().servers(&servers);
    let of = |world: &World, email: &str, verified: bool| {
        world.mint().claim("email", json!(email)).claim("email_verified", json!(verified)).token()
    };
    let warned = |world: &World, part: &str| world.gateway.output().lines().filter(|line| line.contains(part)).count();
    let refused = "a rule wants an email that the caller has, but the token calls it unverified";

    let world = plan.clone().start().await;
    let other = world.send(&Ask::post("/mcp", call("staff")).token(&of(&world, "boss@else.example", false))).await;
    let line =
        world.gateway.line(|line| line.contains("\"audit\":") && line.contains("\"reason\":\"forbidden\"")).await;
    assert!(!line.contains("email_verified") && warned(&world, refused) == 0, "another address: {line}");
    let token = of(&world, "ada@example.com", false);
    for _ in 0..3 {
        let reply = world.send(&Ask::post("/mcp", call("staff")).token(&token)).await;
        assert_eq!((reply.status, reply.text()), (403, other.text()), "the client is told the same");
    }
    world.gateway.line(|line| line.contains("\"claim\":\"email_verified\"") && line.contains("\"rule\":6")).await;
    let line = world.gateway.line(|line| line.contains(refused)).await;
    assert!(line.contains("WARN") && line.contains("Trust Email") && !line.contains("ada@"), "{line}");
    assert_eq!(warned(&world, refused), 1, "once a minute");

    let left_out = "without a header of `identity_headers`";
    assert_eq!(
        world.send(&Ask::post("/mcp", call("safe")).token(&of(&world, "ada@example.com", true))).await.status,
        200
    );
    assert_eq!(warned(&world, left_out), 0);
    for _ in 0..2 {
        assert_eq!(world.send(&Ask::post("/mcp", call("safe")).token(&token)).await.status, 200);
    }
    let line = world.gateway.line(|line| line.contains(left_out)).await;
    assert!(line.contains("\"header\":\"x-auth-email\"") && line.contains("Trust Email"), "{line}");
    assert_eq!(warned(&world, left_out), 1);
    world.close().await;

    // A client that lists its tools first never calls what it does not see.
    let world = plan.start().await;
    world.upstream.answer_with(|_| {
        server::json(
            200,
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"staff","inputSchema":{"type":"object"}}]}}"#,
        )
    });
    let list = |token: &str| Ask::post("/mcp", request("tools/list", "{}")).token(token);
    let seen = world.send(&list(&of(&world, "ada@example.com", true))).await;
    assert!(seen.text().contains("staff") && warned(&world, refused) == 0, "{}", seen.text());
    let seen = world.send(&list(&of(&world, "ada@example.com", false))).await;
    assert!(!seen.text().contains("staff"), "{}", seen.text());
    world.gateway.line(|line| line.contains(refused)).await;
    world.close().await;
}

#[tokio::test]
async fn people_a5_attack_243_addresses_that_look_alike_are_refused() {
    let world = world("{email: {glob: \"*@example.com\"}}").await;
    let refused = Want::Error(403, 40302);
    let rows = [
        json!("a@example.com.evil.com"),
        json!("a@evilexample.com"),
        json!("a@evil.example.com"),
        json!("evil@evil.com@example.com"),
        json!("a@example.com@evil.com"),
        json!("a@EXAMPLE.COM"),
        json!("a@Example.com"),
        json!("a@example.com."),
        json!("a@example.com "),
        json!("a@example.com\n"),
        json!("a@evil.com\n@example.com"),
        json!("a\r\nb@example.com"),
        json!("a\0@example.com"),
        json!("a@evil.com, b@example.com"),
        json!("evil,b@example.com"),
        json!("Evil <b@example.com"),
        json!("a@ex\u{430}mple.com"),
        json!("a\u{ff20}example.com"),
        json!(["a@example.com.evil.com"]),
        json!([["a@example.com"]]),
        json!({"a": "a@example.com"}),
        json!(true),
        json!(null),
        json!("*@example.org"),
    ];
    let rows = rows.into_iter().map(|email| row(format!("243 {email}"), ask(&world, "email", email), refused));
    world.verdicts(rows.collect()).await;
    world.close().await;
}

#[tokio::test]
async fn people_a5_a_literal_with_a_star_is_a_warning_that_shows_the_glob() {
    let world = world("{email: \"*@example.com\"}").await;
    let (code, told) = check(&world).await;
    assert_eq!(code, Some(0));
    let expected = "rules[5].claims.email: found \"*@example.com\"; expected {glob: \"*@example.com\"}, if `*` stands for any text";
    assert!(told.contains(expected), "{told}");
    let rows = vec![
        row("compared as it is", ask(&world, "email", json!("ada@example.com")), Want::Error(403, 40302)),
        row("the very text", ask(&world, "email", json!("*@example.com")), Want::Passes),
    ];
    world.verdicts(rows).await;
    world.close().await;
    for (claims, expected) in [
        ("{email: {glb: \"*@example.com\"}}", "expected {glob: \"*@example.com\"}, a value, or a list of them"),
        ("{email: {glob: [a]}}", "a pattern: text, with * for any text and ? for any character"),
        ("{email: {glob: a, any: b}}", "expected {glob: \"*@example.com\"}, a value, or a list of them"),
        ("{email: [[a]]}", "a value of a claim"),
    ] {
        let rule = format!("- {{tools: [engineers], claims: {claims}}}");
        let Err(ended) = Plan::standard_but(RULE, &rule).try_start().await else { panic!("{claims}") };
        assert!(ended.output.contains(expected) && ended.output.contains("rules[5].claims.email"), "{}", ended.output);
    }
}

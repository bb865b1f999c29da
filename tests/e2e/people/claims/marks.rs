//! What makes a token an access token, who it names, and what a refusal says (A3).

use serde_json::{Value, json};

use super::{ask, shaped};
use crate::e2e::world::{Ask, Plan, Step, Want, World, call, request, row, server::full};

/// A server that any token of its issuer may use, with another audience besides its own.
const OPEN: &str = r#"
  main:
    path: /mcp
    upstream: {url: "@UPSTREAM@/inner/mcp"}
    audiences: [account, "https://api.example"]
    access: authenticated
"#;

/// A world with one issuer of this profile, and further keys of it.
async fn world(profile: &str, more: &str) -> World {
    let issuers = format!("  house: {{issuer: \"@ISSUER@\", profile: {profile}{more}}}\n");
    Plan::standard().servers(OPEN).issuers(&issuers).start().await
}

#[tokio::test]
async fn people_a3_keycloak_tokens_with_a_nonce_pass_and_its_id_tokens_do_not() {
    let world = world("keycloak", "").await;
    let good = json!({"sub": "u-1", "aud": "account", "azp": "web", "typ": "Bearer", "scope": "openid", "sid": "s"});
    let of = |changes: Value| {
        let mut claims = good.clone();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        ask(&shaped(&world, Some("JWT"), &claims))
    };
    let no = Want::Status(401);
    world
        .verdicts(vec![
            row("without a nonce", of(json!({})), Want::Passes),
            row("with a nonce", of(json!({"nonce": "n-1"})), Want::Passes),
            row("with a nonce, for the resource", of(json!({"nonce": "n", "aud": world.resource()})), Want::Passes),
            row("an ID token", of(json!({"nonce": "n", "typ": "ID", "aud": "web"})), no),
            row("an ID token for an audience of ours", of(json!({"nonce": "n", "typ": "ID"})), no),
            row("with a hash", of(json!({"nonce": "n", "at_hash": "h"})), no),
            row("a refresh token", of(json!({"typ": "Refresh"})), no),
            row("an offline token", of(json!({"typ": "Offline", "nonce": "n"})), no),
        ])
        .await;
    world.close().await;
}

#[tokio::test]
async fn people_a3_b16_an_audience_alias_needs_a_mark_of_the_vendor() {
    for (profile, typ, claims, want) in [
        ("auth0", "JWT", json!({"aud": "https://api.example", "azp": "spa"}), Want::Passes),
        ("auth0", "JWT", json!({"aud": ["https://api.example", "https://t/userinfo"], "azp": "spa"}), Want::Passes),
        ("auth0", "at+jwt", json!({"aud": "https://api.example", "client_id": "spa"}), Want::Passes),
        ("auth0", "JWT", json!({"aud": "https://api.example", "azp": "https://api.example"}), Want::Status(401)),
        ("auth0", "JWT", json!({"aud": "https://api.example", "azp": "spa", "nonce": "n"}), Want::Status(401)),
        ("entra", "JWT", json!({"aud": "account", "azp": "a", "azpacr": "0"}), Want::Passes),
        ("entra", "JWT", json!({"aud": "account", "roles": ["r"]}), Want::Status(401)),
        ("okta", "JWT", json!({"aud": "account", "cid": "c"}), Want::Passes),
        ("okta", "JWT", json!({"aud": "account", "auth_time": 1}), Want::Status(401)),
        ("cognito", "JWT", json!({"aud": "account", "client_id": "c", "token_use": "access"}), Want::Passes),
        ("cognito", "JWT", json!({"aud": "account", "client_id": "c"}), Want::Status(401)),
        ("cognito", "JWT", json!({"aud": "account", "token_use": "id"}), Want::Status(401)),
        // Google's ID tokens name the client of a phone in `azp`, and that of the server in `aud`.
        ("google", "JWT", json!({"aud": "account", "azp": "phone"}), Want::Status(401)),
        ("generic", "JWT", json!({"aud": "account", "azp": "phone"}), Want::Status(401)),
        ("generic", "JWT", json!({"aud": "account", "azp": "web", "scope": "a"}), Want::Passes),
    ] {
        let world = world(profile, "").await;
        let token = shaped(&world, Some(typ), &claims).claim("sub", json!("u-1"));
        world.verdicts(vec![row(format!("{profile} {typ} {claims}"), ask(&token), want)]).await;
        world.close().await;
    }
}

#[tokio::test]
async fn people_a3_b17_the_first_claim_that_is_there_names_the_caller() {
    let world = world("keycloak", ", subject_claims: [sub, preferred_username, client_id]").await;
    let of = |claims: Value| {
        let claims = shaped(&world, Some("JWT"), &claims).claim("aud", json!("account")).claim("typ", json!("Bearer"));
        ask(&claims)
    };
    world
        .verdicts(vec![
            row("sub", of(json!({"sub": "u-1"})), Want::Passes),
            row("a name", of(json!({"preferred_username": "ada"})), Want::Passes),
            row("a client", of(json!({"client_id": "robot"})), Want::Passes),
            row("none", of(json!({"azp": "robot"})), Want::Status(401)),
            row("one of another shape is not skipped", of(json!({"sub": 5, "client_id": "robot"})), Want::Status(401)),
            row("nor an empty one", of(json!({"sub": "", "client_id": "robot"})), Want::Status(401)),
            row("nor null", of(json!({"sub": null, "client_id": "robot"})), Want::Status(401)),
        ])
        .await;
    world.close().await;
}

/// Tokens of two users of one client without a claim of the user name no caller, and never one for both.
#[tokio::test]
async fn people_a3_attack_296_users_of_one_client_are_never_one_caller() {
    let world = world("keycloak", ", subject_claims: [sub, client_id]").await;
    let of = |claims: Value| {
        let claims = shaped(&world, Some("JWT"), &claims).claim("aud", json!("account")).claim("typ", json!("Bearer"));
        ask(&claims.claim("client_id", json!("web")).claim("azp", json!("web")))
    };
    let no = Want::Status(401);
    world
        .verdicts(vec![
            row("a service account", of(json!({})), Want::Passes),
            row(
                "a service account with a session",
                of(json!({"sid": "s", "preferred_username": "service-account-web"})),
                Want::Passes,
            ),
            row("296 a user by name", of(json!({"preferred_username": "ada"})), no),
            row("296 a user by session", of(json!({"sid": "s-1"})), no),
            row("296 another user by session", of(json!({"sid": "s-2"})), no),
            row("296 a user by address", of(json!({"email": "ada@example.com"})), no),
            row("296 a user by time", of(json!({"auth_time": 1})), no),
            row("296 a user by a name that no list has", of(json!({"login": "ada"})), no),
            row("296 a user by groups", of(json!({"groups": ["staff"]})), no),
            row("a service account with roles", of(json!({"realm_access": {"roles": ["mcp"]}})), Want::Passes),
        ])
        .await;
    let reply = world.send(&of(json!({"sid": "s-1"}))).await;
    assert_eq!(reply.reason(), "token_subject");
    assert!(reply.challenge().contains("it has no text in sub"), "{}", reply.challenge());
    world.gateway.line(|line| line.contains("such as client_id, names no user")).await;
    world.close().await;
}

/// A user whose `sub` equals the id of a client owns nothing of that client, and the other way
/// round.
#[tokio::test]
async fn people_a3_attack_230_a_user_named_like_a_client_is_another_caller() {
    let world = world("generic", ", subject_claims: [sub, client_id]").await;
    world.upstream.answer_with(|_| -> Vec<Step> {
        full(
            200,
            &[("Content-Type", "application/json"), ("Mcp-Session-Id", "s-1")],
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        )
    });
    let machine = world.mint().without("sub").claim("client_id", json!("robot")).token();
    let user = world.mint().claim("sub", json!("robot")).claim("client_id", json!("web")).token();
    let begin =
        |token: &str| Ask::post("/mcp", request("initialize", r#"{"protocolVersion":"2025-06-18"}"#)).token(token);
    let use_it =
        |token: &str, session: &str| Ask::post("/mcp", call("safe")).token(token).with("Mcp-Session-Id", session);
    for (owner, other) in [(&machine, &user), (&user, &machine)] {
        let begun = world.send(&begin(owner)).await;
        let session = begun.header("Mcp-Session-Id").unwrap().to_owned();
        assert_eq!(world.send(&use_it(owner, &session)).await.status, 200);
        world.upstream.take();
        assert_eq!(world.send(&use_it(other, &session)).await.status, 404);
        assert!(world.upstream.take().is_empty());
    }
    world.gateway.line(|line| line.contains("\"audit\":") && line.contains("unknown_session")).await;
    let audit = world.gateway.output();
    let mut principals: Vec<String> = audit
        .lines()
        .filter_map(|line| Some(line.split_once("\"principal\":\"")?.1.split_once('"')?.0.to_owned()))
        .collect();
    principals.sort();
    principals.dedup();
    assert_eq!(principals.len(), 2, "the audit log tells them apart");
    world.close().await;
}

#[tokio::test]
async fn people_a3_a37_the_challenge_the_body_and_the_log_name_the_claim() {
    let world = world("generic", ", scope_claims: [scope, scp]").await;
    for (changes, removed, reason, claim, says) in [
        (json!({}), Some("sub"), "token_subject", "sub", "it has no text in sub"),
        (json!({"aud": "secret-audience"}), None, "token_audience", "aud", "its aud is another"),
        (json!({}), Some("aud"), "token_no_audience", "aud", "it has no aud"),
        (json!({"scp": 7}), None, "token_scope_shape", "scp", "its scp is neither text nor a list of texts"),
        (json!({"client_id": 7}), None, "token_claims", "client_id", "its client_id has a value"),
        (json!({"at_hash": "h"}), None, "token_type", "at_hash", "not an access token: it has at_hash"),
        (json!({"token_use": "id"}), None, "token_type", "token_use", "its token_use names another kind"),
        (json!({"cnf": {"jkt": "x"}}), None, "token_sender_constraint", "cnf", "it has cnf"),
        (json!({"exp": "soon"}), None, "token_time", "exp", "its exp is absent or not a time"),
    ] {
        let token = changes
            .as_object()
            .unwrap()
            .iter()
            .fold(world.mint(), |token, (name, value)| token.claim(name, value.clone()));
        let token = removed.map_or(token.clone(), |name| token.without(name));
        let reply = world.send(&ask(&token)).await;
        assert_eq!((reply.status, reply.reason().as_str()), (401, reason), "{changes}");
        let description = reply.challenge_parameter("error_description").unwrap();
        assert!(description.contains(says), "{description}");
        assert!(reply.text().contains(says), "{}", reply.text());
        assert!(!reply.challenge().contains("secret-audience"), "no value is told");
        let told = format!("\"reason\":\"{reason}\",\"claim\":\"{claim}\"");
        world.gateway.line(|line| line.contains("\"audit\"") && line.contains(&told)).await;
        if claim == "token_use" {
            continue; // The reason was in the log already in this minute.
        }
        let line = world
            .gateway
            .line(|line| line.contains("a token of this issuer was refused") && line.contains(reason))
            .await;
        assert!(line.contains(says) && line.contains("house") && line.contains("advice"), "{line}");
    }
    // A forged token causes no line, and its claims are not looked at.
    let forged = world.mint().claim("at_hash", json!("h")).token_signed(b"nothing");
    let reply = world.send(&Ask::post("/mcp", call("safe")).token(&forged)).await;
    assert_eq!((reply.status, reply.reason().as_str()), (401, "token_signature"));
    assert!(!world.gateway.output().contains("token_signature\",\"claim"));
    world.close().await;
}

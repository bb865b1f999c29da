//! What becomes of a verified token: its scopes, its binding, what the upstream gets to know (SPEC B-50…B-74).

use serde_json::{Value, json};

use super::world::{Ask, Plan, Seen, Want, World, call, row};

#[tokio::test]
async fn b50_b51_b52_attack_081_082_shapes_of_scope() {
    let world = World::standard().await;
    let ask = |name: &str, value: Value| {
        Ask::post("/mcp", call("danger")).token(&world.mint().without("scope").claim(name, value).token())
    };
    let missing = Want::Error(403, 40301);
    let refused = Want::OneOf(&[401, 403]);
    world
        .verdicts(vec![
            row("text", ask("scope", json!("mcp:connect mcp:danger")), Want::Passes),
            row("extra spaces and repeats", ask("scope", json!("  mcp:connect  mcp:danger mcp:danger ")), Want::Passes),
            row("a list", ask("scope", json!(["mcp:connect", "mcp:danger"])), Want::Passes),
            row("scp text", ask("scp", json!("mcp:connect mcp:danger")), Want::Passes),
            row("scp list", ask("scp", json!(["mcp:connect", "mcp:danger"])), Want::Passes),
            row("081 a list with a space inside", ask("scope", json!(["mcp:connect mcp:danger"])), refused),
            row("081 a tab", ask("scope", json!("mcp:connect\tmcp:danger")), refused),
            row("081 a comma", ask("scope", json!("mcp:connect,mcp:danger")), refused),
            row("081 an object", ask("scope", json!({"mcp:danger": 1})), Want::Status(401)),
            row("081 a list of numbers", ask("scope", json!(["mcp:connect", "mcp:danger", 5])), Want::Status(401)),
            row("081 another case", ask("scope", json!("mcp:connect MCP:Danger")), missing),
            row("082 a star", ask("scope", json!("mcp:connect * mcp:*")), missing),
            row("roles are not configured", ask("roles", json!(["mcp:connect", "mcp:danger"])), missing),
            row("permissions are not configured", ask("permissions", json!(["mcp:connect", "mcp:danger"])), missing),
            row("081 Scope is not scope", ask("Scope", json!("mcp:connect mcp:danger")), missing),
            row("none at all", ask("x", json!(1)), missing),
        ])
        .await;
    world.close().await;

    let issuers = "  house: {issuer: \"@ISSUER@\", scope_claims: [scope]}\n";
    let world = Plan::standard().issuers(issuers).start().await;
    let token = world.mint().claim("scp", json!("mcp:danger")).token();
    let rows = vec![row("b52: scp is not configured", Ask::post("/mcp", call("danger")).token(&token), missing)];
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn b53_c01_p03_what_no_rule_names_is_refused() {
    let world = World::standard().await;
    let ask = |body: String| Ask::post("/mcp", body).token(&world.token_with("mcp:connect mcp:admin acme"));
    let req = super::world::request;
    world
        .verdicts(vec![
            row("a tool", ask(call("unheard_of")), Want::Error(403, 40304)),
            row("a prompt", ask(req("prompts/get", r#"{"name":"other"}"#)), Want::Error(403, 40304)),
            row("a resource", ask(req("resources/read", r#"{"uri":"file:///etc/passwd"}"#)), Want::Error(403, 40304)),
            row("a method", ask(req("vendor/exec", "{}")), Want::Error(403, 40304)),
            row("a method with a rule", ask(req("acme/custom", "{}")), Want::Passes),
            row("a prompt with a rule", ask(req("prompts/get", r#"{"name":"hello"}"#)), Want::Passes),
            row("a resource with a rule", ask(req("resources/read", r#"{"uri":"file:///pub/a"}"#)), Want::Passes),
            row("a list", ask(req("tools/list", "{}")), Want::Passes),
            row("ping", ask(req("ping", "{}")), Want::Passes),
            row("logging", ask(req("logging/setLevel", r#"{"level":"info"}"#)), Want::Passes),
        ])
        .await;
    world.close().await;
}

#[tokio::test]
async fn b60_attack_083_084_085_a_token_bound_to_a_key_is_refused() {
    let world = World::standard().await;
    let bound = |cnf: Value| Ask::post("/mcp", call("safe")).token(&world.mint().claim("cnf", cnf).token());
    let by_proof = || bound(json!({"jkt": "abc"}));
    let by_certificate = || bound(json!({"x5t#S256": "abc"}));
    let dpop = |token: &str| Ask::post("/mcp", call("safe")).with("Authorization", format!("DPoP {token}"));
    let bound_token = world.mint().claim("cnf", json!({"jkt": "abc"})).token();
    let forwarded = "Hash=abc;Subject=\"CN=alice\"";
    let refused = Want::OneOf(&[400, 401]);
    world
        .verdicts(vec![
            row("083 bound to a proof, as Bearer", by_proof(), Want::Status(401)),
            row("083 the same beside a proof", by_proof().with("DPoP", "a.b.c"), refused),
            row("083 as DPoP", dpop(&bound_token).with("DPoP", "a.b.c"), refused),
            row("083 not bound, as DPoP", dpop(&world.token()), refused),
            row("083 not bound, beside a proof", dpop(&world.token()).with("DPoP", "a.b.c"), refused),
            row("083 two proofs", dpop(&bound_token).with("DPoP", "a.b.c").with("DPoP", "a.b.d"), refused),
            row("083 b62: Bearer beside a proof", world.post(call("safe")).with("DPoP", "abc"), Want::Status(400)),
            row("084 bound to a certificate", by_certificate(), Want::Status(401)),
            row("084 Client-Cert", by_certificate().with("Client-Cert", ":YWJj:"), Want::Status(401)),
            row("084 XFCC", by_certificate().with("X-Forwarded-Client-Cert", forwarded), Want::Status(401)),
            row("085 a member that is not known", bound(json!({"x": 1})), Want::Status(401)),
            row("085 no member", bound(json!({})), Want::Status(401)),
            row("085 not an object", bound(json!("x")), Want::Status(401)),
            row("085 null", bound(Value::Null), Want::Status(401)),
        ])
        .await;
    world.close().await;
}

fn credentials(seen: &Seen) -> Vec<String> {
    let names = ["authorization", "proxy-authorization", "cookie", "dpop", "x-api-key", "x-forwarded-access-token"];
    names.iter().flat_map(|name| seen.all(name)).map(str::to_owned).collect()
}

#[tokio::test]
async fn b70_b71_attack_103_the_token_stops_here_and_identity_is_ours() {
    let world = World::standard().await;
    let ask =
        world.post(call("safe")).with("X-Auth-Subject", "admin").with("x_auth_subject", "admin").with("Cookie", "a=b");
    assert_eq!(world.send(&ask).await.status, 200);
    let seen = world.upstream.take_one();
    assert!(credentials(&seen).is_empty(), "{seen:?}");
    assert_eq!(seen.header("x-auth-subject"), Some("alice"));
    assert_eq!(seen.header("x_auth_subject"), None, "attack 065: an underscore folds into the same name elsewhere");
    let anonymous = world.mint().claim("sub", json!("bob\r\nX-Evil: 1")).token();
    let reply = world.send(&Ask::post("/mcp", call("safe")).token(&anonymous)).await;
    for seen in world.upstream.take() {
        assert_eq!(seen.header("x-evil"), None, "{}", reply.status);
    }
    world.close().await;
}

#[tokio::test]
async fn b70_a_configured_credential_and_the_dangerous_one() {
    let header = "    credential: {header: {name: X-Upstream-Key, value: \"env:UPSTREAM_KEY\"}}\n    rules:";
    let plan = Plan::standard_but("    rules:", header).environment("UPSTREAM_KEY", "upstream-key-0123456789");
    let world = plan.start().await;
    world.secret("upstream-key-0123456789");
    assert_eq!(world.send(&world.post(call("safe")).with("X-Upstream-Key", "mine")).await.status, 200);
    let seen = world.upstream.take_one();
    assert!(credentials(&seen).is_empty());
    assert_eq!(seen.header("x-upstream-key"), Some("upstream-key-0123456789"));
    // An upstream behind CGI reads both spellings as one variable (attack 65).
    assert_eq!(world.send(&world.post(call("safe")).with("X_Upstream_Key", "mine")).await.status, 200);
    assert_eq!(world.upstream.take_one().header("x_upstream_key"), None);
    world.close().await;

    let forward = "    credential: {forward: {dangerous: true}}\n    rules:";
    let world = Plan::standard_but("    rules:", forward).start().await;
    let token = world.token();
    assert_eq!(world.send(&Ask::post("/mcp", call("safe")).token(&token)).await.status, 200);
    assert_eq!(world.upstream.take_one().header("authorization"), Some(format!("Bearer {token}").as_str()));
    let bad = world.mint().claim("aud", json!("x")).token();
    let rows = vec![row("d12: still validated", Ask::post("/mcp", call("safe")).token(&bad), Want::Status(401))];
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn b72_attack_087_a_token_in_the_query_is_not_logged() {
    // The world's end searches logs, metrics and answers; this makes the places where careless code would write it.
    let world = Plan::standard().top("log: {format: json, level: debug}").start().await;
    let token = world.token();
    world.send(&Ask::post(&format!("/mcp?access_token={token}"), call("safe"))).await;
    world.send(&Ask::get(&format!("/{token}"))).await;
    world.send(&Ask::get(&format!("/.well-known/{token}"))).await;
    world.send(&Ask::post("/mcp", "{").token(&token).with("X-Other", &token)).await;
    let before = world.upstream.count();
    world.send(&Ask::post("/mcp", call("safe")).token(&token).with("Mcp-Session-Id", "x y")).await;
    assert_eq!(world.upstream.count(), before);
    world.close().await;
}

#[tokio::test]
async fn b73_b74_each_request_is_judged_by_its_own_token() {
    let world = World::standard().await;
    let ask = |scope: &str| Ask::post("/mcp", call("danger")).token(&world.token_with(scope));
    world
        .verdicts(vec![
            row("enough", ask("mcp:connect mcp:danger"), Want::Passes),
            row("narrower", ask("mcp:connect"), Want::Error(403, 40301)),
            row("enough again", ask("mcp:connect mcp:danger"), Want::Passes),
        ])
        .await;
    let remembered = world.token_with("mcp:connect mcp:danger");
    for _ in 0..3 {
        assert_eq!(world.send(&Ask::post("/mcp", call("danger")).token(&remembered)).await.status, 200);
    }
    let tampered = format!("{}A", &remembered[..remembered.len() - 1]);
    let also = format!("{}B", &remembered[..remembered.len() - 1]);
    let different = if tampered == remembered { also } else { tampered };
    assert_eq!(
        world.send(&Ask::post("/mcp", call("danger")).token(&different)).await.status,
        401,
        "the whole token counts"
    );
    world.close().await;
}

//! How a refused call is answered: the challenge for users, a readable result for machines (D3).

use serde_json::{Value, json};

use crate::e2e::world::{Ask, Plan, World, call, request, token::Mint};

/// The machine tokens of each profile, and tokens that only resemble them.
const CASES: [(&str, &str, bool); 12] = [
    ("generic", r#"{"sub": "ci", "client_id": "ci"}"#, true),
    ("generic", r#"{"sub": "ann", "client_id": "ci", "gty": "client-credentials", "idtyp": "app"}"#, false),
    ("auth0", r#"{"sub": "ci@clients", "azp": "ci", "gty": "client-credentials"}"#, true),
    ("auth0", r#"{"sub": "auth0|1", "azp": "ci", "gty": "password"}"#, false),
    ("entra", r#"{"sub": "0f", "azp": "ci", "idtyp": "app"}"#, true),
    ("entra", r#"{"sub": "0f", "azp": "ci", "idtyp": "user"}"#, false),
    ("okta", r#"{"sub": "0oa", "cid": "0oa"}"#, true),
    ("okta", r#"{"sub": "ann@example.com", "cid": "0oa"}"#, false),
    ("keycloak", r#"{"sub": "0f", "azp": "CI", "preferred_username": "service-account-ci"}"#, true),
    ("keycloak", r#"{"sub": "0f", "azp": "app", "preferred_username": "service-account-ci"}"#, false),
    ("cognito", r#"{"sub": "7a", "client_id": "7a", "token_use": "access"}"#, true),
    ("cognito", r#"{"sub": "ann", "client_id": "7a", "token_use": "access"}"#, false),
];

fn with(world: &World, claims: &str) -> Mint {
    let claims: serde_json::Map<String, Value> = serde_json::from_str(claims).unwrap();
    let bare = world.mint().without("client_id").without("scope").head("typ", json!("JWT"));
    claims.into_iter().fold(bare, |mint, (name, value)| mint.claim(&name, value))
}

fn plan(profile: &str) -> Plan {
    Plan::standard_but("    scopes: [\"mcp:connect\"]\n", "")
        .issuers(&format!("  house: {{issuer: \"@ISSUER@\", profile: {profile}}}\n"))
}

#[tokio::test]
async fn people_d3_a_machine_reads_why_and_a_user_gets_the_challenge() {
    for profile in ["generic", "auth0", "entra", "okta", "keycloak", "cognito"] {
        let world = plan(profile).start().await;
        for (_, claims, is_machine) in CASES.into_iter().filter(|(of, ..)| *of == profile) {
            let token = with(&world, claims).token();
            let reply = world.send(&Ask::post("/mcp", call("danger")).token(&token)).await;
            if is_machine {
                assert_eq!(
                    (reply.status, reply.all("www-authenticate").len()),
                    (200, 0),
                    "{profile} {claims} {reply:?}"
                );
                let json = reply.json();
                assert_eq!((&json["id"], &json["result"]["isError"]), (&1.into(), &true.into()), "{json}");
                let text = json["result"]["content"][0]["text"].as_str().unwrap();
                assert!(text.contains("tools/call danger needs scope mcp:danger"), "{text}");
            } else {
                assert_eq!(reply.status, 403, "{profile} {claims} {reply:?}");
                assert_eq!(reply.challenge_parameter("error").as_deref(), Some("insufficient_scope"));
            }
            assert_eq!(world.upstream.count(), 0, "refused either way");
        }
        world.close().await;
    }
}

#[tokio::test]
async fn people_d3_only_a_refused_tools_call_becomes_a_result() {
    let batches = Plan::standard_but("    scopes:", "    batches: 2025-03-26\n    scopes:");
    let world = batches.start().await;
    let machine = world.mint().claim("sub", json!("client-1"));
    let ask = |mint: &Mint, body: String| Ask::post("/mcp", body).token(&mint.token());
    let notification = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"danger","arguments":{}}}"#;
    for (body, status) in [
        (call("danger"), 200),
        (call("forbidden"), 200),
        (call("unheard_of"), 200),
        (request("acme/custom", "{}"), 403),
        (request("prompts/get", r#"{"name":"other"}"#), 403),
        (request("resources/read", r#"{"uri":"file:///etc/passwd"}"#), 403),
        (format!("[{}]", call("danger")), 403),
        (notification.to_owned(), 403),
        (call("safe").replace("\"jsonrpc\"", "\"jsonrpc\":\"2.0\",\"jsonrpc\""), 400),
    ] {
        let reply = world.send(&ask(&machine, body.clone())).await;
        assert_eq!(reply.status, status, "{body} {reply:?}");
    }
    // A59: neither a missing nor an invalid token is answered with 200.
    assert_eq!(world.send(&Ask::post("/mcp", call("danger"))).await.status, 401);
    let expired = machine.clone().claim("exp", json!(crate::e2e::world::token::now() - 900));
    assert_eq!(world.send(&ask(&expired, call("danger"))).await.status, 401);
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn people_d3_verdict_metric_and_audit_line_say_refused_in_either_form() {
    let world = World::standard().await;
    let machine = world.mint().claim("sub", json!("client-1")).token();
    let user = world.token();
    for (token, tool, form) in [
        (&machine, "danger", "tool_error"),
        (&user, "danger", "challenge"),
        (&user, "forbidden", "error"),
        (&machine, "forbidden", "tool_error"),
    ] {
        world.send(&Ask::post("/mcp", call(tool)).token(token)).await;
        let (tool, told) = (format!("\"target\":\"{tool}\""), format!("\"denied_as\":\"{form}\""));
        let line = world.gateway.line(|line| line.contains(&tool) && line.contains(&told)).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["verdict"], &line["denied_as"]), (&"refused".into(), &form.into()), "{line}");
    }
    let metrics = world.admin("/metrics").await.text();
    for series in ["outcome=\"insufficient_scope\"} 2", "outcome=\"forbidden\"} 2"] {
        assert!(metrics.lines().any(|line| line.contains("decisions_total") && line.ends_with(series)), "{metrics}");
    }
    world.close().await;
}

#[tokio::test]
async fn people_d3_the_form_can_be_fixed_for_all_callers() {
    for (deny_as, statuses) in [("challenge", [403, 403]), ("tool_error", [200, 200]), ("auto", [403, 200])] {
        let world = Plan::standard_but("    rules:", &format!("    deny_as: {deny_as}\n    rules:")).start().await;
        let tokens = [world.mint(), world.mint().claim("sub", json!("client-1"))];
        for (mint, status) in tokens.iter().zip(statuses) {
            let reply = world.send(&Ask::post("/mcp", call("danger")).token(&mint.token())).await;
            assert_eq!(reply.status, status, "{deny_as} {reply:?}");
        }
        world.close().await;
    }
}

#[tokio::test]
async fn people_d2_a_result_holds_the_challenge_that_opens_the_sign_in_of_chatgpt() {
    let servers = super::SHOP.replace("    rules:", "    deny_as: tool_error\n    rules:");
    let world = Plan::standard().servers(&servers).start().await;
    let connected = world.token();
    for (token, tool, scope) in [
        (None, "pay", Some("mcp:connect pay")),
        (None, "profile", Some("mcp:connect")),
        (Some(&connected), "pay", Some("mcp:connect pay")),
        // No scope would help, so there is nothing to sign in for.
        (Some(&connected), "admin", None),
        (None, "admin", None),
        (None, "unknown", None),
    ] {
        let ask = Ask::post("/mcp", call(tool));
        let reply = world.send(&token.map_or(ask.clone(), |token| ask.token(token))).await;
        assert_eq!((reply.status, reply.all("www-authenticate").len()), (200, 0), "{tool} {reply:?}");
        let json = reply.json();
        assert_eq!(json["result"]["isError"], true, "{json}");
        let challenges = &json["result"]["_meta"]["mcp/www_authenticate"];
        match scope {
            None => assert!(challenges.is_null(), "{json}"),
            Some(scope) => {
                let challenge = challenges[0].as_str().unwrap();
                assert!(challenge.starts_with("Bearer resource_metadata=\"http"), "{challenge}");
                for part in [&*format!("scope=\"{scope}\""), "error=\"insufficient_scope\"", "error_description=\""] {
                    assert!(challenge.contains(part), "{part}: {challenge}");
                }
                assert_eq!(challenge.contains("the token lacks scope"), token.is_some(), "{challenge}");
            }
        }
    }
    // What is not a call keeps its status, and so does a credential that fails.
    let get = request("prompts/get", r#"{"name":"mine"}"#);
    assert_eq!(world.send(&Ask::post("/mcp", get)).await.status, 401);
    assert_eq!(world.send(&Ask::post("/mcp", call("pay")).token("x")).await.status, 401);
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

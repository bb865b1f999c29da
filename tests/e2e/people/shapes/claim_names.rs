//! Nested claims by JSON Pointer, in rules, scopes, identity headers, grants and issued tokens (A4).

use serde_json::{Value, json};

use crate::e2e::{
    login::{
        browser::Browser,
        client::{Client, call_tool},
        world::LoginPlan,
    },
    people::shapes::check,
    world::{Ask, Plan, Want, World, call, row},
};

const KEYCLOAK: &str = "  house: {issuer: \"@ISSUER@\", profile: keycloak, token_types: [JWT], scope_claims: [scope, /resource_access/gateway/roles]}\n";
const SERVERS: &str = r#"
  main:
    path: /mcp
    upstream: {url: "@UPSTREAM@/mcp"}
    scopes: ["mcp:connect"]
    identity_headers: {x-auth-roles: /realm_access/roles, x-auth-first: /realm_access/roles/0, x-auth-none: /realm_access/none}
    rules:
      - {tools: [safe], claims: {/realm_access/roles: [admin]}}
      - {tools: [danger], scopes: ["mcp:danger"]}
      - {tools: [first], claims: {/groups/0: [staff]}}
      - {tools: [odd], claims: {/realm_access/a~1b: [x], /realm_access/m~0n: [y], "/realm_access/01": [z], /realm_access/-: [w]}}
      - {tools: [dots], claims: {realm_access.roles: [admin]}}
"#;

/// An access token as Keycloak writes it.
fn keycloak(world: &World, changes: &Value) -> String {
    let mut mint = world.mint().head("typ", json!("JWT")).claim("typ", json!("Bearer")).claim("azp", json!("client"));
    mint = mint.claim("realm_access", json!({"roles": ["admin", "offline_access"]}));
    mint = mint.claim(
        "resource_access",
        json!({"gateway": {"roles": ["mcp:danger"]}, "account": {"roles": ["view-profile"]}}),
    );
    for (name, value) in changes.as_object().unwrap() {
        mint = mint.claim(name, value.clone());
    }
    mint.token()
}

#[tokio::test]
async fn people_a4_nested_claims_of_keycloak_decide_and_reach_the_upstream() {
    let world = Plan::standard().issuers(KEYCLOAK).servers(SERVERS).start().await;
    let ask = |tool: &str, changes: Value| Ask::post("/mcp", call(tool)).token(&keycloak(&world, &changes));
    world
        .verdicts(vec![
            row("a role of the realm", ask("safe", json!({})), Want::Passes),
            row("another role", ask("safe", json!({"realm_access": {"roles": ["user"]}})), Want::Error(403, 40302)),
            row("a role of the client is a scope", ask("danger", json!({})), Want::Passes),
            row(
                "no such scope",
                ask("danger", json!({"resource_access": {"other": {"roles": ["mcp:danger"]}}})),
                Want::Error(403, 40301),
            ),
            row("the first element", ask("first", json!({"groups": ["staff", "x"]})), Want::Passes),
            row(
                "odd names",
                ask("odd", json!({"realm_access": {"a/b": "x", "m~n": "y", "01": "z", "-": "w"}})),
                Want::Passes,
            ),
        ])
        .await;
    world.send(&ask("safe", json!({}))).await;
    let seen = world.upstream.take().pop().unwrap();
    assert_eq!(seen.all("x-auth-roles"), [r#"["admin","offline_access"]"#]);
    assert_eq!((seen.all("x-auth-first"), seen.all("x-auth-none")), (vec!["admin"], vec![]));
    let (_, told) = check(&world).await;
    let dotted = "servers.main.rules[4].claims.\"realm_access.roles\": found \"realm_access.roles\"; expected /realm_access/roles, if this is a path";
    assert!(told.contains(dotted) && told.contains("warning"), "{told}");
    let (_, explained, _) = crate::e2e::people::shapes::run(&world, &["explain"]).await;
    for name in ["/realm_access/roles", "/realm_access/a~1b", "/resource_access/gateway/roles", "/groups/0"] {
        assert!(explained.contains(name), "{name}: {explained}");
    }
    world.close().await;
}

#[tokio::test]
async fn people_a4_attack_242_no_other_shape_of_a_token_satisfies_a_pointer() {
    let world = Plan::standard().issuers(KEYCLOAK).servers(SERVERS).start().await;
    let ask = |tool: &str, changes: Value| Ask::post("/mcp", call(tool)).token(&keycloak(&world, &changes));
    let refused = Want::Error(403, 40302);
    world
        .verdicts(vec![
            row("242 a list of objects", ask("safe", json!({"realm_access": [{"roles": ["admin"]}]})), refused),
            row("242 a list of names", ask("safe", json!({"realm_access": ["roles", "admin"]})), refused),
            row("242 lists in a list", ask("safe", json!({"realm_access": {"roles": [["admin"]]}})), refused),
            row("242 an object of roles", ask("safe", json!({"realm_access": {"roles": {"admin": "admin"}}})), refused),
            row("242 text that holds JSON", ask("safe", json!({"realm_access": "{\"roles\":[\"admin\"]}"})), refused),
            row(
                "242 names with dots",
                ask("safe", json!({"realm_access": {}, "realm_access.roles": ["admin"]})),
                refused,
            ),
            row(
                "242 names with slashes",
                ask(
                    "safe",
                    json!({"realm_access": {}, "realm_access/roles": ["admin"], "/realm_access/roles": ["admin"]}),
                ),
                refused,
            ),
            row(
                "242 another case",
                ask("safe", json!({"realm_access": {"Roles": ["admin"], "ROLES": ["admin"]}})),
                refused,
            ),
            row(
                "242 a level more",
                ask("safe", json!({"realm_access": {"realm_access": {"roles": ["admin"]}}})),
                refused,
            ),
            row("242 absent", ask("safe", json!({"realm_access": null})), refused),
            row(
                "242 an element by a name",
                ask("first", json!({"groups": {"00": "staff", "-": "staff", "+0": "staff"}})),
                refused,
            ),
            row("242 another element", ask("first", json!({"groups": ["x", "staff"]})), refused),
            row("242 no element", ask("first", json!({"groups": []})), refused),
            row("242 a letter of a text", ask("first", json!({"groups": "staff"})), refused),
            row(
                "242 escapes as they are",
                ask("odd", json!({"realm_access": {"a~1b": "x", "m~0n": "y", "01": "z", "-": "w"}})),
                refused,
            ),
            row("242 a list has no 01 and no -", ask("odd", json!({"realm_access": ["z", "z", "w"]})), refused),
            row("242 dots are one name", ask("dots", json!({})), refused),
            row(
                "242 a scope of a list",
                ask("danger", json!({"resource_access": [{"roles": ["mcp:danger"]}]})),
                Want::Error(403, 40301),
            ),
            row(
                "242 a scope in an object",
                ask("danger", json!({"resource_access": {"gateway": {"roles": {"mcp:danger": 1}}}})),
                Want::Status(401),
            ),
        ])
        .await;
    world.close().await;
}

#[tokio::test]
async fn people_a4_names_that_cannot_be_pointers_stop_the_start() {
    for (name, expected) in [
        ("/a//b", "a JSON Pointer without an empty part"),
        ("/a/", "a JSON Pointer without an empty part"),
        ("/a~2", "`~` is written ~0"),
    ] {
        let rule = format!("- {{tools: [engineers], claims: {{\"{name}\": [eng]}}}}");
        let plan = Plan::standard_but("- {tools: [engineers], claims: {department: [eng]}}", &rule);
        let Err(ended) = plan.try_start().await else { panic!("{name}") };
        assert!(ended.output.contains(expected) && ended.output.contains("rules[5].claims"), "{}", ended.output);
    }
    let twice = "- {tools: [engineers], claims: {department: [eng], /department: [ops]}}";
    let Err(ended) = Plan::standard_but("- {tools: [engineers], claims: {department: [eng]}}", twice).try_start().await
    else {
        panic!("one claim twice")
    };
    assert!(ended.output.contains("each claim once"), "{}", ended.output);
}

#[tokio::test]
async fn people_a4_claims_of_the_company_idp_may_be_nested_in_grants_and_in_issued_tokens() {
    let plan = LoginPlan::idp().await.key("grants", "[{claims: {/realm_access/roles: [admin]}, scopes: [\"mcp:*\"]}]");
    let login = plan.key("token_claims", "[/realm_access/roles, /org/name]").start().await;
    let roles = |roles: Value| {
        login.idp.as_ref().unwrap().with(|idp| {
            let ada = idp.people.get_mut("ada").unwrap();
            ada.insert("realm_access".to_owned(), json!({"roles": roles, "other": 1}));
            ada.insert("org".to_owned(), json!([{"name": "acme"}]));
        });
    };
    let client = Client::desktop();
    roles(json!(["user"]));
    let shown = Browser::of("", "").open(&login, &client.request(&login, "mcp:connect").url).await;
    assert_eq!(shown.page().status, 403);
    roles(json!(["admin"]));
    let tokens = client.sign_in(&login, &mut Browser::of("", ""), "mcp:connect").await;
    assert_eq!(tokens.claim("realm_access"), json!({"roles": ["admin"]}), "at the same place, and nothing else");
    assert_eq!(tokens.claim("org"), Value::Null, "a list has no names");
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    login.close().await;
}

#[tokio::test]
async fn people_a4_attack_242_a_pointer_gets_around_neither_unverified_addresses_nor_reserved_names() {
    for claim in ["/email", "/email/0"] {
        let plan = LoginPlan::idp().await;
        let grants = format!("[{{claims: {{{claim}: [ada@corp.example]}}, scopes: [\"mcp:*\"]}}]");
        let login = plan.key("grants", &grants).key("token_claims", &format!("[{claim}]")).start().await;
        login.idp.as_ref().unwrap().with(|idp| {
            let ada = idp.people.get_mut("ada").unwrap();
            ada.insert("email_verified".to_owned(), json!(false));
            if claim == "/email/0" {
                ada.insert("email".to_owned(), json!(["ada@corp.example"]));
            }
        });
        let shown = Browser::of("", "").open(&login, &Client::desktop().request(&login, "mcp:connect").url).await;
        assert_eq!(shown.page().status, 403, "{claim}");
        login.close().await;
    }
    for claim in ["/sub", "/aud/0", "/scope/x", "/cnf/jkt"] {
        let plan = LoginPlan::idp().await.key("token_claims", &format!("[{claim}]"));
        let ended = plan.refused_start().await;
        assert!(ended.output.contains("this name has its own meaning in tokens"), "{claim}: {}", ended.output);
    }
}

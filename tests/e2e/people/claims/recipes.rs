//! The recipes of docs/direct-issuers.md, each run as it is written, with the token shapes of that provider.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::shaped;
use crate::e2e::world::{
    Ask, Plan, World, call,
    issuer::{JWKS_PATH, house_key_set},
    server,
};

/// The page.
fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/direct-issuers.md")).unwrap()
}

/// The lines below a top-level key of the recipe under a heading.
fn part(heading: &str, key: &str) -> String {
    let document = document();
    let (_, below) = document.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let (_, yaml) = below.split_once("```yaml\n").unwrap();
    let (yaml, _) = yaml.split_once("```").unwrap();
    let (_, rest) = yaml.split_once(&format!("\n{key}:\n")).unwrap();
    let lines = rest.lines().take_while(|line| line.starts_with(' '));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The issuer that a recipe names.
fn issuer_of(entry: &str) -> String {
    let line = entry.lines().find_map(|line| line.trim_start().strip_prefix("issuer: ")).unwrap();
    line.split(" #").next().unwrap().trim().to_owned()
}

/// The gateway of a recipe, and its issuer at the place of the test: the issuer's name stays.
async fn started(heading: &str) -> (World, String) {
    let entry = part(heading, "authorization_servers");
    let issuer = issuer_of(&entry);
    let there = "    reach_at: \"@ISSUER@\"\n    allow_http: true\n";
    let servers = part(heading, "servers").replace("http://127.0.0.1:8000/mcp", "@UPSTREAM@/inner/mcp");
    let world = Plan::standard().issuers(&format!("{entry}{there}")).servers(&format!("\n{servers}")).start().await;
    let metadata = json!({"issuer": issuer, "jwks_uri": format!("{}{JWKS_PATH}", world.issuer.url())}).to_string();
    world.issuer.server().answer_with(move |seen| match seen.target.as_str() {
        JWKS_PATH => server::json(200, house_key_set().to_string()),
        path if path.contains("/.well-known/") => server::json(200, metadata.clone()),
        _ => server::json(404, "{}"),
    });
    (world, issuer)
}

/// What a token of this shape may do: read, and write.
async fn may(world: &World, token: &str) -> [u16; 2] {
    let mut statuses = [0; 2];
    for (status, tool) in statuses.iter_mut().zip(["get_forecast", "set_alarm"]) {
        let since = Instant::now();
        *status = loop {
            let reply = world.send(&Ask::post("/mcp", call(tool)).token(token)).await;
            // The metadata is fetched again a moment after the start.
            if reply.status != 503 || since.elapsed() > Duration::from_secs(15) {
                break reply.status;
            }
            sleep(Duration::from_millis(100)).await;
        };
    }
    statuses
}

/// A reader may read, a writer may write, and each of `refused` may do nothing, for this reason.
async fn keeps_its_promise(heading: &str, typ: &str, reader: Value, writer: Value, refused: &[(Value, &str)]) {
    let (world, issuer) = started(heading).await;
    let token = |claims: &Value| {
        let resource = json!(world.resource());
        let text = claims.to_string().replace("\"@RESOURCE@\"", &resource.to_string());
        let claims: Value = serde_json::from_str(&text).unwrap();
        let iss = claims.get("iss").cloned().unwrap_or(json!(issuer));
        shaped(&world, Some(typ), &claims).claim("iss", iss).token()
    };
    assert_eq!(may(&world, &token(&reader)).await, [200, 403], "{heading}: a reader");
    assert_eq!(may(&world, &token(&writer)).await, [200, 200], "{heading}: a writer");
    for (changes, reason) in refused {
        let mut claims = writer.clone();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let reply = world.send(&Ask::post("/mcp", call("get_forecast")).token(&token(&claims))).await;
        assert_eq!((reply.status, reply.reason().as_str()), (401, *reason), "{heading}: {changes}");
        assert!(document().contains(&format!("`{reason}`")), "{heading}: the page explains {reason}");
    }
    world.close().await;
}

#[tokio::test]
async fn people_a_recipes_auth0() {
    let of = |permissions: Value| {
        json!({"sub": "auth0|1", "aud": ["@RESOURCE@", "https://acme.eu.auth0.com/userinfo"], "azp": "spa",
               "scope": "openid", "permissions": permissions})
    };
    let refused = [
        (json!({"aud": "https://other.example/mcp"}), "token_audience"),
        (json!({"iss": "https://acme.eu.auth0.com"}), "token_issuer"),
    ];
    keeps_its_promise("Auth0", "JWT", of(json!(["mcp:read"])), of(json!(["mcp:read", "mcp:write"])), &refused).await;
}

#[tokio::test]
async fn people_a_recipes_entra() {
    let app = "99999999-8888-7777-6666-555555555555";
    let of = |roles: Value| {
        json!({"sub": "s", "oid": "o", "tid": "11111111-2222-3333-4444-555555555555", "aud": app, "azp": "caller",
               "azpacr": "1", "ver": "2.0", "roles": roles})
    };
    let refused = [
        (json!({"aud": "00000003-0000-0000-c000-000000000000"}), "token_audience"),
        (json!({"iss": "https://sts.windows.net/11111111-2222-3333-4444-555555555555/"}), "token_issuer"),
        (json!({"nonce": "n"}), "token_type"),
    ];
    let writer = of(json!(["mcp:read", "mcp:write"]));
    keeps_its_promise("Microsoft Entra ID", "JWT", of(json!(["mcp:read"])), writer, &refused).await;
}

#[tokio::test]
async fn people_a_recipes_okta() {
    let of = |scopes: Value| json!({"sub": "ada@acme.example", "uid": "00u1", "aud": "@RESOURCE@", "cid": "0oa1", "scp": scopes, "ver": 1, "jti": "AT.1"});
    let refused = [
        (json!({"aud": "api://default"}), "token_audience"),
        (json!({"iss": "https://acme.okta.com"}), "token_issuer"),
    ];
    keeps_its_promise("Okta", "JWT", of(json!(["mcp:read"])), of(json!(["mcp:read", "mcp:write"])), &refused).await;
}

#[tokio::test]
async fn people_a_recipes_keycloak() {
    let of = |scope: &str| {
        json!({"sub": "u-1", "aud": ["@RESOURCE@", "account"], "azp": "inspector", "typ": "Bearer", "scope": scope, "nonce": "n",
               "sid": "s", "acr": "1", "realm_access": {"roles": ["offline_access"]}, "preferred_username": "ada"})
    };
    let refused = [
        (json!({"aud": "account"}), "token_audience"),
        (json!({"typ": "ID"}), "token_type"),
        (json!({"sub": 5}), "token_subject"),
    ];
    keeps_its_promise("Keycloak", "JWT", of("openid mcp:read"), of("openid mcp:read mcp:write"), &refused).await;
}

#[tokio::test]
async fn people_a_recipes_cognito() {
    let of = |scope: &str| {
        json!({"sub": "u-1", "client_id": "7jkl1m2n3o4p5q6r7s8t9u0vwx", "token_use": "access", "scope": scope, "version": 2,
               "username": "ada", "cognito:groups": ["g"], "auth_time": 1, "jti": "j", "origin_jti": "o"})
    };
    let refused = [
        (json!({"client_id": "other"}), "token_client"),
        (json!({"token_use": "id", "aud": "7jkl1m2n3o4p5q6r7s8t9u0vwx"}), "token_type"),
    ];
    keeps_its_promise("Amazon Cognito", "JWT", of("openid mcp/read"), of("mcp/write"), &refused).await;
}

#[tokio::test]
async fn people_a_recipes_scalekit() {
    let of = |iss: &str, aud: &str, scopes: Value| json!({"iss": iss, "sub": "usr_1", "aud": [aud], "client_id": "skc_1", "scopes": scopes, "oid": "org_1", "jti": "tkn_1"});
    let reader = of("https://acme.scalekit.com", "res_42", json!(["mcp:read"]));
    let writer = of("https://acme.scalekit.com/resources/res_42", "@RESOURCE@", json!(["mcp:read", "mcp:write"]));
    let refused = [
        (json!({"aud": ["res_7"]}), "token_audience"),
        (json!({"iss": "https://acme.scalekit.com/resources/res_7"}), "token_issuer"),
    ];
    keeps_its_promise("Scalekit", "JWT", reader, writer, &refused).await;
}

#[tokio::test]
async fn people_a_recipes_wso2() {
    let of = |scope: &str| {
        json!({"sub": "u-1", "aud": "dcr-7", "client_id": "dcr-7", "azp": "dcr-7", "aut": "APPLICATION_USER", "scope": scope,
               "org_id": "10084a8d-113f-4211-a0d5-efe36b082211", "org_name": "acme", "jti": "j"})
    };
    let refused = [
        (json!({"org_id": "another"}), "token_required_claim"),
        (json!({"aud": ["dcr-7", "https://other.example"]}), "token_audience"),
    ];
    let heading = "WSO2 Identity Server and Asgardeo";
    keeps_its_promise(heading, "at+jwt", of("mcp:read"), of("mcp:read mcp:write"), &refused).await;
}

#[test]
fn people_a_recipes_of_the_page_are_all_tested() {
    let document = document();
    let sections = document.split("\n## ").skip(1).filter(|section| section.contains("```yaml\npublic_url"));
    let elsewhere = ["Canaille\n", "django-oauth-toolkit\n"];
    let here = sections.filter(|section| !elsewhere.iter().any(|name| section.starts_with(name)));
    assert_eq!(here.count(), 7, "each of them has a test above, and the others in tests/people/parts/direct.py");
}

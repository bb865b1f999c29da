//! Clients of 2025-03-26 before an external issuer: the mirror, `/register`, and an outage (A13).

use serde_json::{Value, json};

use crate::e2e::world::{
    Ask, Plan, World,
    issuer::{JWKS_PATH, METADATA_PATHS, house_key_set},
    server,
};

const MIRROR: &str = "/.well-known/oauth-authorization-server";
/// What Python's SDK 1.9.4 cannot parse.
const NEWER: [&str; 5] = [
    "token_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "response_modes_supported",
    "service_documentation",
];

fn metadata(issuer: &str, registers: bool) -> Value {
    let mut all = json!({
        "issuer": issuer, "jwks_uri": format!("{issuer}{JWKS_PATH}"), "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "revocation_endpoint": format!("{issuer}/revoke"),
        "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"], "scopes_supported": ["openid"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "revocation_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "introspection_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "response_modes_supported": ["query", "fragment", "form_post"], "service_documentation": "docs",
        "client_id_metadata_document_supported": true,
    });
    if registers {
        all["registration_endpoint"] = json!(format!("{issuer}/clients"));
    }
    all
}

/// A world whose issuer has this metadata.
async fn world(registers: bool) -> (World, server::Upstream, Value) {
    let issuer = server::Upstream::start(None).await;
    let document = metadata(&issuer.url(), registers);
    let (text, keys) = (document.to_string(), house_key_set().to_string());
    issuer.answer_with(move |seen| match seen.target.as_str() {
        JWKS_PATH => server::json(200, &keys),
        path if path == METADATA_PATHS[0] => server::json(200, &text),
        _ => server::json(404, "{}"),
    });
    let plan = Plan::standard().issuers(&format!("  house: {{issuer: \"{}\"}}\n", issuer.url()));
    let world = plan.start().await;
    world.until_ready().await;
    (world, issuer, document)
}

#[tokio::test]
async fn people_a13_early_clients_get_what_they_can_parse_and_others_get_everything() {
    let (world, _issuer, document) = world(true).await;
    for version in [None, Some("2025-06-18"), Some("2026-07-28"), Some("2025-03-26x"), Some("")] {
        let ask = Ask::get(MIRROR);
        let ask = version.map_or(ask.clone(), |version| ask.with("MCP-Protocol-Version", version));
        let reply = world.send(&ask).await;
        assert_eq!((reply.status, reply.json()), (200, document.clone()), "{version:?}");
        assert!(reply.all("vary").iter().any(|vary| vary.eq_ignore_ascii_case("mcp-protocol-version")), "{reply:?}");
    }
    let mut expected = document.clone();
    for name in NEWER {
        expected.as_object_mut().unwrap().remove(name);
    }
    for version in ["2025-03-26", "2024-11-05"] {
        let reply = world.send(&Ask::get(MIRROR).with("MCP-Protocol-Version", version)).await;
        assert_eq!((reply.status, reply.json()), (200, expected.clone()), "{version}");
        assert!(reply.all("vary").iter().any(|vary| vary.eq_ignore_ascii_case("mcp-protocol-version")), "{reply:?}");
        let registered = world.send(&Ask::post("/register", "{\"client_name\":\"x\"}")).await;
        assert_eq!(registered.status, 404);
        let told = registered.json();
        let (error, about) = (told["error"].as_str().unwrap(), told["error_description"].as_str().unwrap());
        let endpoint = document["registration_endpoint"].as_str().unwrap();
        assert!(error == "invalid_request" && about.contains(endpoint), "{told}");
    }
    world.close().await;
}

#[tokio::test]
async fn people_a13_an_issuer_without_registration_is_named_by_the_404() {
    let (world, issuer, _) = world(false).await;
    let reply = world.send(&Ask::post("/register", "{}")).await;
    let about = reply.json()["error_description"].as_str().unwrap().to_owned();
    assert_eq!(reply.status, 404);
    assert!(about.contains(&issuer.url()) && about.contains("has no registration_endpoint"), "{about}");
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    for path in ["/registered", "/register/x", "/authorize", "/token"] {
        assert_eq!(world.send(&Ask::post(path, "{}")).await.reason(), "not_found", "{path}");
    }
    world.close().await;
}

#[tokio::test]
async fn people_a13_the_503_of_the_mirror_does_not_mention_a_token() {
    let away = server::Upstream::start(None).await;
    away.stop();
    let plan = Plan::standard().issuers(&format!("  house: {{issuer: \"{}\"}}\n", away.url()));
    let world = plan.start().await;
    let reply = world.send(&Ask::get(MIRROR)).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")), "{reply:?}");
    let text = reply.text();
    assert!(!text.contains("token") && text.contains(&away.url()) && text.contains("try again"), "{text}");
    // Without its metadata nothing is known of its registration.
    assert_eq!(world.send(&Ask::post("/register", "{}")).await.reason(), "not_found");
    world.close().await;
}

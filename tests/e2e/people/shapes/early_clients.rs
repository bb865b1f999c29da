//! Clients of 2025-03-26 before an external issuer: the mirror, `/register`, and an outage (A13).

use serde_json::{Value, json};

use crate::e2e::world::{
    Ask, Plan, World,
    issuer::{JWKS_PATH, METADATA_PATHS, house_key_set},
    server,
};

const MIRROR: &str = "/.well-known/oauth-authorization-server";
/// What Python's SDKs up to 1.9.2 cannot parse, whatever its value, or of which it knows no value.
const LEFT_OUT: [&str; 5] = [
    "introspection_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "service_documentation",
];

fn metadata(issuer: &str, registers: bool) -> Value {
    let mut all = json!({
        "issuer": issuer, "jwks_uri": format!("{issuer}{JWKS_PATH}"), "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "revocation_endpoint": format!("{issuer}/revoke"),
        "response_types_supported": ["code", "code id_token"], "code_challenge_methods_supported": ["plain", "S256"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"], "scopes_supported": ["openid"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
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
    for name in LEFT_OUT {
        expected.as_object_mut().unwrap().remove(name).unwrap();
    }
    // These stay, with the values that such clients know: the TypeScript SDK up to 1.12 reads no
    // document without `response_types_supported`.
    expected["response_types_supported"] = json!(["code"]);
    expected["response_modes_supported"] = json!(["query", "fragment"]);
    expected["code_challenge_methods_supported"] = json!(["S256"]);
    expected["grant_types_supported"] = json!(["authorization_code", "refresh_token"]);
    expected["token_endpoint_auth_methods_supported"] = json!(["client_secret_post", "none"]);
    expected["revocation_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
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

const TWO_SERVERS: &str = r#"
  a: {path: /a/mcp, upstream: {url: "@UPSTREAM@/mcp"}, authorization_servers: [FIRST], access: authenticated}
  b: {path: /b/mcp, upstream: {url: "@UPSTREAM@/mcp"}, authorization_servers: [SECOND], access: authenticated}
"#;

/// Two servers, `a` with the first issuer and `b` with the second; and their URLs.
async fn two(first: &str, second: &str) -> (World, [server::Upstream; 2]) {
    let issuers = [server::Upstream::start(None).await, server::Upstream::start(None).await];
    for (issuer, registers) in issuers.iter().zip([true, false]) {
        let (text, keys) = (metadata(&issuer.url(), registers).to_string(), house_key_set().to_string());
        issuer.answer_with(move |seen| match seen.target.as_str() {
            JWKS_PATH => server::json(200, &keys),
            path if path == METADATA_PATHS[0] => server::json(200, &text),
            _ => server::json(404, "{}"),
        });
    }
    let yaml = issuers
        .iter()
        .zip(["one", "two"])
        .map(|(issuer, name)| format!("  {name}: {{issuer: \"{}\"}}\n", issuer.url()));
    let yaml: String = yaml.collect();
    let servers = TWO_SERVERS.replace("FIRST", first).replace("SECOND", second);
    let world = Plan::standard().servers(&servers).issuers(&yaml).start().await;
    world.until_ready().await;
    (world, issuers)
}

#[tokio::test]
async fn people_a13_several_servers_of_one_issuer_have_its_metadata_at_the_root() {
    let (world, [one, _two]) = two("one", "one").await;
    let reply = world.send(&Ask::get(MIRROR).with("MCP-Protocol-Version", "2025-03-26")).await;
    assert_eq!((reply.status, reply.json()["issuer"].as_str()), (200, Some(&*one.url())), "{reply:?}");
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(world.send(&Ask::get("/.well-known/openid-configuration")).await.json(), metadata(&one.url(), true));
    assert_eq!(world.send(&Ask::new("HEAD", MIRROR)).await.status, 200);
    assert_eq!(world.send(&Ask::post(MIRROR, "{}")).await.status, 405);
    // The document about a server stays with that server.
    assert_eq!(world.send(&Ask::get("/.well-known/oauth-protected-resource")).await.status, 404);
    for path in ["/register", "/register/", "/a/mcp/register", "/b/mcp/register/"] {
        let reply = world.send(&Ask::post(path, "{}")).await;
        let told = reply.json()["error_description"].as_str().unwrap_or_default().to_owned();
        assert!(reply.status == 404 && told.contains(&format!("{}/clients", one.url())), "{path}: {reply:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn people_a13_several_issuers_are_each_named_where_such_a_client_asks() {
    let (world, [one, two]) = two("one", "two").await;
    let reply = world.send(&Ask::get(MIRROR)).await;
    let told = reply.json()["error_description"].as_str().unwrap().to_owned();
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (404, Some("*")));
    for word in [&one.url(), &two.url(), "followed by the path of that MCP server", "root: true"] {
        assert!(told.contains(word), "{told}");
    }
    assert!(!told.contains("/a/mcp"), "the paths of servers are not told: {told}");
    let told = |reply: &Value| reply["error_description"].as_str().unwrap().to_owned();
    let both = told(&world.send(&Ask::post("/register", "{}")).await.json());
    assert!(both.contains(&format!("{0} registers them at {0}/clients", one.url())), "{both}");
    assert!(both.contains(&format!("{} has no registration_endpoint", two.url())), "{both}");
    let of_one = told(&world.send(&Ask::post("/a/mcp/register", "{}")).await.json());
    assert!(of_one.contains(&format!("{}/clients", one.url())) && !of_one.contains(&two.url()), "{of_one}");
    let of_two = told(&world.send(&Ask::post("/b/mcp/register", "{}")).await.json());
    assert!(of_two.contains(&two.url()) && !of_two.contains(&one.url()), "{of_two}");
    for path in ["/c/mcp/register", "/a/mcp/x/register", "/register/x", "/registered", "/a/mcp/registered"] {
        assert_eq!(world.send(&Ask::post(path, "{}")).await.reason(), "not_found", "{path}");
    }
    world.close().await;
}

/// A client of the server with API keys alone would sign in at an issuer whose tokens it refuses.
#[tokio::test]
async fn people_a11_a13_beside_a_server_with_api_keys_alone_the_root_leads_to_no_issuer() {
    let servers = r#"
  main: {path: /mcp, upstream: {url: "@UPSTREAM@/mcp"}, authorization_servers: [house], access: authenticated}
  tools: {path: /tools, upstream: {url: "@UPSTREAM@/mcp"}, authorization_servers: [], access: authenticated}
"#;
    let key = format!("keys: [{{name: ci, sha256: \"{}\", servers: [tools]}}]\n", "a".repeat(64));
    let plan = Plan::standard().servers(servers).file("keys.yaml", &key).top("keys: {file: keys.yaml}\n");
    let world = plan.start().await;
    world.until_ready().await;
    for path in [MIRROR, "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/tools"] {
        let reply = world.send(&Ask::get(path).with("MCP-Protocol-Version", "2025-03-26")).await;
        assert_eq!((reply.status, reply.reason().as_str()), (404, "not_found"), "{path}");
        assert!(!reply.text().contains(&world.issuer.url()), "{path}: {}", reply.text());
    }
    for path in ["/register", "/tools/register"] {
        let reply = world.send(&Ask::post(path, "{}")).await;
        assert_eq!((reply.status, reply.reason().as_str()), (404, "not_found"), "{path}");
        assert!(!reply.text().contains(&world.issuer.url()), "{path}: {}", reply.text());
    }
    // A client of the other server finds everything below its path.
    let own = world.send(&Ask::get("/.well-known/oauth-authorization-server/mcp")).await;
    assert_eq!((own.status, own.json()["issuer"].as_str()), (200, Some(&*world.issuer.url())));
    world.close().await;
}

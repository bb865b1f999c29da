//! Does each refusal tell the operator what was refused, what was expected, and what to do, and nothing secret?

use serde_json::{Value, json};

use crate::e2e::world::{Ask, Plan, World, call, command};

/// The audit line with this reason.
async fn audited(world: &World, reason: &str) -> Value {
    let reason = format!("\"reason\":\"{reason}\"");
    let line = world.gateway.line(|line| line.contains("\"audit\"") && line.contains(&reason)).await;
    serde_json::from_str(&line).unwrap()
}

/// The log line with this reason.
async fn logged(world: &World, reason: &str) -> Value {
    let reason = format!("\"reason\":\"{reason}\"");
    let line = world.gateway.line(|line| !line.contains("\"audit\"") && line.contains(&reason)).await;
    serde_json::from_str(&line).unwrap()
}

/// Level, message, what came, what was expected, and what to do.
fn words(line: &Value) -> [&str; 5] {
    ["level", "message", "found", "expected", "advice"].map(|field| line[field].as_str().unwrap_or_default())
}

/// Sends, and asserts log line and audit line of the refusal, word for word.
async fn told(world: &World, ask: &Ask, reason: &str, wanted: [&str; 5]) -> Value {
    world.send(ask).await;
    let line = logged(world, reason).await;
    assert_eq!(words(&line), wanted, "{line}");
    let audit = audited(world, reason).await;
    let in_audit = ["found", "expected"].map(|field| audit[field].as_str().unwrap_or_default());
    if reason != "insufficient_scope" {
        assert_eq!(in_audit, [wanted[2], wanted[3]], "{audit}");
    }
    line
}

#[tokio::test]
async fn first_9_a_404_tells_the_path_without_its_query_and_the_path_that_was_meant() {
    let world = World::standard().await;
    world.secret("q-secret-of-a-client");
    let what = "no MCP server and no document is at this path";
    let advice = "give clients one of the URLs that the gateway serves";
    let far = Ask::get("/wp-login.php?key=q-secret-of-a-client");
    told(&world, &far, "not_found", ["INFO", what, "/wp-login.php", "/mcp", advice]).await;
    let near = Ask::post("/mpc?access_token=q-secret-of-a-client", "{}");
    world.send(&near).await;
    let line = world.gateway.line(|line| line.contains("WARN") && line.contains("\"found\":\"/mpc\"")).await;
    assert!(line.contains("\"expected\":\"/mcp\"") && line.contains(what), "{line}");
    // What clients and browsers look for is no news.
    world.send(&Ask::get("/.well-known/nothing")).await;
    world.gateway.line(|line| line.contains("\"audit\"") && line.contains("/.well-known/nothing")).await;
    world.send(&Ask::get("/files/eyJhbGciOiJFUzI1NiJ9.e30.c2ln")).await;
    world.gateway.line(|line| line.contains("\"audit\"") && line.contains("\"found\":\"/files/eyJhbGc…\"")).await;
    let output = world.gateway.output();
    assert_eq!(output.lines().filter(|line| line.contains(what)).count(), 2, "{output}");
    world.close().await;
}

#[tokio::test]
async fn first_9_a_404_shows_the_parts_that_are_nearly_those_of_a_served_path() {
    let world = Plan::standard_but("path: /mcp", "path: /Weather-Service-2026-06/mcp").start().await;
    for (path, found) in [
        ("/Weather-Service-2026-06/mpc", "/Weather-Service-2026-06/mpc"),
        ("/Weather-Service-2026-07/mcp", "/Weather-Service-2026-07/mcp"),
        ("/Weather-Service-2025-17-b/mcp", "/Weathe…/mcp"),
    ] {
        world.send(&Ask::get(path)).await;
        let found = format!("\"found\":\"{found}\"");
        world.gateway.line(|line| line.contains("\"audit\"") && line.contains(&found)).await;
    }
    world.close().await;
}

#[tokio::test]
async fn first_9_a_host_and_an_origin_are_told_with_the_line_to_add() {
    let world = World::standard().await;
    let own = world.authority.clone();
    told(
        &world,
        &world.post(call("safe")).set("Host", "mcp.internal"),
        "misdirected",
        [
            "WARN",
            "refused a request for a host name that is not one of the gateway's",
            "mcp.internal",
            &own,
            "if clients or probes use it, add it at the top of the file: hosts: [\"mcp.internal\"]",
        ],
    )
    .await;
    let line = told(
        &world,
        &world.post(call("safe")).with("Origin", "http://localhost:6274"),
        "foreign_origin",
        [
            "WARN",
            "refused a browser page of another origin",
            "http://localhost:6274",
            "",
            "if it is your own page, add the line to the server: allowed_origins: [\"http://localhost:6274\"]",
        ],
    )
    .await;
    assert_eq!((&line["server"], &line["status"]), (&"main".into(), &403.into()));
    world.close().await;
}

#[tokio::test]
async fn first_9_a_refused_token_is_told_alike_by_log_audit_and_explain() {
    let issuers = "  house: {issuer: \"@ISSUER@\", profile: keycloak, token_types: [at+jwt, JWT], required_claims: {org_id: [org_42]}}\n";
    let world = Plan::standard().issuers(issuers).start().await;
    world.until_ready().await;
    let mint = || world.mint().claim("typ", json!("Bearer")).claim("org_id", json!("org_42"));
    let (own, resource) = (world.issuer.url(), world.resource());
    for (token, reason, level, message, found, expected, advice) in [
        (
            mint().claim("aud", json!("account")).token(),
            "token_audience",
            "WARN",
            "a token of this issuer was refused: the token is not for this resource: its aud is another",
            "aud account",
            format!("aud {resource}"),
            "Keycloak writes account into aud until the client scope has an audience mapper",
        ),
        (
            mint().claim("org_id", json!("org_41")).token(),
            "token_required_claim",
            "WARN",
            "a token of this issuer was refused: the token is not accepted here: its org_id is absent or has another value",
            "org_id org_41",
            "org_id \"org_42\"".to_owned(),
            "the token is of another tenant or organization, or required_claims is not right",
        ),
        (
            "an-opaque-token".to_owned(),
            "token_malformed",
            "INFO",
            "a token was refused: it is not a signed JWT",
            "an opaque token: a text without dots",
            "three parts of base64url, with two dots between them".to_owned(),
            "an opaque token can be checked only by asking its issuer",
        ),
        (
            mint().claim("iss", json!("https://sts.example/tenant/")).token(),
            "token_issuer",
            "INFO",
            "a token was refused, because its iss is not an issuer of this server",
            "iss https://sts.example/tenant/",
            format!("iss {own}"),
            "Keycloak writes the host name by which it was asked into iss",
        ),
    ] {
        world.send(&Ask::post("/mcp", call("safe")).token(&token)).await;
        let line = logged(&world, reason).await;
        let [told_level, told, was, wanted, what_to_do] = words(&line);
        assert_eq!((told_level, told, was, wanted), (level, message, found, &*expected), "{line}");
        assert!(what_to_do.starts_with(advice), "{line}");
        let audit = audited(&world, reason).await;
        assert_eq!((&audit["found"], &audit["expected"]), (&found.into(), &(*expected).into()), "{audit}");

        let file = world.folder.path().join("token");
        std::fs::write(&file, &token).unwrap();
        let asked =
            ["explain", "--config", "gateway.yaml", "--server", "main", "--tool", "safe", "--token-file", "token"];
        let (_, shown, _) = command::portcullis(world.folder.path(), &asked).await;
        for words in [
            message.to_owned(),
            format!("  found: {was}"),
            format!("  expected: {wanted}"),
            format!("  advice: {what_to_do}"),
        ] {
            assert!(shown.lines().any(|line| line == words), "{words}\n{shown}");
        }
    }
    // An expired token is normal: the client refreshes it. The audit line says by how much.
    world.send(&Ask::post("/mcp", call("safe")).token(&mint().claim("exp", json!(1_000)).token())).await;
    let audit = audited(&world, "token_expired").await;
    assert!(audit["found"].as_str().unwrap().starts_with("exp 1970-01-01T00:16:40Z, "), "{audit}");
    let output = world.gateway.output();
    assert!(!output.lines().any(|line| !line.contains("\"audit\"") && line.contains("token_expired")), "{output}");
    world.close().await;
}

#[tokio::test]
async fn first_9_a_refusal_of_the_rules_tells_the_rule_and_where_it_is_written() {
    let world = World::standard().await;
    let yaml = std::fs::read_to_string(world.config_path()).unwrap();
    let at = |words: &str| {
        let line = yaml.lines().position(|line| line.contains(words)).unwrap();
        let column = yaml.lines().nth(line).unwrap().find('{').unwrap() + 1;
        format!("{}:{}:{column}", world.config_path().display(), line + 1)
    };
    let line = told(
        &world,
        &world.post(call("danger")),
        "insufficient_scope",
        [
            "INFO",
            "a token lacks scope",
            "mcp:connect",
            "mcp:connect mcp:danger",
            "the client asks its user for more; if that does not help, have the issuer grant the scope",
        ],
    )
    .await;
    assert_eq!(line["rule_at"], at("tools: [danger]"), "{line}");
    let line = told(
        &world,
        &world.post(call("forbidden")),
        "forbidden",
        [
            "INFO",
            "a rule refuses this caller",
            "tools/call forbidden",
            "",
            "if the caller may do this, change the rule or the claims of the caller",
        ],
    )
    .await;
    assert_eq!(line["rule_at"], at("tools: [forbidden]"), "{line}");
    told(
        &world,
        &world.post(call("unheard_of")),
        "no_rule",
        [
            "INFO",
            "no rule permits this",
            "tools/call unheard_of",
            "",
            "if callers may do this, add a rule for it to the server",
        ],
    )
    .await;
    world.close().await;
}

#[tokio::test]
async fn first_9_a_refused_body_is_told_with_the_limit_or_the_member() {
    let world = World::standard().await;
    told(
        &world,
        &world.post("x".repeat(70_000)),
        "body_too_large",
        [
            "INFO",
            "a body is larger than the server takes",
            "",
            "at most 65536 bytes (limits.request_body)",
            "if such requests are right, raise `limits.request_body` of the server",
        ],
    )
    .await;
    told(
        &world,
        &world.post(call("safe")).set("Content-Type", "text/plain"),
        "media_type",
        [
            "INFO",
            "the body is not labelled as JSON",
            "",
            "application/json in UTF-8",
            "have the client send application/json",
        ],
    )
    .await;
    world.send(&world.post("[]")).await;
    let line = logged(&world, "not_a_message").await;
    assert!(!line["found"].as_str().unwrap_or_default().is_empty(), "{line}");
    world.close().await;
}

fn read(world: &World, uri: &str) -> Ask {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri}});
    world.post(message.to_string())
}

#[tokio::test]
async fn first_9_attack_439_a_key_in_the_path_of_a_refused_resource_is_in_no_line_of_the_log() {
    let world = World::standard().await;
    world.send(&read(&world, "https://drive.example/reset/ghp_0123456789abcdefghijklmnopqrstuvwxyz")).await;
    let wanted = "resources/read https://drive.example/reset/ghp_0123…";
    assert_eq!(logged(&world, "no_rule").await["found"], wanted);
    let audit = audited(&world, "no_rule").await;
    assert_eq!(audit["found"], wanted);
    assert_eq!(audit["target"], "https://drive.example/reset/ghp_0123456789abcdefghijklmnopqrstuvwxyz");
    world.close().await;
}

#[tokio::test]
async fn first_9_attack_393_at_debug_no_token_no_query_and_no_person_is_in_the_log() {
    let paths = "path: /mcp\n    paths: [{path: \"/pub/**\", access: public}]";
    let world = Plan::standard_but("path: /mcp", paths).top("log: {level: debug}").start().await;
    world.until_ready().await;
    for word in ["q-secret-of-a-client", "ada-the-person", "ada@corp.example", "ghp_0123456789abcdef"] {
        world.secret(word);
    }
    let mint = || world.mint().claim("email", json!("ada@corp.example")).claim("sub", json!("ada-the-person"));
    let tokens = [
        mint().claim("aud", json!("https://other.example")).token(),
        mint().claim("exp", json!(1)).token(),
        mint().claim("nbf", json!(9_999_999_999_u64)).token(),
        mint().claim("iss", json!("https://other.example?key=q-secret-of-a-client")).token(),
        mint().claim("nonce", json!("q-secret-of-a-client")).head("typ", json!("JWT")).token(),
        mint().by(&crate::e2e::world::key::OTHER).token(),
        mint().without("exp").token(),
        mint().token_signed(b"nothing"),
    ];
    for token in &tokens {
        world.send(&Ask::post("/mcp?key=q-secret-of-a-client", call("safe")).token(token)).await;
        world.send(&Ask::post("/nowhere?key=q-secret-of-a-client", call("safe")).token(token)).await;
        world.send(&Ask::get(&format!("/mcp/{token}"))).await;
        // In the path of an allowed request as well.
        world.send(&Ask::get(&format!("/pub/{token}"))).await;
        world.send(&Ask::new("PATCH", &format!("/pub/t={token}/x"))).await;
        world.send(&read(&world, &format!("file:///pub/{token}"))).await;
    }
    world.send(&Ask::get("/mcp?access_token=q-secret-of-a-client")).await;
    // The query of a resource's URI holds keys as well, whether a rule permits it or not.
    for place in ["https://drive.example/x", "file:///pub/x"] {
        for (method, end) in [("read", "?key=q-secret-of-a-client"), ("subscribe", "#q-secret-of-a-client")] {
            let params = json!({"uri": format!("{place}{end}")});
            let message = json!({"jsonrpc": "2.0", "id": 1, "method": format!("resources/{method}"), "params": params});
            world.send(&world.post(message.to_string())).await;
        }
    }
    for uri in [
        "https://drive.example/reset/ghp_0123456789abcdefghijklmnopqrstuvwxyz",
        "https:\\\\ada:q-secret-of-a-client@drive.example/x",
        "//ada:q-secret-of-a-client@drive.example/x",
        "https:/ada:q-secret-of-a-client@drive.example/x",
        "https:ada:q-secret-of-a-client@drive.example/x",
        "https://ada:q-secret/q-secret-of-a-client@drive.example/x",
        "file:///pub/x{?token=q-secret-of-a-client",
        "file:///pub/x{#q-secret-of-a-client",
    ] {
        // The audit line has the path of a resource, but no user of it.
        let is_key = uri.contains("ghp_");
        world.send(&if is_key { Ask::get(&uri.replace("https://drive.example", "")) } else { read(&world, uri) }).await;
    }
    world.gateway.line(|line| line.contains("\"found\":\"resources/read https:\\\\\\\\…@drive.example/x")).await;
    world.gateway.line(|line| line.contains("\"target\":\"file:///pub/x{?token=…\"")).await;
    world.gateway.line(|line| line.contains("\"target\":\"/pub/t=eyJ…/x\"")).await;
    world.gateway.line(|line| line.contains("\"target\":\"/pub/eyJ…\"")).await;
    world.gateway.line(|line| line.contains("\"target\":\"file:///pub/x?key=…\"")).await;
    let shown = "\"found\":\"resources/read https://drive.example/x?key=…\"";
    world.gateway.line(|line| line.contains("\"no rule permits this\"") && line.contains(shown)).await;
    world.gateway.line(|line| line.contains("DEBUG") && line.contains("\"reason\":\"token_expired\"")).await;
    audited(&world, "token_in_query").await;
    // The end of a world looks for its secrets in all that the gateway has said.
    world.close().await;
}

#[tokio::test]
async fn first_9_attack_394_ten_thousand_refusals_are_a_few_lines() {
    let world = World::standard().await;
    let host = world.authority.clone();
    let mut some = String::new();
    for _ in 0..99 {
        some.push_str(&format!("GET /nowhere HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    }
    some.push_str(&format!("GET /nowhere HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    for _ in 0..100 {
        world.raw(some.as_bytes()).await;
    }
    let series = "portcullis_requests_total{server=\"\",outcome=\"not_found\",upstream=\"none\"} 10000";
    let metrics = world.admin("/metrics").await.text();
    assert!(metrics.contains(series), "{metrics}");
    let output = world.gateway.output();
    let lines = output.lines().filter(|line| line.contains("no MCP server and no document")).count();
    assert!((1..=3).contains(&lines), "{lines} lines");
    world.close().await;
}

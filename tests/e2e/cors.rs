//! Can a browser page from an allowed origin use us, and one from elsewhere not (SPEC A-60…A-68, D-40…D-44)?

use super::world::{Ask, Plan, Process, Row, Want, World, call, row, server};

const GOOD: &str = "https://app.example";
const PRM: &str = "/.well-known/oauth-protected-resource/mcp";

fn preflight(path: &str, origin: &str, method: &str, headers: &str) -> Ask {
    Ask::new("OPTIONS", path)
        .with("Origin", origin)
        .with("Access-Control-Request-Method", method)
        .with("Access-Control-Request-Headers", headers)
}

fn words(list: Option<&str>) -> Vec<String> {
    list.unwrap_or_default().split(',').map(|word| word.trim().to_ascii_lowercase()).collect()
}

#[tokio::test]
async fn a60_a61_a62_a64_a68_preflight_is_answered_before_auth() {
    let world = World::standard().await;
    let reply = world.send(&preflight("/mcp", GOOD, "POST", "mcp-param-region, authorization")).await;
    assert_eq!(reply.status, 204, "{reply:?}");
    assert!(reply.header("www-authenticate").is_none());
    assert_eq!(reply.header("access-control-allow-origin"), Some(GOOD));
    assert!(words(reply.header("vary")).contains(&"origin".to_owned()), "{reply:?}");
    assert!(reply.header("access-control-allow-credentials").is_none());
    let headers = words(reply.header("access-control-allow-headers"));
    for name in [
        "authorization",
        "content-type",
        "accept",
        "mcp-protocol-version",
        "mcp-session-id",
        "last-event-id",
        "mcp-method",
        "mcp-name",
        "mcp-param-region",
    ] {
        assert!(headers.contains(&name.to_owned()), "a62: {name} is not in {headers:?}");
    }
    let mut methods = words(reply.header("access-control-allow-methods"));
    methods.sort();
    assert_eq!(methods, ["delete", "get", "options", "post"], "a64");
    let age: u32 = reply.header("access-control-max-age").expect("a64: a bound").parse().unwrap();
    assert!(age <= 86_400);

    let private =
        preflight("/mcp", GOOD, "POST", "authorization").with("Access-Control-Request-Private-Network", "true");
    assert!(world.send(&private).await.header("access-control-allow-private-network").is_none(), "a68");
    let patch = world.send(&preflight("/mcp", GOOD, "PATCH", "authorization")).await;
    assert!(!words(patch.header("access-control-allow-methods")).contains(&"patch".to_owned()), "a64");
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn a61_attack_106_a_preflight_from_elsewhere_allows_nothing() {
    let world = World::standard().await;
    for origin in ["https://evil.example", "null", "https://app.example.evil", "http://app.example"] {
        let reply = world.send(&preflight("/mcp", origin, "POST", "authorization")).await;
        assert!(matches!(reply.status, 204 | 403), "{origin}: {reply:?}");
        for name in ["access-control-allow-origin", "access-control-allow-headers", "access-control-allow-methods"] {
            assert!(reply.header(name).is_none(), "{origin}: {reply:?}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn a63_answers_to_a_browser_expose_what_it_needs_errors_too() {
    let world = World::standard().await;
    let token = world.token();
    for (ask, status) in [
        (Ask::post("/mcp", call("safe")), 401),
        (Ask::post("/mcp", call("danger")).token(&token), 403),
        (Ask::post("/mcp", call("safe")).token(&token), 200),
        (Ask::post("/mcp", "{").token(&token), 400),
    ] {
        let reply = world.send(&ask.with("Origin", GOOD)).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("access-control-allow-origin"), Some(GOOD), "{status}");
        let exposed = words(reply.header("access-control-expose-headers"));
        for name in ["www-authenticate", "mcp-session-id"] {
            assert!(exposed.contains(&name.to_owned()), "{status}: {exposed:?}");
        }
        assert!(words(reply.header("vary")).contains(&"origin".to_owned()), "{status}");
    }
    world.close().await;
}

#[tokio::test]
async fn a65_documents_are_for_every_origin() {
    let world = World::standard().await;
    for path in [PRM, "/.well-known/oauth-authorization-server"] {
        let reply = world.send(&Ask::get(path).with("Origin", "https://anyone.example")).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some("*")), "{path}");
        let reply = world.send(&preflight(path, "https://anyone.example", "GET", "mcp-protocol-version")).await;
        assert_eq!(reply.status, 204, "{path}");
        let headers = words(reply.header("access-control-allow-headers"));
        assert!(headers.contains(&"mcp-protocol-version".to_owned()), "{path}: {headers:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn a66_the_upstreams_cors_headers_are_replaced() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| {
        let headers = [
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Allow-Private-Network", "true"),
            ("Content-Type", "application/json"),
        ];
        server::full(200, &headers, "{}")
    });
    let reply = world.send(&world.post(call("safe")).with("Origin", GOOD)).await;
    assert_eq!(reply.all("access-control-allow-origin"), [GOOD]);
    assert!(reply.header("access-control-allow-credentials").is_none());
    assert!(reply.header("access-control-allow-private-network").is_none());
    let reply = world.send(&world.post(call("safe"))).await;
    assert!(reply.header("access-control-allow-origin").is_none(), "no Origin, no CORS: {reply:?}");
    world.close().await;
}

#[tokio::test]
async fn a67_d40_attack_105_a_page_from_elsewhere_gets_403_with_the_best_token() {
    let world = World::standard().await;
    let mut rows: Vec<Row> = Vec::new();
    for origin in [
        "https://evil.example",
        "null",
        "https://app.example.evil",
        "https://app.example:444",
        "http://app.example",
        "https://app.example/",
        "https://app.example.",
        "https://gw.example.evil",
        "",
    ] {
        let ask = world.post(call("safe")).with("Origin", origin);
        rows.push(row(format!("POST {origin:?}"), ask, Want::OneOf(&[400, 403])));
        for method in ["GET", "DELETE"] {
            let ask = Ask::new(method, "/mcp").token(&world.token()).with("Origin", origin);
            rows.push(row(format!("{method} {origin:?}"), ask, Want::OneOf(&[400, 403])));
        }
    }
    let two = world.post(call("safe")).with("Origin", GOOD).with("Origin", "https://evil.example");
    rows.push(row("two origins", two, Want::OneOf(&[400, 403])));
    rows.push(row("the public origin", world.post(call("safe")).with("Origin", &world.public), Want::Passes));
    rows.push(row("a listed origin", world.post(call("safe")).with("Origin", GOOD), Want::Passes));
    rows.push(row("no origin", world.post(call("safe")), Want::Passes));
    world.verdicts(rows).await;
    let reply = world.send(&world.post(call("safe")).with("Origin", "https://evil.example")).await;
    assert_eq!(reply.status, 403);
    assert!(reply.header("www-authenticate").is_none() && reply.header("access-control-allow-origin").is_none());
    world.close().await;
}

#[tokio::test]
async fn d41_d42_attack_099_an_unknown_host_is_misdirected() {
    let world = World::standard().await;
    let named = |host: &str| world.post(call("safe")).with("Host", host);
    let rows = [
        "evil.example",
        "evil.example:443",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "localhost.evil.example",
        "127.0.0.1.",
        "localhost.",
        "evil@127.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
    ];
    let rows = rows.map(|host| row(host, named(host), Want::OneOf(&[400, 421])));
    world.verdicts(rows.into()).await;
    let two = named(&world.authority).with("Host", "evil.example");
    world.verdicts(vec![row("two", two, Want::Status(400))]).await;
    let both = world.post(call("safe")).with("Host", "evil.example").with("Origin", "http://evil.example");
    world.verdicts(vec![row("host and origin agree", both, Want::OneOf(&[400, 403, 421]))]).await;
    world.close().await;
}

#[tokio::test]
async fn d43_a_public_address_without_tls_needs_a_word() {
    let yaml = |extra: &str| {
        format!(
            "public_url: https://gw.example\nlisten:\n  - {{address: \"0.0.0.0:0\"{extra}}}\nadmin: {{address: \"127.0.0.1:0\"}}\n\
             authorization_servers:\n  h: {{issuer: \"https://as.example\", jwks: {{file: keys.json}}}}\nservers:\n  main:\n    path: /mcp\n    \
             upstream: {{url: \"http://127.0.0.1:9/mcp\"}}\n    access: authenticated\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    std::fs::write(folder.path().join("keys.json"), super::world::issuer::house_key_set().to_string()).unwrap();
    std::fs::write(&path, yaml("")).unwrap();
    let Err(ended) = Process::start(&path, &[]).await else { panic!("it served without TLS on every address") };
    assert_eq!(ended.code, Some(2), "{}", ended.output);
    std::fs::write(&path, yaml(", plaintext: true")).unwrap();
    let started = Process::start(&path, &[]).await;
    assert!(started.is_ok(), "the operator said so");
}

#[tokio::test]
async fn d44_f04_the_upstream_gets_its_own_host_and_no_origin() {
    let world = Plan::standard().start().await;
    world.send(&world.post(call("safe")).with("Origin", GOOD)).await;
    let seen = world.upstream.take_one();
    assert_eq!(seen.header("origin"), None);
    assert_eq!(seen.header("host"), Some(world.upstream.address().to_string().as_str()), "f04");
    world.close().await;
}

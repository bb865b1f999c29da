//! Browser clients: patterns for ports and schemes, and a refusal that says what to configure (B6).

use crate::e2e::world::{Ask, Plan, World, call};

const PATTERNS: &str = r#"allowed_origins: ["https://app.example", "http://localhost:*", "chrome-extension://*"]"#;

fn ask(world: &World, origin: &str) -> Ask {
    world.post(call("safe")).with("Origin", origin)
}

fn preflight(origin: &str) -> Ask {
    Ask::new("OPTIONS", "/mcp")
        .with("Origin", origin)
        .with("Access-Control-Request-Method", "POST")
        .with("Access-Control-Request-Headers", "authorization,content-type,mcp-protocol-version")
}

#[tokio::test]
async fn people_b6_patterns_allow_ports_and_schemes() {
    let world = Plan::standard_but("allowed_origins: [\"https://app.example\"]", PATTERNS).start().await;
    for origin in ["http://localhost:6274", "http://localhost", "chrome-extension://nngceckbapebfimnlniiiahkandclblb"] {
        let before = world.send(&preflight(origin)).await;
        assert_eq!((before.status, before.header("access-control-allow-origin")), (204, Some(origin)), "{before:?}");
        let reply = world.send(&ask(&world, origin)).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some(origin)), "{reply:?}");
        assert!(reply.header("access-control-allow-credentials").is_none());
        // The sign-in starts from a 401 that the page can read.
        let reply = world.send(&Ask::post("/mcp", call("safe")).with("Origin", origin)).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (401, Some(origin)), "{reply:?}");
        assert!(reply.header("access-control-expose-headers").unwrap().contains("WWW-Authenticate"));
    }
    world.close().await;
}

#[tokio::test]
async fn people_b6_attack_261_a_pattern_allows_no_other_page() {
    let world = Plan::standard_but("allowed_origins: [\"https://app.example\"]", PATTERNS).start().await;
    for origin in [
        "https://localhost:6274",
        "http://localhost.evil.example:6274",
        "http://evil.example:6274",
        "http://localhost:6274.evil.example",
        "http://localhost@evil.example",
        "chrome-extensions://a",
        "moz-extension://a",
        "null",
        "http://localhost:*",
    ] {
        let before = world.send(&preflight(origin)).await;
        let reply = world.send(&ask(&world, origin)).await;
        for one in [&before, &reply] {
            assert_eq!(one.status, 403, "{origin}: {one:?}");
            let cors = one.headers.iter().find(|(name, _)| name.to_ascii_lowercase().starts_with("access-control-"));
            assert_eq!(cors, None, "{origin}");
        }
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn people_b6_refusal_and_log_name_the_origin_and_the_line_to_add() {
    let world = World::standard().await;
    let origin = "http://localhost:6274";
    let reply = world.send(&ask(&world, origin)).await;
    assert_eq!((reply.status, reply.reason().as_str()), (403, "foreign_origin"));
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(&format!("pages from {origin} may not")), "{message}");
    assert!(message.ends_with(&format!("allowed_origins: [\"{origin}\"]")), "{message}");
    assert_eq!(reply.header("access-control-allow-origin"), None);
    let line = world.gateway.line(|line| line.contains("browser page of another origin")).await;
    for part in ["WARN", "\"server\":\"main\"", "\"found\":\"http://localhost:6274\"", "allowed_origins: ["] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // What a page may send there cannot write another line.
    let odd = world.send(&ask(&world, "https://a.example/\u{1b}[31m")).await;
    assert!(matches!(odd.status, 400 | 403), "{odd:?}");
    assert!(!odd.text().contains('\u{1b}'), "{odd:?}");
    world.close().await;
}

#[tokio::test]
async fn people_b6_a_pattern_for_every_web_page_stops_the_start() {
    for (written, expected) in [
        ("https://*", "each web site by name"),
        ("http://*", "each web site by name"),
        ("https://*.example.com", "an origin, or a pattern such as http://localhost:*"),
        ("http://*:8080", "an origin, or a pattern such as http://localhost:*"),
        ("http://localhost:80:*", "an origin, or a pattern such as http://localhost:*"),
        ("*", "each origin by name"),
    ] {
        let line = format!("allowed_origins: [\"{written}\"]");
        let plan = Plan::standard_but("allowed_origins: [\"https://app.example\"]", &line);
        let ended = plan.try_start().await.err().expect(written);
        assert!(ended.code == Some(2) && ended.output.contains(expected), "{written}: {}", ended.output);
        assert!(ended.output.contains("servers.main.allowed_origins[0]: found"), "{}", ended.output);
    }
}

#[tokio::test]
async fn people_b6_attack_327_a_page_without_an_origin_is_told_of_no_dangerous_line() {
    let world = World::standard().await;
    let reply = world.send(&ask(&world, "null")).await;
    assert_eq!((reply.status, reply.reason().as_str()), (403, "null_origin"));
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("pages without an origin of their own"), "{message}");
    assert!(message.contains("serve the page from a web server"), "{message}");
    let line = world.gateway.line(|line| line.contains("browser page without an origin of its own")).await;
    for told in [&message, &line] {
        assert!(!told.contains("allowed_origins: ["), "{told}");
    }
    assert!(line.contains("\"server\":\"main\"") && line.contains("`null` would allow every web page"), "{line}");
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

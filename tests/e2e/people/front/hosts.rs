//! Other host names, and the probes of load balancers, which know an address and no name (B2).

use serde_json::json;

use crate::e2e::world::{Ask, Plan, Want, World, call, command::portcullis, plan::STANDARD, row};

const HOSTS: &str = "hosts: [mcp.internal, \"10.0.0.5:8443\"]";

#[tokio::test]
async fn people_b2_listed_hosts_are_accepted_and_others_are_told_where_to_go() {
    let world = Plan::standard().top(HOSTS).start().await;
    let ask = |host: &str| Ask::post("/mcp", call("safe")).token(&world.token()).with("Host", host);
    let reply = world.send(&ask("10.0.0.77:80")).await;
    assert!(reply.text().contains(&format!("it is reached as {}", world.authority)), "{reply:?}");
    assert!(!reply.text().contains("mcp.internal"), "others are not told: {reply:?}");
    let accepted = format!("\"expected\":\"{}, mcp.internal, 10.0.0.5:8443\"", world.authority);
    let line = world.gateway.line(|line| line.contains("WARN") && line.contains("\"found\":\"10.0.0.77:80\"")).await;
    for part in ["WARN", "add it at the top of the file: hosts: [", &accepted] {
        assert!(line.contains(part), "{part}: {line}");
    }
    world
        .verdicts(vec![
            row("by name", ask("mcp.internal"), Want::Passes),
            row("by name, at any port", ask("MCP.internal:9000"), Want::Passes),
            row("by address", ask("10.0.0.5:8443"), Want::Passes),
            row("at another port", ask("10.0.0.5:9000"), Want::Status(421)),
            row("without its port", ask("10.0.0.5"), Want::Status(421)),
            row("below it", ask("x.mcp.internal"), Want::Status(421)),
            row("another", ask("evil.example"), Want::Status(421)),
        ])
        .await;
    assert_eq!(world.send(&ask("mcp.internal:0")).await.status, 421, "no port");
    world.close().await;
}

#[tokio::test]
async fn people_b2_attack_257_other_hosts_are_never_published() {
    let world = Plan::standard().top(HOSTS).start().await;
    for host in ["mcp.internal", "10.0.0.5:8443"] {
        for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server/mcp"] {
            let reply = world.send(&Ask::get(path).with("Host", host)).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            assert!(!reply.text().contains("mcp.internal") && !reply.text().contains("10.0.0.5"), "{reply:?}");
        }
        let refused = world.send(&Ask::post("/mcp", call("safe")).with("Host", host)).await;
        let document = refused.challenge_parameter("resource_metadata").unwrap();
        assert!(document.starts_with(&world.public), "{document}");
        // A page that this name serves is a page of another origin.
        for origin in [format!("http://{host}"), format!("https://{host}")] {
            let ask = Ask::post("/mcp", call("safe")).token(&world.token()).with("Host", host).with("Origin", &origin);
            let reply = world.send(&ask).await;
            assert_eq!((reply.status, reply.header("access-control-allow-origin")), (403, None), "{reply:?}");
        }
        // Nor may a token be for it.
        let token = world.issuer.mint(&format!("http://{host}/mcp")).token();
        let reply = world.send(&Ask::post("/mcp", call("safe")).token(&token).with("Host", host)).await;
        assert_eq!((reply.status, reply.reason().as_str()), (401, "token_audience"));
    }
    assert_eq!(world.upstream.count(), 0);
    world.send(&world.post(call("safe")).with("Host", "mcp.internal")).await;
    let seen = world.upstream.take_one();
    assert_ne!(seen.header("x-forwarded-host"), Some("mcp.internal"), "{seen:?}");
    world.close().await;
}

#[tokio::test]
async fn people_b2_probes_are_answered_for_any_host() {
    let world = Plan::standard().listener("health: /healthz").start().await;
    world.until_ready().await;
    for host in ["10.0.0.5", "10.0.0.5:8443", "evil.example", "localhost", "[fd00::1]:80"] {
        for method in ["GET", "HEAD"] {
            let reply = world.send(&Ask::new(method, "/healthz").with("Host", host)).await;
            assert_eq!((reply.status, reply.body.len()), (200, 0), "{method} {host}: {reply:?}");
            assert_eq!(reply.header("cache-control"), Some("no-store"));
        }
    }
    let reply = world.send(&Ask::get("/healthz?verbose=1").with("User-Agent", "ELB-HealthChecker/2.0")).await;
    assert_eq!(reply.status, 200);
    let reply = world.send(&Ask::post("/healthz", call("safe")).token(&world.token())).await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")), "{reply:?}");
    assert_eq!(world.upstream.count(), 0);
    assert!(!world.gateway.output().contains("misdirected"), "probes are no events");
    world.close().await;
}

#[tokio::test]
async fn people_b2_a_gateway_that_is_not_ready_says_503() {
    let nowhere = "  house: {issuer: \"http://127.0.0.1:9\"}\n";
    let world = Plan::standard().issuers(nowhere).listener("health: /healthz").start().await;
    for method in ["GET", "HEAD"] {
        let reply = world.send(&Ask::new(method, "/healthz").with("Host", "10.0.0.5")).await;
        assert_eq!((reply.status, reply.body.len()), (503, 0), "{reply:?}");
    }
    assert_eq!(world.admin("/readyz").await.status, 503, "as /readyz says");
    world.close().await;
}

#[tokio::test]
async fn people_b2_attack_258_a_probe_s_path_opens_nothing_else() {
    let world = Plan::standard().listener("health: /healthz").start().await;
    world.until_ready().await;
    let ask = |path: &str| Ask::post(path, call("safe")).token(&world.token()).with("Host", "evil.example");
    for path in ["/mcp", "/healthz/", "/healthz/mcp", "/healthz/../mcp", "//healthz", "/Healthz", "/healthz;/mcp"] {
        let reply = world.send(&ask(path)).await;
        assert!(matches!(reply.status, 400 | 421), "{path}: {reply:?}");
    }
    let absolute = world.send(&ask("http://evil.example/mcp")).await;
    assert_eq!(absolute.status, 421, "{absolute:?}");
    // A preflight allows nothing.
    let preflight = Ask::new("OPTIONS", "/healthz").with("Origin", "https://evil.example");
    let preflight = preflight.with("Access-Control-Request-Method", "GET");
    let reply = world.send(&preflight).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (405, None), "{reply:?}");
    assert_eq!(world.upstream.count(), 0);
    // The same connection goes on to be judged.
    let mut live = world.connect().await;
    let probe = Ask::get("/healthz").with("Host", "10.0.0.5").with("Connection", "keep-alive");
    live.write(&probe.bytes(&world.authority)).await;
    assert_eq!(live.head(false).await, 200);
    live.rest_of().await;
    live.write(&ask("/mcp").bytes(&world.authority)).await;
    assert_eq!(live.head(false).await, 421);
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn people_b2_a_path_in_use_cannot_be_for_probes() {
    for (path, expected) in [
        ("/mcp", "listen[0].health: found \"/mcp\", which the gateway answers already; expected a path of its own"),
        ("/mcp/", "listen[0].health: found \"/mcp/\"; expected a path such as /healthz"),
        ("/.well-known/x", "expected a path such as /healthz"),
        ("healthz", "expected a path such as /healthz"),
    ] {
        let ended = Plan::standard().listener(&format!("health: {path}")).try_start().await.err().expect(path);
        assert!(ended.code == Some(2) && ended.output.contains(expected), "{path}: {}", ended.output);
    }
    // A document and a path of a server are in use as well.
    let paths = |pattern: &str| {
        STANDARD.replace(
            "\n    scopes: [\"mcp:connect\"]",
            &format!("\n    scopes: [\"mcp:connect\"]\n    paths: [{{path: \"{pattern}\"}}]"),
        )
    };
    let document = Plan::standard().top("documents: {/healthz: {text: ok}}");
    for (what, plan, expected) in [
        ("a document", document, "\"/healthz\", which is one of `documents`"),
        ("a path", Plan::standard().servers(&paths("/healthz")), "which /healthz matches (servers.main.paths[0].path)"),
        ("a pattern", Plan::standard().servers(&paths("/*z")), "which /*z matches"),
    ] {
        let ended = plan.listener("health: /healthz").try_start().await.err().expect(what);
        assert!(ended.code == Some(2) && ended.output.contains(expected), "{what}: {}", ended.output);
        assert!(ended.output.contains("listen[0].health"), "{what}: {}", ended.output);
    }
    for (hosts, expected) in [
        ("[\"https://a.example\"]", "hosts[0]: found \"https://a.example\"; expected a host name or an address"),
        ("[\"*\"]", "hosts[0]: found \"*\"; expected a host name or an address"),
        ("[\"fd00::1\"]", "hosts[0]: found \"fd00::1\"; expected the address in brackets: \"[fd00::1]\""),
    ] {
        let ended = Plan::standard().top(&format!("hosts: {hosts}")).try_start().await.err().expect(hosts);
        assert!(ended.code == Some(2) && ended.output.contains(expected), "{hosts}: {}", ended.output);
    }
    let world = Plan::standard().top(HOSTS).listener("health: /healthz").start().await;
    let (_, printed, _) = portcullis(world.folder.path(), &["explain", "--config", "gateway.yaml"]).await;
    for part in ["hosts: [mcp.internal, \"10.0.0.5:8443\"]", "health: /healthz", "token: \"32KiB\""] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let document = json!(world.resource());
    assert_eq!(world.send(&Ask::get("/.well-known/oauth-protected-resource/mcp")).await.json()["resource"], document);
    world.close().await;
}

/// A request over TLS that was opened for `tls_name`: its status, and what the answer says.
async fn over_tls(world: &World, tls_name: &str, host: &str) -> (u16, String) {
    let ask = Ask::post("/mcp", call("safe")).token(&world.token()).with("Host", host);
    let mut live = world.connect_as(tls_name, b"http/1.1").await;
    live.write(&ask.bytes("")).await;
    let status = live.head(false).await;
    (status, live.rest().await.text())
}

#[tokio::test]
async fn people_b2_f19_attack_326_a_proxy_that_encrypts_anew_may_ask_for_a_listed_name() {
    // The certificate names localhost, the host of `public_url`, and other.example.
    let world = Plan::standard().tls().start().await;
    let own = world.authority.clone();
    let (status, said) = over_tls(&world, "other.example", &own).await;
    assert_eq!(status, 421);
    assert!(said.contains("the TLS handshake asked for other.example, which is not a name of this gateway"), "{said}");
    assert!(said.contains("such as localhost\""), "{said}");
    let line = world.gateway.line(|line| line.contains("WARN") && line.contains("\"found\":\"other.example\"")).await;
    for part in ["WARN", "add it to `hosts`", "proxy_ssl_name", &format!("\"expected\":\"{own}\"")] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!world.gateway.output().contains("refused a request for a host name"), "the host is known");
    assert_eq!(world.upstream.count(), 0);
    world.close().await;

    // As the line says.
    let world = Plan::standard().tls().top("hosts: [other.example]").start().await;
    let own = world.authority.clone();
    for (tls_name, host) in
        [("other.example", &*own), ("localhost", "other.example"), ("other.example", "other.example")]
    {
        assert_eq!(over_tls(&world, tls_name, host).await.0, 200, "{tls_name}, {host}");
        world.upstream.take_one();
    }
    assert_eq!(over_tls(&world, "other.example", "evil.example").await.0, 421);
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

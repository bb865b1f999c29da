//! What passes through to the upstream, and what comes back.

use super::{echo, plan};
use crate::e2e::world::{Ask, Plan, World, server};

const FILE: &str = "/files/a%20b.txt?x=1&y=%2F%2e#";

#[tokio::test]
async fn people_b4_a_public_path_needs_no_token_and_an_authenticated_one_does() {
    let world = plan().start().await;
    world.upstream.answer_with(echo);
    for target in ["/icon.png", "/icon.png?v=2", "/files/public/a/b?", "/files/public/%C3%A9"] {
        let reply = world.send(&Ask::get(target)).await;
        assert_eq!((reply.status, reply.text()), (200, format!("GET {target}")), "{target}");
        assert_eq!(world.upstream.take_one().target, target, "byte for byte");
    }
    let refused = world.send(&Ask::get("/files/a")).await;
    assert_eq!((refused.status, refused.reason().as_str()), (401, "no_credential"));
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", world.public);
    assert_eq!(refused.challenge_parameter("resource_metadata").as_deref(), Some(metadata.as_str()));
    let expired = world.send(&Ask::get("/files/a").token("not.a.token")).await;
    assert_eq!((expired.status, expired.challenge_parameter("error").as_deref()), (401, Some("invalid_token")));
    let elsewhere = world.issuer.mint("https://other.example/mcp").scope("mcp:connect").token();
    assert_eq!(world.send(&Ask::get("/files/a").token(&elsewhere)).await.status, 401, "a token of another server");
    let narrow = world.send(&Ask::get("/files/a").token(&world.token_with("other"))).await;
    assert_eq!((narrow.status, narrow.challenge_parameter("error").as_deref()), (403, Some("insufficient_scope")));
    assert_eq!(narrow.challenge_parameter("scope").as_deref(), Some("mcp:connect"));
    assert_eq!(world.upstream.count(), 0);

    let target = FILE.trim_end_matches('#');
    let reply = world.send(&Ask::get(target).token(&world.token())).await;
    assert_eq!((reply.status, reply.text()), (200, format!("GET {target}")));
    assert_eq!(world.upstream.take_one().target, target);
    world.close().await;
}

#[tokio::test]
async fn people_b4_the_upstream_gets_the_credentials_and_hygiene_of_mcp() {
    let servers = "
  main:
    path: /mcp
    upstream: {url: \"@UPSTREAM@/inner/mcp\"}
    access: authenticated
    credential: {header: {name: x-api-key, value: env:KEY}}
    identity_headers: {x-user: sub}
    paths: [{path: \"/public/**\", access: public}, {path: \"/files/**\"}]
";
    let world = Plan::standard().servers(servers).environment("KEY", "hunter2-hunter2").start().await;
    world.upstream.answer_with(echo);
    for (target, user) in [("/public/a", None), ("/files/a", Some("alice"))] {
        let ask = Ask::get(target)
            .token(&world.token())
            .with("Cookie", "a=b")
            .with("X-User", "admin")
            .with("X_User", "admin")
            .with("X-Forwarded-For", "1.2.3.4")
            .with("X-Original-URL", "/inner/mcp")
            .with("X-HTTP-Method-Override", "DELETE")
            .with("Mcp-Session-Id", "s")
            .with("Mcp-Method", "tools/call")
            .with("Last-Event-ID", "7")
            .with("Range", "bytes=0-9")
            .with("If-None-Match", "\"e\"")
            .with("If-Range", "\"e\"")
            .with("Accept-Encoding", "br");
        assert_eq!(world.send(&ask).await.status, 200);
        let seen = world.upstream.take_one();
        assert_eq!(seen.header("x-api-key"), Some("hunter2-hunter2"), "{target}");
        assert_eq!(seen.header("x-user"), user, "{target}");
        for kept in
            [("range", "bytes=0-9"), ("if-none-match", "\"e\""), ("if-range", "\"e\""), ("accept-encoding", "br")]
        {
            assert_eq!(seen.header(kept.0), Some(kept.1), "{target}");
        }
        assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
        let gone = ["authorization", "cookie", "x_user", "x-original-url", "x-http-method-override", "mcp-session-id"];
        for name in gone.into_iter().chain(["mcp-method", "last-event-id"]) {
            assert_eq!(seen.header(name), None, "{target}: {name}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn people_b4_ranges_conditions_and_errors_of_the_upstream_pass() {
    let world = plan().start().await;
    for (status, fields) in [
        (206, &[("Content-Range", "bytes 0-2/9"), ("Accept-Ranges", "bytes")][..]),
        (304, &[("ETag", "\"e\"")]),
        (404, &[]),
        (403, &[]),
        (410, &[]),
        (416, &[("Content-Range", "bytes */9")]),
        (500, &[("Retry-After", "7")]),
    ] {
        let body = if status == 304 { "" } else { "abc" };
        world.upstream.answer_with(move |_| server::full(status, fields, body));
        for (target, token) in [("/files/public/a", None), ("/files/a", Some(world.token()))] {
            let ask = token.iter().fold(Ask::get(target), |ask, token| ask.token(token));
            let reply = world.send(&ask).await;
            assert_eq!((reply.status, reply.text().as_str()), (status, body), "{target}");
            for (name, value) in fields {
                assert_eq!(reply.header(name), Some(*value), "{target} {status}");
            }
            assert_eq!(reply.header("content-security-policy"), Some("sandbox"), "{target} {status}");
        }
    }
    world.upstream.answer_with(|_| server::full(200, &[("Content-Type", "image/png")], "123456789"));
    let head = world.send(&Ask::new("HEAD", "/icon.png")).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("9"), 0));
    world.close().await;
}

#[tokio::test]
async fn people_b4_attack_266_an_answer_cannot_speak_for_the_origin() {
    let world = plan().start().await;
    world.upstream.answer_with(|_| {
        let fields = [
            ("Content-Type", "text/html"),
            ("Set-Cookie", "session=evil; Path=/"),
            ("Service-Worker-Allowed", "/"),
            ("Content-Security-Policy", "sandbox allow-scripts allow-same-origin"),
            ("X-Content-Type-Options", "off"),
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Credentials", "true"),
            ("Clear-Site-Data", "\"*\""),
            ("Refresh", "0; url=/oauth/consent"),
            ("WWW-Authenticate", "Basic realm=\"sign in\""),
            ("Strict-Transport-Security", "max-age=0"),
            ("Use-As-Dictionary", "match=\"/*\""),
            ("Content-Location", "/mcp"),
            ("X-Accel-Redirect", "/internal"),
            ("X-Lighttpd-Send-File", "/etc/passwd"),
            ("X-Reproxy-URL", "http://127.0.0.1/"),
            ("Idp-SignIn-Status", "action=signin"),
            ("Mcp-Session-Id", "s"),
        ];
        server::full(200, &fields, "<script>fetch('/oauth/consent')</script>")
    });
    for (target, token) in [("/files/public/evil.html", None), ("/files/evil.html", Some(world.token()))] {
        let ask = token.iter().fold(Ask::get(target), |ask, token| ask.token(token));
        let reply = world.send(&ask).await;
        assert_eq!(reply.status, 200);
        let policies = ["sandbox allow-scripts allow-same-origin", "sandbox"];
        assert_eq!(reply.all("content-security-policy"), policies, "browsers enforce both: {target}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        for gone in [
            "set-cookie",
            "service-worker-allowed",
            "access-control-allow-origin",
            "access-control-allow-credentials",
            "clear-site-data",
            "refresh",
            "www-authenticate",
            "strict-transport-security",
            "use-as-dictionary",
            "content-location",
            "x-accel-redirect",
            "x-lighttpd-send-file",
            "x-reproxy-url",
            "idp-signin-status",
            "mcp-session-id",
        ] {
            assert_eq!(reply.header(gone), None, "{target}: {gone}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn people_b4_attack_267_no_path_is_the_script_of_a_service_worker() {
    let world = plan().start().await;
    for (name, value) in [("Service-Worker", "script"), ("Sec-Fetch-Dest", "serviceworker")] {
        for target in ["/files/public/sw.js", "/files/sw.js", "/icon.png"] {
            let reply = world.send(&Ask::get(target).token(&world.token()).with(name, value)).await;
            assert_eq!((reply.status, reply.reason().as_str()), (403, "service_worker"), "{target} {name}");
        }
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn people_b4_a70_an_answer_that_needed_a_token_is_not_for_shared_caches() {
    let world = plan().start().await;
    world.upstream.answer_with(|_| {
        server::full(200, &[("Cache-Control", "public, max-age=60"), ("Surrogate-Control", "max-age=60")], "x")
    });
    let public = world.send(&Ask::get("/files/public/a")).await;
    assert_eq!(public.header("cache-control"), Some("public, max-age=60"));
    let private = world.send(&Ask::get("/files/a").token(&world.token())).await;
    assert_eq!(
        (private.header("cache-control"), private.header("surrogate-control")),
        (Some("private, max-age=60"), None)
    );
    world.close().await;
}

#[tokio::test]
async fn people_b4_methods_are_those_of_the_entry() {
    let world = plan().start().await;
    world.upstream.answer_with(echo);
    for (method, target, allow) in [
        ("POST", "/icon.png", "GET, HEAD, OPTIONS"),
        ("DELETE", "/icon.png", "GET, HEAD, OPTIONS"),
        ("PATCH", "/files/a", "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
        ("get", "/icon.png", "GET, HEAD, OPTIONS"),
        ("PROPFIND", "/files/a", "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
    ] {
        let reply = world.send(&Ask::new(method, target).token(&world.token())).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{method} {target}");
    }
    // A write below a public path needs a token: the entry for that method decides.
    assert_eq!(world.send(&Ask::new("PUT", "/files/public/a").body("x")).await.status, 401);
    assert_eq!(world.upstream.count(), 0);
    let reply = world.send(&Ask::new("DELETE", "/files/public/a").token(&world.token())).await;
    assert_eq!(reply.text(), "DELETE /files/public/a");
    world.close().await;
}

#[tokio::test]
async fn people_b4_only_allowed_pages_may_read_an_answer() {
    let world = plan().start().await;
    world.upstream.answer_with(echo);
    for target in ["/icon.png", "/files/a"] {
        let ask = Ask::get(target).token(&world.token());
        let foreign = world.send(&ask.clone().with("Origin", "https://evil.example")).await;
        assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (403, None), "{target}");
        world.gateway.line(|line| line.contains("\"WARN\"") && line.contains("https://evil.example")).await;
        let known = world.send(&ask.with("Origin", "https://app.example")).await;
        assert_eq!((known.status, known.header("access-control-allow-origin")), (200, Some("https://app.example")));
        assert!(known.header("access-control-expose-headers").unwrap().contains("Content-Range"));
        let preflight = Ask::new("OPTIONS", target).with("Origin", "https://app.example");
        let preflight = preflight.with("Access-Control-Request-Method", "GET");
        let preflight = world.send(&preflight.with("Access-Control-Request-Headers", "authorization, range")).await;
        assert_eq!(
            (preflight.status, preflight.header("access-control-allow-origin")),
            (204, Some("https://app.example"))
        );
        assert!(preflight.header("access-control-allow-headers").unwrap().contains("range"));
        assert!(preflight.header("access-control-allow-methods").unwrap().starts_with("GET, HEAD"));
    }
    world.close().await;
}

#[tokio::test]
async fn people_b4_a_request_to_a_path_leaves_an_audit_line_and_is_counted() {
    let world = plan().start().await;
    world.upstream.answer_with(echo);
    world.send(&Ask::get("/files/report?secret=1").token(&world.token())).await;
    let line = world.gateway.line(|line| line.contains("\"target_kind\":\"path\"")).await;
    for part in ["\"method\":\"GET\"", "\"target\":\"/files/report\"", "\"verdict\":\"allowed\"", "\"server\":\"main\""]
    {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(line.contains("\"principal\"") && line.contains("\"upstream\":\"ok\""), "{line}");
    world.send(&Ask::get("/files/report")).await;
    let line = world.gateway.line(|line| line.contains("\"audit\":") && line.contains("no_credential")).await;
    assert!(line.contains("\"target\":\"/files/report\"") && line.contains("\"status\":401"), "{line}");
    assert!(!world.gateway.output().contains("secret=1"), "a query is never logged");
    assert_eq!(world.metric("portcullis_decisions_total").await, Some(2.0));
    world.close().await;
}

#[tokio::test]
async fn people_b4_a_failing_upstream_is_502_and_a_slow_one_504() {
    let world = plan().start().await;
    for (name, steps) in [("401", 401), ("407", 407)] {
        world.upstream.answer_with(move |_| server::full(steps, &[("WWW-Authenticate", "Basic")], ""));
        let reply = world.send(&Ask::get("/icon.png")).await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (502, None), "{name}");
    }
    world.upstream.answer_with(|_| vec![crate::e2e::world::Step::Hang]);
    assert_eq!(world.send(&Ask::get("/icon.png")).await.status, 504);
    world.upstream.answer_with(|_| vec![crate::e2e::world::Step::Cut]);
    assert_eq!(world.send(&Ask::get("/icon.png")).await.status, 502);
    world.upstream.stop();
    let reply = world.send(&Ask::get("/files/a").token(&world.token())).await;
    assert_eq!((reply.status, reply.reason().as_str()), (502, "upstream_unreachable"));
    world.close().await;
}

/// Two paths with one name at two servers go to two upstreams.
#[tokio::test]
async fn people_b4_each_path_goes_to_its_own_server() {
    let other = crate::e2e::world::Upstream::start(None).await;
    other.answer_with(|_| server::full(200, &[], "other"));
    let servers = format!(
        "
  main:
    path: /mcp
    upstream: {{url: \"@UPSTREAM@/mcp\"}}
    access: authenticated
    paths: [{{path: \"/main/*\", access: public}}]
  other:
    path: /other/mcp
    upstream: {{url: \"{}/mcp\"}}
    access: authenticated
    scopes: [other]
    paths: [{{path: \"/others/*\", access: authenticated}}]
",
        other.url()
    );
    let world: World = Plan::standard().servers(&servers).start().await;
    world.upstream.answer_with(|_| server::full(200, &[], "main"));
    assert_eq!(world.send(&Ask::get("/main/a")).await.text(), "main");
    let of_main = world.token();
    let refused = world.send(&Ask::get("/others/a").token(&of_main)).await;
    assert_eq!(refused.status, 401, "a token of another server");
    let metadata = refused.challenge_parameter("resource_metadata").unwrap();
    assert!(metadata.ends_with("/.well-known/oauth-protected-resource/other/mcp"), "{metadata}");
    let resource = format!("{}/other/mcp", world.public);
    let token = world.issuer.mint(&resource).scope("other").token();
    assert_eq!(world.send(&Ask::get("/others/a").token(&token)).await.text(), "other");
    world.close().await;
}

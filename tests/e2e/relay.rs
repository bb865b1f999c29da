//! Does what may pass, pass unchanged, and what may not cross, not cross, in both directions (SPEC C-43…C-67, F-01…F-30)?

use super::world::{Ask, Seen, Step, Want, World, call, modern, row, server};

#[tokio::test]
async fn f01_f02_attack_107_hop_by_hop_headers_stop_here() {
    let world = World::standard().await;
    let ask = world
        .post(call("safe"))
        .with("Connection", "close, X-Hop")
        .with("X-Hop", "1")
        .with("Keep-Alive", "timeout=5")
        .with("Proxy-Connection", "keep-alive")
        .with("TE", "trailers")
        .with("Trailer", "X-T")
        .with("Proxy-Authorization", "Basic YTpi");
    assert_eq!(world.send(&ask).await.status, 200);
    let seen = world.upstream.take_one();
    for name in [
        "x-hop",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "proxy-authorization",
        "transfer-encoding",
    ] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    let mut rows = Vec::new();
    for named in [
        "authorization",
        "Mcp-Session-Id",
        "host",
        "content-length",
        "content-type",
        "mcp-name",
        "origin",
        "cookie",
        "x-forwarded-for",
        "x-auth-subject",
    ] {
        let ask = world.post(call("safe")).with("Connection", format!("close, {named}"));
        rows.push(row(format!("Connection: {named}"), ask, Want::Status(400)));
    }
    world.verdicts(rows).await;
    world.upstream.answer_with(|_| {
        server::full(
            200,
            &[
                ("Connection", "X-Hop"),
                ("X-Hop", "1"),
                ("Keep-Alive", "timeout=5"),
                ("Proxy-Authenticate", "Basic"),
                ("X-End", "1"),
            ],
            "{}",
        )
    });
    let reply = world.send(&world.post(call("safe"))).await;
    assert_eq!(reply.header("x-end"), Some("1"));
    for name in ["x-hop", "keep-alive", "proxy-authenticate"] {
        assert_eq!(reply.header(name), None, "{name} in the answer");
    }
    world.close().await;
}

#[tokio::test]
async fn f05_f07_attack_101_102_104_spoofed_forwarding_headers_are_overwritten() {
    let world = World::standard().await;
    let sites = ["Forwarded", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix"];
    let certificates = ["X-Forwarded-Client-Cert", "Client-Cert", "Client-Cert-Chain"];
    let cases: [(&str, &[&str], &str); 5] = [
        ("101 another site", &sites, "evil-spoof"),
        ("101 a certificate", &certificates, "evil-spoof"),
        ("102 another target", &["X-Original-URL", "X-Rewrite-URL"], "/evil-spoof"),
        ("102 another method", &["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"], "DELETE"),
        ("104 another address", &["X-Forwarded-For", "X-Real-IP"], "10.1.2.3"),
    ];
    for (case, names, value) in cases {
        let ask = names.iter().fold(world.post(call("safe")), |ask, name| ask.with(name, value));
        assert_eq!(world.send(&ask).await.status, 200, "{case}");
        let seen = world.upstream.take_one();
        let kept: Vec<_> = seen.headers.iter().filter(|(_, found)| found.contains(value)).collect();
        assert!(kept.is_empty(), "{case}: {kept:?}");
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/inner/mcp"), "{case}");
    }
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200);
    let seen = world.upstream.take_one();
    assert!(seen.header("via").is_some_and(|via| via.starts_with("1.1 ")), "f07: {:?}", seen.headers);
    let own = seen.header("via").unwrap().to_owned();
    let looped = world.send(&world.post(call("safe")).with("Via", &own)).await;
    assert!(matches!(looped.status, 502 | 508), "f07: a loop: {looped:?}");
    world.close().await;
}

#[tokio::test]
async fn f27_attack_148_cookies_cross_in_neither_direction() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| server::full(200, &[("Set-Cookie", "a=b"), ("Set-Cookie2", "a=b")], "{}"));
    let reply = world.send(&world.post(call("safe")).with("Cookie", "session=1").with("Cookie2", "x")).await;
    assert!(reply.header("set-cookie").is_none() && reply.header("set-cookie2").is_none(), "{reply:?}");
    assert_eq!(world.upstream.take_one().header("cookie"), None);
    world.close().await;
}

#[tokio::test]
async fn a17_f30_attack_148_redirects_and_partial_answers_of_the_upstream_are_502() {
    let world = World::standard().await;
    for status in [301, 302, 303, 307, 308, 304, 206, 101] {
        world.upstream.answer_with(move |_| server::full(status, &[("Location", "https://evil.example/")], ""));
        let reply = world.send(&world.post(call("safe"))).await;
        assert_eq!(reply.status, 502, "{status}: {reply:?}");
        assert!(reply.header("location").is_none(), "{status}");
        assert_eq!((reply.code(), reply.json()["id"].clone()), (Some(-32603), 1.into()), "{status}");
        assert_eq!(world.upstream.take().len(), 1, "c57: {status}");
    }
    world.close().await;
}

#[tokio::test]
async fn c61_c62_c43_statuses_bodies_and_types_pass_unchanged() {
    let world = World::standard().await;
    for status in [200, 201, 202, 400, 404, 405, 406, 409, 415, 422, 429, 500, 503] {
        world.upstream.answer_with(move |_| {
            server::full(
                status,
                &[("Content-Type", "application/json; charset=utf-8"), ("Retry-After", "7"), ("X-Up", "1")],
                " x ",
            )
        });
        let reply = world.send(&world.post(call("safe"))).await;
        assert_eq!((reply.status, reply.text().as_str()), (status, " x "));
        assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"), "{status}");
        assert_eq!((reply.header("retry-after"), reply.header("x-up")), (Some("7"), Some("1")), "{status}");
    }
    world.upstream.answer_with(|_| server::full(204, &[], ""));
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 204);
    world.close().await;
}

#[tokio::test]
async fn a70_a71_nothing_is_answered_from_a_cache() {
    let world = World::standard().await;
    let reply = world.send(&world.post(call("safe"))).await;
    let cache = reply.header("cache-control").unwrap_or_default();
    assert!(cache.contains("private") || cache.contains("no-store"), "{reply:?}");
    world.upstream.answer_with(|_| server::full(200, &[("Cache-Control", "no-cache, max-age=0")], "{}"));
    let reply = world.send(&world.post(call("safe"))).await;
    assert!(reply.header("cache-control").is_some_and(|value| value.contains("no-cache")), "{reply:?}");
    let cacheable = r#"{"jsonrpc":"2.0","id":1,"result":{"cacheScope":"public","ttlMs":60000,"tools":[]}}"#;
    world.upstream.answer_with(move |_| server::full(200, &[("Cache-Control", "public, max-age=600")], cacheable));
    world.upstream.take();
    for subject in ["alice", "alice", "bob"] {
        let token = world.mint().claim("sub", subject.into()).token();
        let ask = Ask::post("/mcp", super::world::request("tools/list", "{}")).token(&token);
        assert_eq!(world.send(&ask).await.status, 200);
    }
    assert_eq!(world.upstream.take().len(), 3, "a71");
    world.close().await;
}

#[tokio::test]
async fn c45_c46_c67_get_delete_and_the_methods_that_do_not_exist() {
    let world = World::standard().await;
    let token = world.token();
    let get = world.send(&Ask::get("/mcp").token(&token).with("Accept", "text/event-stream")).await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")), "the upstream's own answer");
    let seen = world.upstream.take_one();
    assert_eq!((seen.method.as_str(), seen.header("accept")), ("GET", Some("text/event-stream")));

    let delete = world.send(&Ask::new("DELETE", "/mcp").token(&token)).await;
    assert_eq!(delete.status, 200, "{delete:?}");
    assert_eq!(world.upstream.take_one().method, "DELETE");

    for method in ["PUT", "PATCH", "PROPFIND", "post", "TRACE"] {
        let reply = world.send(&Ask::new(method, "/mcp").token(&token).body("")).await;
        assert!(matches!(reply.status, 400 | 405 | 501), "{method}: {reply:?}");
        if method == "PUT" {
            assert!(reply.header("allow").is_some_and(|allow| allow.contains("POST")), "{reply:?}");
        }
    }
    let ask = world.post(call("safe")).with("X-HTTP-Method-Override", "DELETE");
    assert_eq!(world.send(&ask).await.status, 200);
    let seen = world.upstream.take_one();
    assert_eq!((seen.method.as_str(), seen.header("x-http-method-override")), ("POST", None));
    world.close().await;
}

#[tokio::test]
async fn c60_f20_f21_attack_098_accept_passes_and_the_configured_path_is_used_with_the_clients_query() {
    let world = World::standard().await;
    let accept = "application/json;q=0.5, text/event-stream";
    let ask = Ask::post("/mcp?x=1&y=%2e", call("safe")).set("Accept", accept).token(&world.token());
    assert_eq!(world.send(&ask).await.status, 200);
    let seen = world.upstream.take_one();
    assert_eq!(seen.target, "/inner/mcp?x=1&y=%2e");
    assert_eq!(seen.header("accept"), Some(accept));
    assert_eq!(seen.header("user-agent"), None, "nothing is invented");
    world.close().await;
}

#[tokio::test]
async fn f10_f14_attack_117_requests_are_framed_by_us_and_trailers_dropped() {
    let world = World::standard().await;
    let body = call("safe");
    let chunked = format!(
        "{:x};ext=1\r\n{body}\r\n0\r\nAuthorization: Bearer x\r\nContent-Length: 3\r\nX-T: 1\r\n\r\n",
        body.len()
    );
    let ask = world.post(chunked).with("Transfer-Encoding", "chunked").with("Trailer", "X-T");
    assert_eq!(world.send(&ask).await.status, 200);
    let seen: Seen = world.upstream.take_one();
    assert_eq!(seen.header("content-length"), Some(body.len().to_string().as_str()));
    for name in ["transfer-encoding", "trailer", "x-t", "authorization"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.body, body.as_bytes());
    world.upstream.answer_with(|_| {
        let head =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\n{}\r\n0\r\nX-T: 1\r\n\r\n";
        vec![Step::Send(head.into())]
    });
    let mut live = world.connect().await;
    live.write(&world.post(call("safe")).bytes(&world.authority)).await;
    assert_eq!(live.head(false).await, 200);
    let reply = live.rest().await;
    assert_eq!((reply.text().as_str(), reply.cut), ("{}", false));
    assert!(!reply.text().contains("X-T") && reply.header("x-t").is_none(), "{reply:?}");
    world.close().await;
}

#[tokio::test]
async fn f08_attack_119_expectations() {
    let world = World::standard().await;
    let body = call("safe");
    let waits = |token: &str| {
        let ask = Ask::post("/mcp", "")
            .token(token)
            .with("Expect", "100-continue")
            .with("Content-Length", body.len().to_string());
        ask.bytes(&world.authority)
    };
    let reply = world.raw(&waits("bad")).await;
    assert_eq!((reply.status, reply.interim.len(), reply.closed), (401, 0, true), "{reply:?}");

    let mut live = world.connect().await;
    live.write(&waits(&world.token())).await;
    let head = live.bytes().await;
    assert!(head.starts_with(b"HTTP/1.1 100"), "{:?}", String::from_utf8_lossy(&head));
    live.write(body.as_bytes()).await;
    assert_eq!(live.head(false).await, 200);
    drop(live);
    assert_eq!(world.upstream.take_one().header("expect"), None);

    let other = world.send(&world.post(call("safe")).with("Expect", "the-unexpected")).await;
    assert_eq!(other.status, 417, "{other:?}");
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn f22_compressed_answers_pass_as_they_are_and_nothing_is_compressed_here() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| {
        server::full(200, &[("Content-Encoding", "br"), ("Content-Type", "application/json")], b"\x0b\x00\x80\x7b")
    });
    // In the legacy era, where a list may be the answer to anything, answers must be readable.
    let ask = modern("tools/call", Some("safe"), r#""name":"safe","arguments":{}"#).token(&world.token());
    let reply = world.send(&ask.with("Accept-Encoding", "br")).await;
    assert_eq!(world.upstream.take_one().header("accept-encoding"), Some("br"));
    assert_eq!((reply.header("content-encoding"), reply.body.as_slice()), (Some("br"), &b"\x0b\x00\x80\x7b"[..]));
    world.close().await;
}

#[tokio::test]
async fn f31_nothing_is_written_into_the_body() {
    let world = World::standard().await;
    let body = call("safe");
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    world.send(&world.post(body.as_str()).with("traceparent", trace)).await;
    assert_eq!(world.upstream.take_one().body, body.as_bytes());
    world.close().await;
}

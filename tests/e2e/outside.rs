//! Do headers that only a proxy could say stay here, and does an answer with two readings (attacks 188, 190)?

use super::world::{Plan, Step, World, call, server};

#[tokio::test]
async fn attack_190_what_only_a_proxy_could_say_stays_here() {
    let world = World::standard().await;
    let spoofed = [
        "Proxy",
        "X-Original-URI",
        "Remote-User",
        "REMOTE_USER",
        "X-Remote-User",
        "X_Remote_Group",
        "X.Auth.Subject",
        "X-Auth-Subject",
        "x_auth.subject",
        "X-Auth-Token",
        "X-Auth-Request-Email",
        "X-WebAuth-User",
        "Cf-Access-Jwt-Assertion",
        "X-Amzn-Oidc-Identity",
        "X-Goog-Authenticated-User-Email",
        "X-MS-CLIENT-PRINCIPAL",
        "Tailscale-User-Login",
        "X-Pomerium-Jwt-Assertion",
        "X-Consumer-Username",
        "OIDC_CLAIM_sub",
        "SSL-Client-Verify",
        "Script_Name",
        "X-Sendfile-Type",
        "Mcp.Session.Id",
        "X~Auth~Subject",
        "X!Auth'Subject",
        "Remote|User",
        "Impersonate-User",
        "Impersonate-Group",
        "Impersonate-Uid",
        "Impersonate-Extra-Scopes",
        "X-Scope-OrgID",
        "X-Access-Token",
        "X-ID-Token",
        "DO-Connecting-IP",
        "X-Amzn-Request-Context",
    ];
    let own = [("X-Api-Key", "k"), ("X-User-Id", "u"), ("X-Request-Id", "r"), ("Cf-Ray", "c"), ("x.custom", "d")];
    let mut ask = spoofed.iter().fold(world.post(call("safe")), |ask, name| ask.with(name, "evil-spoof"));
    for (name, value) in own {
        ask = ask.with(name, value);
    }
    assert_eq!(world.send(&ask).await.status, 200);
    let seen = world.upstream.take_one();
    let kept: Vec<_> = seen.headers.iter().filter(|(_, value)| value.contains("evil-spoof")).collect();
    assert!(kept.is_empty(), "{kept:?}");
    assert_ne!(seen.header("x-auth-subject"), None, "the gateway's own is there");
    for (name, value) in own {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    world.close().await;
}

#[tokio::test]
async fn attack_190_pass_headers_gives_one_back_in_its_own_spelling() {
    let plan =
        Plan::standard_but("connect_timeout: 2s}", "connect_timeout: 2s, pass_headers: [X-Auth-Token, X-Scope-OrgID]}");
    let world = plan.start().await;
    let ask = world
        .post(call("safe"))
        .with("X-Auth-Token", "a")
        .with("x_auth_token", "b")
        .with("x.auth.token", "c")
        .with("X-Auth-User", "d")
        .with("X-Scope-OrgID", "e")
        .with("X_Scope_OrgID", "f");
    assert_eq!(world.send(&ask).await.status, 200);
    let seen = world.upstream.take_one();
    let kept: Vec<_> =
        seen.headers.iter().filter(|(_, value)| ["a", "b", "c", "d", "e", "f"].contains(&value.as_str())).collect();
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(kept, [&own("x-auth-token", "a"), &own("x-scope-orgid", "e")]);
    world.gateway.line(|line| line.contains("pass_headers[0]")).await;
    world.close().await;
}

#[tokio::test]
async fn attack_188_an_answer_with_two_readings_is_502_and_equal_ones_become_one() {
    let world = World::standard().await;
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n{body}");
    let json = "Content-Type: application/json\r\n";
    let length = body.len();
    let chunked =
        format!("HTTP/1.1 200 OK\r\n{json}Transfer-Encoding: gzip, chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n");
    let refused = [
        ("another length", head(&format!("{json}Content-Length: {length}, {}\r\n", length + 1))),
        ("two lines that differ", head(&format!("{json}Content-Length: {length}\r\nContent-Length: 3\r\n"))),
        ("a sign", head(&format!("{json}Content-Length: +{length}\r\n"))),
        ("an empty element", head(&format!("{json}Content-Length: {length},\r\n"))),
        ("no number", head(&format!("{json}Content-Length: 0x24\r\n"))),
        ("two types", head(&format!("{json}Content-Type: text/event-stream\r\nContent-Length: {length}\r\n"))),
        (
            "two types in one line",
            head(&format!("Content-Type: application/json, text/event-stream\r\nContent-Length: {length}\r\n")),
        ),
        ("a coding that stays on the bytes", chunked.clone()),
        ("chunked twice", chunked.replace("gzip, chunked", "chunked, chunked")),
        ("a coding that ends with the connection", head(&format!("{json}Transfer-Encoding: identity\r\n"))),
    ];
    for (name, bytes) in refused {
        let bytes: bytes::Bytes = bytes.into();
        world.upstream.answer_with(move |_| vec![Step::Send(bytes.clone()), Step::Cut]);
        let reply = world.send(&world.post(call("safe"))).await;
        assert_eq!((reply.status, reply.code()), (502, Some(-32603)), "{name}: {reply:?}");
        assert_eq!(world.upstream.take().len(), 1, "{name}");
    }
    for fields in [
        format!("{json}Content-Length: {length}, {length}\r\n"),
        format!("{json}Content-Length: {length}\r\nContent-Length: {length}\r\n"),
        format!("{json}Content-Length: 0{length}\r\n"),
        format!("{json}{json}Content-Length: {length}\r\n"),
    ] {
        let bytes: bytes::Bytes = head(&fields).into();
        world.upstream.answer_with(move |_| vec![Step::Send(bytes.clone())]);
        let reply = world.send(&world.post(call("safe"))).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, body), "{fields}: {reply:?}");
        assert_eq!(reply.header("content-length"), Some(length.to_string().as_str()), "{fields}: one, in one spelling");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{fields}");
    }
    // An answer that has no body says no length (RFC 9110 §8.6).
    world.upstream.answer_with(|_| vec![Step::Send("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n".into())]);
    let reply = world.send(&world.post(call("safe"))).await;
    assert_eq!((reply.status, reply.header("content-length")), (204, None), "{reply:?}");
    world.upstream.answer_with(|_| server::json(200, "{}"));
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200, "and the next one is served");
    world.close().await;
}

//! Is each message taken for what it is, and judged by what it would touch (SPEC C-01…C-14, C-30, attacks 25–30, 46–49, 142–144)?

use super::world::{Ask, Row, Want, World, call, request, row};

const MESSAGE: Want = Want::Error(400, -32600);
const BAD: Want = Want::OneOf(&[400]);
const NO_RULE: Want = Want::Error(403, 40304);

fn table(world: &World, rows: &[(&str, &str, Want)]) -> Vec<Row> {
    rows.iter().map(|(name, body, want)| row(*name, world.post(*body), *want)).collect()
}

#[tokio::test]
async fn c10_c11_c12_c13_c14_attack_025_to_030_shapes_of_messages() {
    let world = World::standard().await;
    let mut rows = table(
        &world,
        &[
            ("id text", r#"{"jsonrpc":"2.0","id":"7","method":"tools/call","params":{"name":"safe"}}"#, Want::Passes),
            ("id number", r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"safe"}}"#, Want::Passes),
            (
                "026 a call without id",
                r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"danger"}}"#,
                Want::OneOf(&[400, 403]),
            ),
            (
                "027 method and result",
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"danger"},"result":{}}"#,
                MESSAGE,
            ),
            (
                "028 method and error",
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"danger"},"error":{"code":1,"message":""}}"#,
                MESSAGE,
            ),
            ("result and error", r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#, MESSAGE),
            ("only an id", r#"{"jsonrpc":"2.0","id":1}"#, MESSAGE),
            ("029 no jsonrpc", r#"{"id":1,"method":"tools/call","params":{"name":"safe"}}"#, MESSAGE),
            ("029 jsonrpc 1.0", r#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{"name":"safe"}}"#, MESSAGE),
            ("029 jsonrpc 2", r#"{"jsonrpc":2.0,"id":1,"method":"tools/call","params":{"name":"safe"}}"#, MESSAGE),
            ("030 params is a list", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["danger"]}"#, BAD),
            ("030 params is null", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}"#, BAD),
            ("030 no params", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, BAD),
            ("030 name is a list", &request("tools/call", r#"{"name":["danger"]}"#), BAD),
            ("030 name is an object", &request("tools/call", r#"{"name":{}}"#), BAD),
            ("030 name is null", &request("tools/call", r#"{"name":null}"#), BAD),
            ("030 no name", &request("tools/call", "{}"), BAD),
            (
                "method is a list",
                r#"{"jsonrpc":"2.0","id":1,"method":["tools/call"],"params":{"name":"danger"}}"#,
                MESSAGE,
            ),
            ("method is null", r#"{"jsonrpc":"2.0","id":1,"method":null,"params":{"name":"danger"}}"#, MESSAGE),
            ("a positional message", r#"["2.0","tools/call",1,{"name":"danger"}]"#, MESSAGE),
            ("a notification", r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, Want::Passes),
        ],
    );
    for id in ["null", "true", "1.5", "{}", "[]", "1e2", "1e400"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"danger"}}}}"#);
        rows.push(row(format!("025 id {id}"), world.post(body), MESSAGE));
    }
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn c30_attack_046_to_049_batches_are_refused() {
    let world = World::standard().await;
    let one = call("safe");
    let mut rows = Vec::new();
    for (name, body) in [
        ("one", format!("[{one}]")),
        ("two", format!("[{one},{}]", call("danger"))),
        ("nested", format!("[[{one}]]")),
        ("empty", "[]".to_owned()),
        (
            "a notification among them",
            format!("[{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}},{one}]"),
        ),
        ("with initialize", format!("[{}]", request("initialize", "{}"))),
        ("after white space", format!(" \n[{one}]")),
    ] {
        for version in [None, Some("2025-03-26"), Some("2025-11-25")] {
            let mut ask = world.post(body.as_str());
            if let Some(version) = version {
                ask = ask.with("MCP-Protocol-Version", version);
            }
            rows.push(row(format!("{name}, {version:?}"), ask, MESSAGE));
        }
    }
    world.verdicts(rows).await;
    let reply = world.send(&world.post(format!("[{one}]"))).await;
    assert!(reply.json().get("id").is_none_or(serde_json::Value::is_null), "{reply:?}");
    world.close().await;
}

#[tokio::test]
async fn c00_c84_every_method_of_the_table_is_judged_by_its_target() {
    let world = World::standard().await;
    let rows = [
        ("initialize", r#"{"protocolVersion":"2025-11-25"}"#, Want::Passes),
        ("server/discover", "{}", Want::Passes),
        ("ping", "{}", Want::Passes),
        ("logging/setLevel", r#"{"level":"debug"}"#, Want::Passes),
        ("tools/list", "{}", Want::Passes),
        ("prompts/list", "{}", Want::Passes),
        ("resources/list", "{}", Want::Passes),
        ("resources/templates/list", "{}", Want::Passes),
        ("prompts/get", r#"{"name":"hello"}"#, Want::Passes),
        ("prompts/get", r#"{"name":"other"}"#, NO_RULE),
        ("resources/read", r#"{"uri":"file:///pub/x"}"#, Want::Passes),
        ("resources/read", r#"{"uri":"file:///etc/x"}"#, NO_RULE),
        ("resources/subscribe", r#"{"uri":"file:///pub/x"}"#, Want::Passes),
        ("resources/subscribe", r#"{"uri":"file:///etc/x"}"#, NO_RULE),
        ("resources/unsubscribe", r#"{"uri":"file:///etc/x"}"#, NO_RULE),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"hello"},"argument":{"name":"a","value":"b"}}"#,
            Want::Passes,
        ),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"other"},"argument":{"name":"a","value":"b"}}"#,
            NO_RULE,
        ),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/resource","uri":"file:///pub/x"},"argument":{"name":"a","value":"b"}}"#,
            Want::Passes,
        ),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/resource","uri":"file:///{path}"},"argument":{"name":"a","value":"b"}}"#,
            Want::Status(403),
        ),
        ("completion/complete", r#"{"ref":{"type":"ref/unknown","uri":"file:///pub/x"}}"#, Want::OneOf(&[400, 403])),
        ("completion/complete", "{}", Want::OneOf(&[400, 403])),
        ("tools/call", r#"{"name":"forbidden","task":{}}"#, Want::Error(403, 40302)),
    ];
    let rows =
        rows.map(|(method, params, want)| row(format!("{method} {params}"), world.post(request(method, params)), want));
    world.verdicts(rows.into()).await;
    let listen = |uris: &str| {
        super::world::modern(
            "subscriptions/listen",
            None,
            &format!("\"notifications\":{{\"resourceSubscriptions\":[{uris}]}}"),
        )
        .token(&world.token())
    };
    world
        .verdicts(vec![
            row("c84 allowed", listen("\"file:///pub/a\""), Want::Passes),
            row("c84 attack 142 one of two", listen("\"file:///pub/a\",\"file:///etc/b\""), Want::Status(403)),
        ])
        .await;
    world.close().await;
}

#[tokio::test]
async fn c04_c05_attack_143_144_resource_uris_that_climb_out() {
    let world = World::standard().await;
    let mut rows = Vec::new();
    for uri in [
        "file:///pub/../etc/passwd",
        "file:///pub/%2e%2e/etc/passwd",
        "file:///pub/%2E%2E/etc/passwd",
        "file:///pub/.%2e/etc/passwd",
        "file:///pub/./x",
        "file:///pub%2fx",
        "file:///pub/a%2fb",
        "file:///pub/a%5cb",
        "file:///pub\\\\..\\\\etc",
        "file:///pub/a\\u0000b",
        "file:///pub/a\\nb",
        "file://user@host/pub/a",
        "FILE:///pub/a",
        "File:///pub/a",
        "file:////pub/a",
        "file:///PUB/a",
        "file:///pubx/a",
        "file:///pub",
        "http://file:///pub/a",
    ] {
        let body = request("resources/read", &format!("{{\"uri\":\"{uri}\"}}"));
        rows.push(row(uri, world.post(body), Want::OneOf(&[400, 403])));
    }
    for uri in ["file:///pub/a", "file:///pub/a/b/c.txt", "file:///pub/a%20b"] {
        let body = request("resources/read", &format!("{{\"uri\":\"{uri}\"}}"));
        rows.push(row(uri, world.post(body), Want::Passes));
    }
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn c32_refused_notifications_have_no_id_and_accepted_ones_no_body() {
    let world = World::standard().await;
    let accepted = world.send(&world.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)).await;
    assert_eq!((accepted.status, accepted.body.len()), (202, 0));
    world.upstream.take();
    let refused = world.send(&world.post(r#"{"jsonrpc":"2.0","method":"acme/custom","params":{}}"#)).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.json().get("id").is_none_or(serde_json::Value::is_null));
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn attack_108_bodies_of_get_and_delete_are_not_forwarded() {
    let world = World::standard().await;
    for method in ["GET", "DELETE"] {
        let ask = Ask::new(method, "/mcp").token(&world.token()).body(call("danger"));
        world.send(&ask.with("Content-Type", "application/json")).await;
        for seen in world.upstream.take() {
            assert!(seen.body.is_empty(), "{method}: {seen:?}");
            assert!(seen.header("content-length").is_none_or(|length| length == "0"), "{method}");
        }
    }
    world.close().await;
}

//! What clients write that decides nothing: `params: null`, half a surrogate pair, media type parameters, odd versions (C5).

use crate::e2e::world::{Ask, Plan, Row, Want, World, call, modern, request, row};

const VERSION: &str = "MCP-Protocol-Version";
const PARAMS: Want = Want::Error(400, -32602);
const MISMATCH: Want = Want::Error(400, -32020);

fn notification(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
}

#[tokio::test]
async fn people_c5_attack_281_params_null_and_empty_pass_where_the_gateway_needs_none() {
    let world = World::standard().await;
    let mut rows = Vec::new();
    for params in ["null", "[]", "[ ]"] {
        for method in ["ping", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "initialize"]
        {
            let ask = world.post(request(method, params));
            rows.push(row(format!("{method} {params}"), ask.clone(), Want::Passes));
            rows.push(row(format!("{method} {params}, with a version"), ask.with(VERSION, "2025-11-25"), Want::Passes));
        }
        for method in ["notifications/initialized", "notifications/roots/list_changed"] {
            rows.push(row(method, world.post(notification(method, params)), Want::Passes));
        }
        // These say in `params` what they touch.
        for method in [
            "tools/call",
            "prompts/get",
            "resources/read",
            "resources/subscribe",
            "completion/complete",
            "tasks/get",
            "acme/custom",
            "vendor/exec",
            "TOOLS/LIST",
        ] {
            rows.push(row(format!("{method} {params}"), world.post(request(method, params)), PARAMS));
            rows.push(row(format!("{method} {params}, no id"), world.post(notification(method, params)), PARAMS));
        }
        rows.push(row(
            "the modern era",
            world.post(request("tools/list", params)).with(VERSION, "2026-07-28").with("Mcp-Method", "tools/list"),
            PARAMS,
        ));
        rows.push(row(
            "a notification of the modern era",
            world.post(notification("notifications/initialized", params)).with(VERSION, "2026-07-28"),
            PARAMS,
        ));
    }
    for params in [r#"[{"name":"danger"}]"#, "[null]", "[[]]", "0", r#""""#, "false"] {
        for method in ["tools/list", "tools/call", "ping"] {
            rows.push(row(format!("{method} {params}"), world.post(request(method, params)), PARAMS));
        }
    }
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{},"params":null}"#;
    rows.push(row("a response", world.post(response), Want::Error(400, -32600)));
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null,"params":{"name":"danger"}}"#;
    rows.push(row("twice", world.post(twice), Want::Error(400, -32600)));
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn people_c5_params_null_in_a_batch_of_2025_03_26() {
    let servers = r#"
  main:
    path: /mcp
    upstream: {url: "@UPSTREAM@/mcp"}
    batches: 2025-03-26
    rules: [{tools: [safe]}]
"#;
    let world = Plan::standard().servers(servers).start().await;
    let of = |one: &str, params: &str| {
        format!(r#"[{},{{"jsonrpc":"2.0","id":2,"method":"{one}","params":{params}}}]"#, call("safe"))
    };
    let rows = vec![
        row("null", world.post(of("ping", "null")), Want::Passes),
        row("an empty array", world.post(of("tools/list", "[]")), Want::Passes),
        row("a call", world.post(of("tools/call", "null")), PARAMS),
        row("a later version", world.post(of("ping", "null")).with(VERSION, "2025-06-18"), Want::Error(400, -32600)),
    ];
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn people_c5_attack_280_half_a_surrogate_pair_passes_in_arguments_alone() {
    const PARSE: Want = Want::Error(400, -32700);
    let world = World::standard().await;
    let params = |params: String| world.post(request("tools/call", &params));
    let mut rows = Vec::new();
    for half in [r"\ud83d", r"cut\uD800", r"\udc00\ud83d"] {
        for arguments in [
            format!(r#"{{"text":"{half}"}}"#),
            format!(r#"{{"a":[{{"b":["{half}","c"]}}]}}"#),
            format!(r#"["{half}"]"#),
        ] {
            let ask = params(format!(r#"{{"name":"safe","arguments":{arguments}}}"#));
            rows.push(row(arguments.clone(), ask, Want::Passes));
            // The target is judged as ever.
            let ask = params(format!(r#"{{"arguments":{arguments},"name":"forbidden"}}"#));
            rows.push(row(arguments.clone(), ask, Want::Status(403)));
            let ask = modern("tools/call", Some("safe"), &format!(r#""name":"safe","arguments":{arguments}"#));
            rows.push(row(format!("modern {arguments}"), ask.token(&world.token()), Want::Passes));
        }
        for wrong in [
            format!(r#"{{"name":"safe{half}"}}"#),
            format!(r#"{{"name":"safe","arguments":{{"{half}":1}}}}"#),
            format!(r#"{{"name":"safe","arguments":{{"a":{{"{half}":1}}}}}}"#),
            format!(r#"{{"name":"safe","arguments":"{half}"}}"#),
            format!(r#"{{"name":"safe","_meta":{{"a":"{half}"}}}}"#),
            format!(r#"{{"name":"safe","{half}":{{}}}}"#),
            format!(r#"{{"name":"safe","uri":"{half}"}}"#),
            format!(r#"{{"name":"safe","other":"{half}"}}"#),
        ] {
            rows.push(row(wrong.clone(), params(wrong), PARSE));
        }
        for body in [
            format!(r#"{{"jsonrpc":"2.0","id":"{half}","method":"ping"}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{half}"}}"#),
            request("resources/read", &format!(r#"{{"uri":"file:///pub/{half}"}}"#)),
            request("prompts/get", &format!(r#"{{"name":"hello{half}"}}"#)),
            request("completion/complete", &format!(r#"{{"ref":{{"type":"ref/prompt","name":"{half}"}}}}"#)),
        ] {
            rows.push(row(body.clone(), world.post(body), PARSE));
        }
    }
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn people_c5_attack_282_parameters_of_the_media_type_pass_unless_one_hides_a_charset() {
    let world = World::standard().await;
    let typed = |media: &str| world.post(call("safe")).set("Content-Type", media);
    let rows: Vec<Row> = [
        ("application/json; charset=utf8", Want::Passes),
        ("application/json;charset=UTF8", Want::Passes),
        ("application/json; charset=\"utf8\"", Want::Passes),
        ("application/json; version=1", Want::Passes),
        ("application/json; profile=\"https://example.com/mcp\"; charset=utf-8", Want::Passes),
        ("application/json; odata=verbose; q=0.9", Want::Passes),
        ("application/json; charset=utf-8; charset=utf-8", Want::Status(415)),
        ("application/json; charset=utf8; charset=utf-16", Want::Status(415)),
        ("application/json; charset=utf-16; version=1", Want::Status(415)),
        ("application/json; x=\"; charset=utf-16\"", Want::Status(415)),
        ("application/json; x-charset=utf-16", Want::Status(415)),
        ("application/json; charset*=utf-16''x", Want::Status(415)),
        ("application/json; x=\"\\\"; charset=utf-16; y=\\\"\"", Want::Status(415)),
        ("application/json; x=1, text/plain", Want::Status(400)),
    ]
    .into_iter()
    .map(|(media, want)| row(media, typed(media), want))
    .collect();
    world.verdicts(rows).await;
    world.send(&typed("application/json; charset=utf8; version=1")).await;
    let seen = world.upstream.take_one();
    assert_eq!(seen.header("content-type"), Some("application/json; charset=utf8; version=1"), "as it came");
    world.close().await;
}

#[tokio::test]
async fn people_c5_attack_283_a_version_that_is_no_date_is_legacy_and_forwarded() {
    let world = World::standard().await;
    let token = world.token();
    for version in ["latest", "1.0", "draft", "undefined", "2025-11-25x", "2025-6-18", "2025-03-26T00:00:00Z", ""] {
        for ask in [
            Ask::post("/mcp", call("safe")),
            Ask::post("/mcp", notification("notifications/initialized", "{}")),
            Ask::get("/mcp").with("Accept", "text/event-stream"),
            Ask::new("DELETE", "/mcp"),
        ] {
            let ask = ask.token(&token).with(VERSION, version).with("Mcp-Name", "danger").with("Mcp-Method", "x");
            let reply = world.send(&ask).await;
            assert!(matches!(reply.status, 200 | 202 | 405), "{version:?}: {reply:?}");
            let seen = world.upstream.take_one();
            assert_eq!(seen.header(VERSION), Some(version));
            assert_eq!(
                (seen.header("mcp-name"), seen.header("mcp-method")),
                (None, None),
                "no header speaks for a body"
            );
        }
    }
    let meta = |version: &str| {
        request(
            "tools/call",
            &format!(
                r#"{{"name":"safe","_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}","io.modelcontextprotocol/clientCapabilities":{{}}}}}}"#
            ),
        )
    };
    let named = |body: String, version: &str| {
        world.post(body).with(VERSION, version).with("Mcp-Method", "tools/call").with("Mcp-Name", "safe")
    };
    world
        .verdicts(vec![
            row("the body repeats it", named(meta("latest"), "latest"), Want::Passes),
            row("and another name in the header", named(meta("latest"), "latest").set("Mcp-Name", "danger"), MISMATCH),
            row("the body says a modern one", named(meta("2026-07-28"), "latest"), MISMATCH),
            row("the body says a legacy one", named(meta("2025-11-25"), "latest"), MISMATCH),
            row("the body says another word", named(meta("draft"), "latest"), MISMATCH),
            row("nearly", named(meta("Latest"), "latest"), MISMATCH),
            row("judged all the same", world.post(call("forbidden")).with(VERSION, "latest"), Want::Status(403)),
            row("two lines", world.post(call("safe")).with(VERSION, "a").with(VERSION, "a"), Want::Status(400)),
            row("two in one", world.post(call("safe")).with(VERSION, "latest, 2026-07-28"), Want::Status(400)),
        ])
        .await;
    world.close().await;
}

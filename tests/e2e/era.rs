//! Do headers and body agree about version, method and name, whatever era the message is of (SPEC C-15…C-18, C-70…C-76, attacks 50–66)?

use base64::{Engine, engine::general_purpose::STANDARD};

use super::world::{Plan, Want, World, call, modern, request, row, server};

const MISMATCH: Want = Want::Error(400, -32020);
const VERSION: &str = "MCP-Protocol-Version";

#[tokio::test]
async fn c15_c70_c71_c72_c73_attack_050_to_060_headers_against_body() {
    let world = World::standard().await;
    let token = world.token();
    let safe = || modern("tools/call", Some("safe"), r#""name":"safe""#).token(&token);
    let danger = || modern("tools/call", Some("safe"), r#""name":"danger""#).token(&token);
    let legacy = |tool: &str| world.post(call(tool));
    let encoded = |text: &[u8]| format!("=?base64?{}?=", STANDARD.encode(text));
    let rows = vec![
        row("agreeing", safe(), Want::Passes),
        row("050 another name", danger(), MISMATCH),
        row("051 an older version header", danger().set(VERSION, "2025-11-25"), MISMATCH),
        row("051 even if the name agrees", safe().set(VERSION, "2025-11-25"), MISMATCH),
        row("052 no version header", danger().without(VERSION), MISMATCH),
        row("052 even if the name agrees", safe().without(VERSION), MISMATCH),
        row("053 legacy: the body is judged", legacy("danger").with("Mcp-Name", "safe"), Want::OneOf(&[400, 403])),
        row(
            "c71 legacy, with the old version",
            legacy("danger").with("Mcp-Name", "safe").with(VERSION, "2025-11-25"),
            Want::OneOf(&[400, 403]),
        ),
        row(
            "mcp-remote's Mcp-Method with legacy traffic",
            legacy("safe").with("Mcp-Method", "tools/call"),
            Want::Passes,
        ),
        row("054 two names", safe().with("Mcp-Name", "danger"), MISMATCH),
        row("c73 two equal names", safe().with("Mcp-Name", "safe"), MISMATCH),
        row("c73 two methods", safe().with("Mcp-Method", "tools/call"), MISMATCH),
        row("055 two versions", safe().with(VERSION, "2025-11-25"), Want::Status(400)),
        row(
            "055 two versions, legacy",
            legacy("safe").with(VERSION, "2025-11-25").with(VERSION, "2026-07-28"),
            Want::Status(400),
        ),
        row("057 upper case sentinel", safe().set("Mcp-Name", "=?BASE64?c2FmZQ==?="), MISMATCH),
        row("057 bad base64", safe().set("Mcp-Name", "=?base64?!!?="), MISMATCH),
        row("057 no padding", safe().set("Mcp-Name", "=?base64?c2FmZQ?="), MISMATCH),
        row("057 not UTF-8", safe().set("Mcp-Name", encoded(b"saf\xff")), MISMATCH),
        row("encoded", safe().set("Mcp-Name", encoded(b"safe")), Want::Passes),
        row("058 a pair", safe().set("Mcp-Name", "safe, danger"), MISMATCH),
        row("059 another case", safe().set("Mcp-Method", "TOOLS/CALL"), MISMATCH),
        row("059 no method", safe().without("Mcp-Method"), MISMATCH),
        row("c70 no name", safe().without("Mcp-Name"), MISMATCH),
        row("c72 blanks around it", safe().set("Mcp-Name", "  safe  "), Want::Passes),
        row("c72 values are case-sensitive", safe().set("Mcp-Name", "Safe"), MISMATCH),
        row("060 obs-text", safe().set("Mcp-Name", b"saf\xe9"), Want::Status(400)),
    ];
    world.verdicts(rows).await;
    let name = encoded("danger".as_bytes());
    let ask = modern("tools/call", None, r#""name":"danger""#).with("Mcp-Name", name).token(&token);
    world.verdicts(vec![row("056 a legitimate encoding is judged", ask, Want::Error(403, 40301))]).await;
    let reply = world.send(&danger()).await;
    assert_eq!(reply.json()["id"], 1, "with the request's id: {reply:?}");
    world.close().await;
}

#[tokio::test]
async fn attack_195_c71_in_the_legacy_era_no_header_speaks_for_the_body() {
    let world = World::standard().await;
    for version in [None, Some("2024-11-05"), Some("2025-03-26"), Some("2025-11-25"), Some("2026-07-27")] {
        for (method, name) in [("tools/list", "danger"), ("tools/call", "safe")] {
            let ask = world.post(call("safe")).with("Mcp-Method", method).with("Mcp-Name", name).with("Mcp-Name", "x");
            let ask = version.iter().fold(ask, |ask, version| ask.with(VERSION, version));
            assert_eq!(world.send(&ask).await.status, 200, "{version:?}");
            let seen = world.upstream.take_one();
            assert_eq!((seen.header("mcp-method"), seen.header("mcp-name")), (None, None), "{version:?} {method}");
            assert_eq!(seen.header("mcp-protocol-version"), version);
        }
    }
    let ask = modern("tools/call", Some("safe"), r#""name":"safe""#).token(&world.token());
    assert_eq!(world.send(&ask).await.status, 200);
    let seen = world.upstream.take_one();
    assert_eq!((seen.header("mcp-method"), seen.header("mcp-name")), (Some("tools/call"), Some("safe")));
    world.close().await;
}

#[tokio::test]
async fn c15_c16_c34_c74_c76_attack_063_versions_and_kinds() {
    let world = World::standard().await;
    let legacy = |tool: &str| world.post(call(tool));
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let mut rows = vec![
        row(
            "c15 a modern header, no _meta",
            legacy("safe").with(VERSION, "2026-07-28").with("Mcp-Method", "tools/call").with("Mcp-Name", "safe"),
            Want::Error(400, -32602),
        ),
        row(
            "c34 a modern response",
            world.post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).with(VERSION, "2026-07-28"),
            Want::Error(400, -32600),
        ),
        row(
            "c76 a notification without Mcp-Method",
            world.post(notification).with(VERSION, "2026-07-28"),
            Want::Passes,
        ),
        row(
            "c76 which must match if it is there",
            world.post(notification).with(VERSION, "2026-07-28").with("Mcp-Method", "tools/call"),
            MISMATCH,
        ),
        row("legacy, no header", legacy("safe"), Want::Passes),
    ];
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "1900-01-01"] {
        rows.push(row(format!("c17 {version}"), legacy("safe").with(VERSION, version), Want::Passes));
    }
    for version in ["2025-11-25, 2025-11-25", "2025-11-25 2026-07-28", "\"2025-11-25\"", "2025-11-25;q=1"] {
        rows.push(row(format!("c16 {version:?}"), legacy("safe").with(VERSION, version), Want::Status(400)));
    }
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn c17_c18_c79_attack_066_the_upstream_negotiates_versions_itself() {
    let world = World::standard().await;
    let answers = [
        (400, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"no","data":{"supported":["2025-11-25"]}}}"#),
        (400, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32021,"message":"no"}}"#),
        (404, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#),
        (400, r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: no session"},"id":null}"#),
    ];
    for (status, body) in answers {
        world.upstream.answer_with(move |_| server::json(status, body));
        let reply = world.send(&modern("tools/call", Some("safe"), r#""name":"safe""#).token(&world.token())).await;
        assert_eq!((reply.status, reply.text().as_str()), (status, body));
    }
    world.upstream.answer_politely();
    world.upstream.take();
    let ask = world.post(call("safe")).with(VERSION, "1900-01-01");
    world.send(&ask).await;
    assert_eq!(world.upstream.take_one().header("mcp-protocol-version"), Some("1900-01-01"), "c17: never rewritten");
    world.close().await;
}

#[tokio::test]
async fn c64_c75_attack_065_unknown_headers_pass_and_mcp_param_is_never_trusted() {
    let world = Plan::standard().start().await;
    let ask = modern("tools/call", Some("safe"), r#""name":"safe""#)
        .token(&world.token())
        .with("Mcp-Param-Region", "eu")
        .with("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .with("baggage", "a=b")
        .with("X-Custom", "kept")
        .with("Mcp_Name", "danger");
    assert_eq!(world.send(&ask).await.status, 200);
    let seen = world.upstream.take_one();
    assert_eq!(seen.header("mcp-param-region"), Some("eu"));
    assert!(seen.header("traceparent").is_some_and(|value| value.contains("0af7651916cd43dd8448eb211c80319c")));
    assert_eq!(seen.header("baggage"), Some("a=b"));
    assert_eq!(seen.header("x-custom"), Some("kept"));
    assert_eq!(seen.header("mcp_name"), None, "an underscore would fold into Mcp-Name behind a WSGI server");
    assert_eq!(seen.header("mcp-name"), Some("safe"));
    world.close().await;
}

#[tokio::test]
async fn c70_attack_061_tasks_name_their_id() {
    let world = World::standard().await;
    let ask = modern("tasks/get", Some("one"), r#""taskId":"two""#).token(&world.token());
    let rows = vec![row("another id", ask, Want::OneOf(&[400, 403]))];
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn c15_c71_the_verdict_does_not_depend_on_the_version_that_is_claimed() {
    let world = World::standard().await;
    let versions =
        [None, Some("1900-01-01"), Some("2024-11-05"), Some("2025-03-26"), Some("2025-06-18"), Some("2025-11-25")];
    let verdicts = [
        (call("safe"), Want::Passes),
        (call("danger"), Want::Error(403, 40301)),
        (call("forbidden"), Want::Error(403, 40302)),
        (call("unknown"), Want::Error(403, 40304)),
        (request("vendor/exec", "{}"), Want::Error(403, 40304)),
        (request("resources/read", r#"{"uri":"file:///etc/passwd"}"#), Want::Error(403, 40304)),
        (request("initialize", r#"{"protocolVersion":"2099-01-01"}"#), Want::Passes),
    ];
    let mut rows = Vec::new();
    for version in versions {
        for (body, want) in &verdicts {
            let ask = world.post(body.as_str());
            let ask = version.iter().fold(ask, |ask, version| ask.with(VERSION, version));
            rows.push(row(format!("{version:?} {body}"), ask, *want));
        }
    }
    // The modern era spells the same requests otherwise, and gets the same verdicts.
    for (tool, want) in [
        ("safe", Want::Passes),
        ("danger", Want::Error(403, 40301)),
        ("forbidden", Want::Error(403, 40302)),
        ("unknown", Want::Error(403, 40304)),
    ] {
        let ask = modern("tools/call", Some(tool), &format!(r#""name":"{tool}""#)).token(&world.token());
        rows.push(row(format!("modern {tool}"), ask, want));
    }
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn c16_c18_c79_what_the_upstream_must_answer_itself_reaches_it() {
    let world = World::standard().await;
    let token = world.token();
    let odd = |ask: super::world::Ask, body: String| ask.set(VERSION, "v999.0.0").body(body).token(&token);
    let discover = modern("server/discover", None, "");
    let odd_body = String::from_utf8_lossy(discover.sent_body()).replace("2026-07-28", "v999.0.0");
    let plain_body = String::from_utf8_lossy(discover.sent_body()).into_owned();
    let rows = vec![
        row("an unknown version that both say", odd(discover.clone(), odd_body), Want::Passes),
        row("one that the header alone says", odd(discover.clone(), plain_body), Want::Status(400)),
        row("a removed method", modern("resources/subscribe", None, "").token(&token), Want::Passes),
        row(
            "with its old argument",
            modern("resources/subscribe", None, r#""uri":"file:///etc/x""#).token(&token),
            Want::Error(403, 40304),
        ),
        row("in the legacy era", world.post(request("resources/subscribe", "{}")), Want::Error(400, -32602)),
    ];
    world.verdicts(rows).await;
    world.close().await;
}

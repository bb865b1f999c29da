//! Is a batch of 2025-03-26 taken only where the operator says so, and judged whole (SPEC C-30, C-31, attacks 46–49)?

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::world::{
    Plan, Row, Step, Want, World, call, request, row,
    server::{self, chunk, last_chunk, sse_head},
};

const REFUSED: Want = Want::Error(400, -32600);
const UNREADABLE: Want = Want::Error(400, -32700);
const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const RESULT: &str = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;

fn plan() -> Plan {
    Plan::standard_but("    scopes:", "    batches: 2025-03-26\n    scopes:")
}

/// The message with another id.
fn numbered(message: &str, id: u32) -> String {
    message.replace("\"id\":1", &format!("\"id\":{id}"))
}

/// A batch of these messages, numbered from 1.
fn batch<M: AsRef<str>>(messages: &[M]) -> String {
    let numbered = messages.iter().zip(1..).map(|(message, id)| numbered(message.as_ref(), id));
    format!("[{}]", numbered.collect::<Vec<_>>().join(","))
}

fn versioned(world: &World, name: &str, body: &str, version: &str, want: Want) -> Row {
    row(format!("{name}, {version}"), world.post(body).with("MCP-Protocol-Version", version), want)
}

#[tokio::test]
async fn c30_attack_046_047_batches_are_refused_unless_the_operator_wants_them() {
    let world = World::standard().await;
    let mut rows = Vec::new();
    for (name, body) in [
        ("046 [danger]", batch(&[call("danger")])),
        ("047 [safe, danger]", batch(&[call("safe"), call("danger")])),
        ("[safe]", batch(&[call("safe")])),
        ("of responses", format!("[{RESULT}]")),
    ] {
        rows.push(row(name, world.post(body.as_str()), REFUSED));
        for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
            rows.push(versioned(&world, name, &body, version, REFUSED));
        }
    }
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn c30_attack_046_to_049_a_wanted_batch_is_judged_whole() {
    let world = plan().start().await;
    let two = batch(&[call("safe"), call("get_x")]);
    let fifty =
        |count: u32| format!("[{}]", (1..=count).map(|id| numbered(&call("safe"), id)).collect::<Vec<_>>().join(","));
    let with = |message: String| batch(&[call("safe"), message]);
    let modern = r#"{"name":"safe","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
    let denied = Want::Error(403, 40302);
    let no_rule = Want::Error(403, 40304);
    let scope = Want::Error(403, 40301);
    let cases = [
        ("two calls", two.clone(), Want::Passes),
        ("one call", batch(&[call("safe")]), Want::Passes),
        ("white space", format!(" \r\n[ {} ,\t{NOTE} ]\n", call("safe")), Want::Passes),
        ("a notification alone", format!("[{NOTE}]"), Want::Passes),
        (
            "responses without a session (C-33)",
            format!("[{RESULT},{}]", RESULT.replace('7', "8")),
            Want::Error(404, 40402),
        ),
        ("fifty", fifty(50), Want::Passes),
        ("of everything", batch(&[call("safe"), request("tools/list", "{}"), request("ping", "{}")]), Want::Passes),
        ("046 [danger]", batch(&[call("danger")]), scope),
        ("047 [safe, danger]", with(call("danger")), scope),
        ("[danger, safe]", batch(&[call("danger"), call("safe")]), scope),
        ("[safe, forbidden]", with(call("forbidden")), denied),
        ("[danger, forbidden]", batch(&[call("danger"), call("forbidden")]), denied),
        ("[safe, unknown]", with(call("unknown")), no_rule),
        ("[danger, unknown]", batch(&[call("danger"), call("unknown")]), no_rule),
        ("a resource out of reach", with(request("resources/read", r#"{"uri":"file:///etc/x"}"#)), no_rule),
        ("a resource that climbs", with(request("resources/read", r#"{"uri":"file:///pub/../x"}"#)), Want::Status(403)),
        ("an unknown method", with(request("vendor/exec", "{}")), no_rule),
        ("048 a mixture", with(RESULT.to_owned()), REFUSED),
        ("048 nested", format!("[{}]", batch(&[call("safe")])), REFUSED),
        ("048 nested second", with(batch(&[call("safe")])), REFUSED),
        ("048 fifty-one", fifty(51), REFUSED),
        ("048 with initialize", with(request("initialize", "{}")), REFUSED),
        ("048 empty", "[]".to_owned(), REFUSED),
        ("048 positional", r#"["2.0","tools/call",1,{"name":"danger"}]"#.to_owned(), REFUSED),
        ("049 a notification and a denied call", format!("[{NOTE},{}]", call("forbidden")), denied),
        ("049 a notification and an unlisted call", format!("[{NOTE},{}]", call("unknown")), no_rule),
        ("049 a denied call without id", with(call("forbidden").replace("\"id\":1,", "")), denied),
        ("one id twice", format!("[{},{}]", call("safe"), call("safe")), REFUSED),
        ("a modern message", with(request("tools/call", modern)), REFUSED),
        ("a subscription", with(request("subscriptions/listen", "{}")), REFUSED),
        ("a task", with(request("tools/call", r#"{"name":"safe","task":{}}"#)), REFUSED),
        ("the list of tasks", with(request("tasks/list", "{}")), REFUSED),
        ("001 two names", with(request("tools/call", r#"{"name":"safe","name":"danger"}"#)), REFUSED),
        ("a broken one", format!("[{},]", call("safe")), UNREADABLE),
        ("two arrays", format!("{two}{two}"), UNREADABLE),
        ("without an end", two[..two.len() - 1].to_owned(), UNREADABLE),
    ];
    let mut rows: Vec<Row> =
        cases.iter().map(|(name, body, want)| row(*name, world.post(body.as_str()), *want)).collect();
    for (version, want) in [
        ("2025-03-26", Want::Passes),
        ("2024-11-05", REFUSED),
        ("2025-06-18", REFUSED),
        ("2025-11-25", REFUSED),
        ("2026-07-28", REFUSED),
    ] {
        rows.push(versioned(&world, "047 two calls", &two, version, want));
    }
    rows.push(row(
        "055 two versions",
        world.post(two.as_str()).with("MCP-Protocol-Version", "2025-03-26").with("MCP-Protocol-Version", "2025-03-26"),
        Want::Status(400),
    ));
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn c30_one_challenge_names_what_the_whole_batch_needs() {
    let world = plan().start().await;
    let reply = world.send(&world.post(batch(&[call("danger"), call("safe"), call("both")]))).await;
    assert_eq!((reply.status, reply.code(), reply.reason().as_str()), (403, Some(40301), "insufficient_scope"));
    let scope = reply.challenge_parameter("scope").unwrap();
    assert_eq!(scope, "mcp:connect mcp:danger mcp:one mcp:two");
    let json = reply.json();
    assert!(json.get("id").is_none(), "no one message is to blame: {json}");
    let message = json["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("this batch needs scopes mcp:connect mcp:danger mcp:one mcp:two;"), "{message}");
    assert_eq!(world.upstream.count(), 0);
    let able = world.token_with(&scope);
    let body = batch(&[call("danger"), call("safe"), call("both")]);
    world.verdicts(vec![row("with all of it", world.post(body).token(&able), Want::Passes)]).await;
    world.close().await;
}

#[tokio::test]
async fn c30_a_refused_batch_is_never_a_result() {
    let world = Plan::standard_but("    scopes:", "    batches: 2025-03-26\n    deny_as: tool_error\n    scopes:")
        .start()
        .await;
    let single = world.send(&world.post(call("forbidden"))).await;
    assert_eq!((single.status, single.json()["result"]["isError"].as_bool()), (200, Some(true)));
    world.verdicts(vec![row("a batch", world.post(batch(&[call("forbidden")])), Want::Error(403, 40302))]).await;
    world.close().await;
}

#[tokio::test]
async fn c31_an_array_of_answers_passes_byte_for_byte() {
    let world = plan().start().await;
    let answer = "[ {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}} ,\n{\"id\":1,\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1,\"message\":\"m\"}} ]\n";
    world.upstream.answer_with(move |_| server::json(200, answer));
    let body = batch(&[call("safe"), call("get_x")]);
    let reply = world.send(&world.post(body.as_str()).with("Mcp-Method", "tools/call")).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, answer));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(String::from_utf8(world.upstream.take_one().body).unwrap(), body);
    world.close().await;
}

#[tokio::test]
async fn c31_answers_as_events_pass_as_they_come() {
    let world = plan().start().await;
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    let event = |id: u32| {
        format!("event: message\r\nid: e{id}\r\ndata: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\r\n\r\n")
    };
    let (first, second) = (event(2), event(1));
    let both = format!("{first}{second}");
    world.upstream.answer_with(move |_| {
        vec![sse_head(&[]), chunk(&first), Step::Await(Arc::clone(&script_gate)), chunk(&second), last_chunk()]
    });
    let mut live = world.open(&world.post(batch(&[call("safe"), call("get_x")]))).await;
    assert_eq!((live.reply().status, live.reply().header("content-type")), (200, Some("text/event-stream")));
    live.until("\"id\":2").await;
    gate.add_permits(1);
    let reply = live.rest().await;
    assert_eq!((reply.text(), reply.cut), (both, false));
    world.close().await;
}

#[tokio::test]
async fn c30_c33_the_owner_of_a_session_answers_in_a_batch() {
    let world = plan().start().await;
    world.upstream.answer_with(|_| server::full(200, &[("Mcp-Session-Id", "s1")], "{}"));
    let session =
        world.send(&world.post(request("initialize", "{}"))).await.header("mcp-session-id").unwrap().to_owned();
    world.upstream.answer_politely();
    let body = format!("[{RESULT},{}]", RESULT.replace('7', "8"));
    let ask = world.post(body).with("Mcp-Session-Id", &session);
    world.verdicts(vec![row("in a session", ask, Want::Passes)]).await;
    world.close().await;
}

#[tokio::test]
async fn c31_a_list_among_the_answers_is_cut_in_both_shapes() {
    let world = plan().start().await;
    let tools = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("{{\"name\":\"{name}\"}}")).collect();
        format!("{{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{{\"tools\":[{}]}}}}", names.join(","))
    };
    let other = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}";
    let shapes: [fn(&str, &str) -> String; 2] =
        [|one, two| format!("[{one}, {two}]"), |one, two| format!("data: {one}\n\ndata: [{two}]\n\n")];
    for (shape, is_stream) in shapes.into_iter().zip([false, true]) {
        let whole = shape(other, &tools(&["safe", "forbidden", "danger"]));
        world.upstream.answer_with(move |_| match is_stream {
            false => server::json(200, &whole),
            true => vec![sse_head(&[]), chunk(&whole), last_chunk()],
        });
        let reply = world.send(&world.post(batch(&[call("safe"), request("tools/list", "{}")]))).await;
        assert_eq!((reply.status, reply.text()), (200, shape(other, &tools(&["safe", "danger"]))));
    }
    world.close().await;
}

//! Does a list that comes as the answer to something else stay hidden, and does everything else pass as it is (SPEC C-55, P1)?

use super::{
    super::world::{
        Ask, Plan, Seen, Step, World, call, modern, request,
        server::{chunk, full, json, last_chunk, polite, sse_head},
    },
    ALL, hiding, list_tools, listed,
};

const PROGRESS: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;

/// The list on one line.
fn line() -> String {
    listed(&ALL, "").replace(['\r', '\n'], "")
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

/// An answer whose pieces come one by one.
fn pieces(head: &str, pieces: &[&str]) -> Vec<Step> {
    let head = format!("HTTP/1.1 {head}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut steps = vec![Step::Send(head.into())];
    steps.extend(pieces.iter().map(chunk));
    steps.push(last_chunk());
    steps
}

#[tokio::test]
async fn c55_the_id_of_a_list_that_is_used_again_shows_no_list() {
    let world = World::standard().await;
    // What the TypeScript SDK does: the answer goes where the id was used last.
    world.upstream.answer_with(|seen| match String::from_utf8_lossy(&seen.body) {
        body if body.contains("tools/list") => vec![sse_head(&[]), chunk(": begun\n"), Step::Hang],
        _ => vec![sse_head(&[]), chunk(event(PROGRESS)), chunk(event(&line())), Step::Hang],
    });
    let mut list = world.open(&list_tools(&world)).await;
    list.until(": begun\n").await;
    for body in [
        call("safe"),
        request("ping", "{}"),
        request("initialize", "{}"),
        request("prompts/get", r#"{"name":"hello"}"#),
    ] {
        let reply = world.send(&world.post(body.as_str())).await;
        assert!(reply.cut && !reply.text().contains("inputSchema"), "{body}: {reply:?}");
        assert!(event(PROGRESS).starts_with(&reply.text()), "{body}: {reply:?}");
    }
    world.upstream.until_hung_up(4).await;
    drop(list);
    world.close().await;
}

#[tokio::test]
async fn attack_187_a_version_that_is_repeated_in_meta_does_not_end_the_watch_for_lists() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| json(200, line()));
    let asked = |version: &str| {
        let meta = format!(
            r#"{{"name":"safe","_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}","io.modelcontextprotocol/clientCapabilities":{{}}}}}}"#
        );
        world.post(request("tools/call", &meta)).with("Mcp-Method", "tools/call").with("Mcp-Name", "safe")
    };
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-27", "1900-01-01", "v999.0.0"] {
        let reply = world.send(&asked(version).with("MCP-Protocol-Version", version)).await;
        assert_eq!(world.upstream.take().len(), 1, "{version}: it is a request like any other");
        assert!(reply.cut && !reply.text().contains("inputSchema"), "{version}: {reply:?}");
    }
    // A version that the header does not name reaches nobody, as in attack 51.
    for (header, body) in [("2025-11-25", "2025-06-18"), ("2025-11-25", "2026-07-28"), ("2026-07-28", "2025-11-25")] {
        let reply = world.send(&asked(body).with("MCP-Protocol-Version", header)).await;
        assert_eq!((reply.status, reply.code()), (400, Some(-32020)), "{header} {body}: {reply:?}");
    }
    let reply = world.send(&asked("2025-11-25")).await;
    assert_eq!((reply.status, reply.code()), (400, Some(-32020)), "no header: {reply:?}");
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn c55_attack_146_no_shape_and_no_status_saves_a_list_that_nobody_asked_for() {
    let world = World::standard().await;
    let (list, json_type, stream_type) = (line(), "Content-Type: application/json", "Content-Type: text/event-stream");
    let (before, behind) = list.split_at(list.find(r#"{"title""#).unwrap());
    let escaped = list.replace(r#""tools""#, r#""\u0074ools""#);
    let answers: Vec<(&str, Vec<String>)> = vec![
        ("200 OK", vec![list.clone()]),
        ("200 OK", vec![before.into(), behind.into()]),
        ("200 OK", vec![escaped.clone()]),
        ("200 OK", vec![format!("[{{\"id\":9}},{list}]")]),
        ("200 OK", vec![format!("\u{FEFF}{list}")]),
        ("200 OK", vec![event(&list)]),
        ("200 OK", vec![event(PROGRESS), event(&escaped)]),
        ("200 OK", vec![format!("data: {before}\r\ndata: {behind}\r\n\r\n")]),
        ("200 OK", vec![": c\r".into(), format!("data:{before}"), format!("{behind}\r\r")]),
        ("404 Not Found", vec![list.clone()]),
        ("500 Internal Server Error", vec![event(&list)]),
        ("202 Accepted", vec![list.clone()]),
    ];
    for (status, given) in answers {
        for label in [json_type, stream_type, "Content-Type: text/plain", "X-None: 1"] {
            let (head, given) = (format!("{status}\r\n{label}"), given.clone());
            let what = format!("{head} {given:?}");
            world.upstream.answer_with(move |_| pieces(&head, &given.iter().map(String::as_str).collect::<Vec<_>>()));
            let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
            for body in [call("safe"), notification.to_owned()] {
                let reply = world.send(&world.post(body)).await;
                assert!(!reply.text().contains("inputSchema"), "{what}: {reply:?}");
                assert!(reply.cut, "{what}: {reply:?}");
                assert!(reply.status == 0 || status.starts_with(&reply.status.to_string()), "{what}: {reply:?}");
            }
            // As an answer to a list it is no better where it says that it failed.
            if !status.starts_with('2') {
                let reply = world.send(&list_tools(&world)).await;
                assert!(reply.cut && !reply.text().contains("inputSchema"), "{what}: {reply:?}");
                let reply = world.send(&modern("tools/list", None, "").token(&world.token())).await;
                assert!(reply.cut && !reply.text().contains("inputSchema"), "{what}: {reply:?}");
            }
        }
    }
    world.close().await;
}

#[tokio::test]
async fn c30_c55_a_list_among_the_answers_to_a_batch_is_cut_where_one_was_asked_for_and_ends_it_elsewhere() {
    let world = Plan::standard_but("    scopes:", "    batches: 2025-03-26\n    scopes:").start().await;
    let answers = |list: &str| format!(r#"[{{"jsonrpc":"2.0","id":2,"result":{{"content":[]}}}},{list}]"#);
    let shown = listed(&["safe", "danger", "both", "either", "watched"], "").replace(['\r', '\n'], "");
    let ping = request("ping", "{}").replace(r#""id":1"#, r#""id":2"#);
    for is_stream in [false, true] {
        world.upstream.answer_with(move |_| match is_stream {
            true => vec![sse_head(&[]), chunk(event(&answers(&line()))), last_chunk()],
            false => json(200, answers(&line())),
        });
        let batch = |other: &str| format!("[{ping},{other}]");
        let reply = world.send(&world.post(batch(&request("prompts/list", "{}")))).await;
        let expected = if is_stream { event(&answers(&shown)) } else { answers(&shown) };
        assert_eq!((reply.status, reply.cut, reply.text()), (200, false, expected));
        let reply = world.send(&world.post(batch(&call("safe")))).await;
        assert!(reply.cut && !reply.text().contains("inputSchema"), "{reply:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn c55_what_cannot_be_decoded_is_not_shown() {
    let world = World::standard().await;
    for (status, expected) in [(200, 502), (202, 502), (404, 404), (500, 500)] {
        world.upstream.answer_with(move |_| full(status, &[("Content-Encoding", "dcb")], b"\x0b\x00\x80\x7b"));
        let reply = world.send(&world.post(call("safe")).with("Accept-Encoding", "br")).await;
        assert_eq!(reply.status, expected, "{reply:?}");
        assert_eq!(world.upstream.take_one().header("accept-encoding"), Some("identity"));
    }
    world.close().await;
}

#[tokio::test]
async fn c55_a_list_of_one_kind_may_answer_for_a_list_of_another() {
    let world = World::standard().await;
    let both = |tools: &str, prompts: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tools}],"prompts":[{prompts}]}}}}"#)
    };
    let (tool, prompt) = (r#"{"name":"safe"},{"name":"forbidden"}"#, r#"{"name":"hello"},{"name":"secret"}"#);
    let (given, legacy) = (both(tool, prompt), both(r#"{"name":"safe"}"#, r#"{"name":"hello"}"#));
    let stream = event(&given);
    for method in ["tools/list", "prompts/list", "resources/list", "tasks/list"] {
        let given = given.clone();
        world.upstream.answer_with(move |_| json(200, &given));
        assert_eq!(world.send(&world.post(request(method, "{}"))).await.text(), legacy, "{method}");
        let stream = stream.clone();
        world.upstream.answer_with(move |_| vec![sse_head(&[]), chunk(&stream), last_chunk()]);
        assert_eq!(world.send(&world.post(request(method, "{}"))).await.text(), event(&legacy), "{method}");
    }
    // Without sessions an answer is the request's own, and what else it holds means nothing.
    world.upstream.answer_with(move |_| json(200, &given));
    let reply = world.send(&modern("tools/list", None, "").token(&world.token())).await;
    assert_eq!(reply.text(), both(r#"{"name":"safe"}"#, prompt));
    world.close().await;
}

#[tokio::test]
async fn c89_attack_138_tasks_of_others_are_not_shown_where_nothing_else_is_hidden() {
    let tasks = r#"{"jsonrpc":"2.0","id":1,"result":{"tasks":[{"taskId":"his","status":"working"}]}}"#;
    let trusting = "    hide: never\n    rules:\n      - {methods: [\"tasks/*\"]}\n";
    let loose = "\n  main:\n    path: /mcp\n    upstream: {url: \"@UPSTREAM@/inner/mcp\"}\n    access: authenticated\n";
    for (plan, is_guarded) in [
        (hiding("never"), true),
        (Plan::standard().servers(loose), true),
        // Then the upstream keeps its users apart.
        (Plan::standard_but("    rules:\n", trusting), false),
    ] {
        let world = plan.start().await;
        for stream in [false, true] {
            world.upstream.answer_with(move |_| match stream {
                true => vec![sse_head(&[]), chunk(event(tasks)), last_chunk()],
                false => json(200, tasks),
            });
            let reply = world.send(&world.post(request("ping", "{}"))).await;
            assert_eq!((reply.cut, reply.text().contains("his")), (is_guarded, !is_guarded), "{reply:?}");
        }
        // What nothing is hidden of passes.
        world.upstream.answer_with(|_| json(200, line()));
        assert_eq!(world.send(&world.post(call("safe"))).await.text(), line());
        world.close().await;
    }
}

/// A result of some length, with words in it that are no list.
fn decoy() -> String {
    let text = r#"\u0000 {\"result\":{\"tools\":[{\"name\":\"forbidden\"}]}} \\ \" "#.repeat(20_000);
    format!(
        concat!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}},{{"tools":[1]}}],"#,
            r#""structuredContent":{{"tools":[{{"name":"x"}}],"result":{{"tasks":[]}}}},"_meta":{{"prompts":[]}},"tools":"[","tasks":{{}}}}}}"#
        ),
        text = text
    )
}

#[tokio::test]
async fn p01_c50_answers_that_hold_no_list_pass_byte_for_byte_as_they_come() {
    let world = World::standard().await;
    let asks = r#"{"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage","params":{"tools":[{"name":"x"}],"result":{"tools":[]}}}"#;
    let fields = [("Content-Type", "application/json"), ("ETag", "\"1\"")];
    world.upstream.answer_with(move |_| full(200, &fields, decoy()));
    let reply = world.send(&world.post(call("safe"))).await;
    assert_eq!((reply.status, reply.text() == decoy(), reply.header("etag")), (200, true, Some("\"1\"")));
    assert_eq!(reply.header("content-length"), Some(decoy().len().to_string().as_str()));

    let stream = [event(asks), ": c\r".into(), event(PROGRESS), event(&decoy()), "data: {\"resu".into()];
    let given = stream.clone();
    world.upstream.answer_with(move |_| {
        let mut steps = vec![sse_head(&[])];
        steps.extend(given.iter().map(chunk));
        steps.push(last_chunk());
        steps
    });
    let reply = world.send(&world.post(call("safe"))).await;
    assert!(reply.text() == stream.concat() && !reply.cut, "a stream is not what it was");

    // No end of an event is waited for, and of no length is too much.
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk("data: {\"result\":{\"tools\""), Step::Hang]);
    let mut live = world.open(&world.post(call("safe"))).await;
    live.until("data: {\"result\":{\"tools\"").await;
    drop(live);
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn c54_a_comment_on_the_stream_of_a_list_waits_for_nothing() {
    let world = World::standard().await;
    world.upstream.answer_with(|_: &Seen| vec![sse_head(&[]), chunk(": ping\n"), Step::Hang]);
    for ask in [list_tools(&world), Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream")] {
        let mut live = world.open(&ask).await;
        live.until(": ping\n").await;
    }
    world.upstream.until_hung_up(2).await;
    world.upstream.answer_with(polite);
    world.close().await;
}

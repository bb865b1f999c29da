//! Are lists inside event streams cut, event by event and as they come (SPEC C-50, C-52, C-55, attack 147)?

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{
    super::world::{
        Ask, Reply, Step, World, request,
        server::{chunk, full, json, last_chunk, sse_head},
    },
    ALL, hiding, is_not_shown, list_tools, listed,
};

#[tokio::test]
async fn c50_c55_a_stream_is_cut_event_by_event_as_it_comes() {
    let world = World::standard().await;
    let gate = Arc::new(Semaphore::new(0));
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"tools":[{"name":"forbidden"}]}}"#;
    let one = |names: &[&str]| {
        format!("id: 3\r\ndata:{}\r\nretry: 7\r\n\r\n", listed(names, "").replace("\r\n", "").trim_end())
    };
    let split = |names: &[&str]| {
        let text = listed(names, "");
        let lines: Vec<_> = text.trim_end().split("\r\n").map(|line| format!("data: {line}\n")).collect();
        format!("event: message\n{}\n", lines.concat())
    };
    // (what the upstream writes, what the client must have before the upstream goes on)
    let pieces: Vec<(String, String)> = vec![
        ("id: 1\nretry: 3000\ndata:\n\n".into(), "id: 1\nretry: 3000\ndata:\n\n".into()),
        (": comment\r\r".into(), ": comment\r\r".into()),
        (format!("data: {progress}\n\n"), format!("data: {progress}\n\n")),
        (one(&ALL)[..90].into(), String::new()),
        (one(&ALL)[90..200].into(), String::new()),
        (one(&ALL)[200..].into(), one(&["safe", "danger", "both", "either", "watched"])),
        (format!("{}data: ping\n\n", split(&["unknown", "safe"])), format!("{}data: ping\n\n", split(&["safe"]))),
        ("data: never finished".into(), String::new()),
    ];
    let (script_gate, script_pieces) = (Arc::clone(&gate), pieces.clone());
    world.upstream.answer_with(move |_| {
        let mut steps = vec![sse_head(&[])];
        for (piece, _) in &script_pieces {
            steps.push(chunk(piece));
            steps.push(Step::Await(Arc::clone(&script_gate)));
        }
        steps.push(last_chunk());
        steps
    });
    let mut live = world.open(&list_tools(&world)).await;
    for (_, expected) in &pieces {
        let mut got = Vec::new();
        while got.len() < expected.len() {
            got.extend_from_slice(&live.piece().await.expect("the stream ended early"));
        }
        assert_eq!(String::from_utf8_lossy(&got), *expected);
        gate.add_permits(1);
    }
    let reply = live.rest().await;
    assert!(!reply.cut && reply.body.is_empty(), "what has no end is dropped: {reply:?}");
    world.close().await;
}

/// Answers with a session, a stream that ends at once, and `stream` when that is taken up again.
fn answer_resumption(world: &World, stream: &str) {
    let stream = stream.to_owned();
    world.upstream.answer_with(move |seen| match seen.method.as_str() {
        "GET" => vec![sse_head(&[]), chunk(&stream), last_chunk()],
        _ if seen.header("mcp-session-id").is_none() => {
            let fields = [("Content-Type", "application/json"), ("Mcp-Session-Id", "s1")];
            full(200, &fields, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
        }
        _ => vec![sse_head(&[]), chunk("id: 7\nretry: 1\ndata:\n\n"), last_chunk()],
    });
}

/// What comes of the stream that is taken up again.
async fn resumed(world: &World) -> Reply {
    let begun = world.send(&world.post(request("initialize", "{}"))).await;
    let session = begun.header("mcp-session-id").expect("a session").to_owned();
    let first = world.send(&list_tools(world).with("Mcp-Session-Id", &session)).await;
    assert_eq!(first.text(), "id: 7\nretry: 1\ndata:\n\n");
    let again = Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream");
    world.send(&again.with("Mcp-Session-Id", &session).with("Last-Event-ID", "7")).await
}

#[tokio::test]
async fn c52_c55_a_list_in_a_stream_that_is_taken_up_again_is_cut_too() {
    let world = World::standard().await;
    let event = |names: &[&str]| format!("id: 8\ndata: {}\n\n", listed(names, "").replace("\r\n", "").trim_end());
    answer_resumption(&world, &event(&ALL));
    let reply = resumed(&world).await;
    assert_eq!((reply.status, reply.text()), (200, event(&["safe", "danger", "both", "either", "watched"])));
    world.close().await;
}

#[tokio::test]
async fn c52_c55_tasks_in_a_stream_that_is_taken_up_again_are_judged_where_nothing_else_is() {
    let plan = hiding("never");
    let world = plan.start().await;
    let nameless = r#"{"jsonrpc":"2.0","id":1,"result":{"tasks":[{"status":"working"}]}}"#;
    let tools = listed(&ALL, "").replace("\r\n", "");
    let stream = format!("id: 8\ndata: {}\n\nid: 9\ndata: {nameless}\n\nid: 10\ndata: x\n\n", tools.trim_end());
    answer_resumption(&world, &stream);
    let reply = resumed(&world).await;
    assert_eq!(reply.text(), stream[..stream.find("id: 9").unwrap()], "what does not say whose it is ends the stream");
    world.close().await;
}

#[tokio::test]
async fn attack_147_an_event_that_cannot_be_read_ends_the_stream() {
    let world = World::standard().await;
    let list = listed(&["forbidden"], "").replace("\r\n", "");
    let list = list.trim_end();
    let cases: Vec<String> = vec![
        format!("data: {list}}}\n\n"),
        format!("data: [{list}\n\n"),
        format!("data:\u{FEFF}{list}\n\n"),
        format!("data: {}\n\n", list.replace("result", "Result")),
        format!("data: {}\n\n", list.replace(r#""name""#, r#""title":1,"label""#)),
        format!("{list}\n\n"),
        format!("\n\n {list}\r\n\r\n"),
        format!("data: \0{list}\n\n"),
        format!("event: x\ndata: \0{list}\n\n"),
        format!("data: )]}}',\ndata: {list}\n\n"),
        format!("\0{list}\n\n"),
        format!("id: 1\nx{list}\ndata: x\n\n"),
        "data: {\"tools\":[{\"name\":\"forbidden\"}]}\n\n".to_owned(),
    ];
    let count = cases.len();
    for case in cases {
        let event = case.clone();
        world.upstream.answer_with(move |_| vec![sse_head(&[]), chunk("data: first\n\n"), chunk(&event), Step::Hang]);
        let reply = world.send(&list_tools(&world)).await;
        assert!(reply.text().starts_with("data: first\n\n"), "{case:?}: {reply:?}");
        assert!(!reply.text().contains("forbidden"), "{case:?}: {reply:?}");
        assert!(reply.cut, "no last chunk may pretend that this was all: {reply:?}");
    }
    let failures = world.metric("portcullis_upstream_failures_total").await;
    assert_eq!(failures, u32::try_from(count).ok().map(f64::from));
    world.close().await;
}

#[tokio::test]
async fn attack_147_p09_an_event_without_an_end_is_held_only_so_far() {
    const PIECE: usize = 1024 * 1024;
    let world = World::standard().await;
    let piece: Bytes = format!("{PIECE:x}\r\n{}\r\n", "x".repeat(PIECE)).into();
    world.upstream.answer_with(move |_| {
        vec![sse_head(&[]), chunk("data: one\n\n"), chunk("data: "), Step::Flood(piece.clone(), 1024), last_chunk()]
    });
    let before = world.gateway.resident_kib();
    let reply = world.send(&list_tools(&world)).await;
    assert_eq!(reply.text(), "data: one\n\n");
    world.upstream.until_hung_up(1).await;
    let grown = world.gateway.resident_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB for an event that has no end");
    let long: Bytes = format!("{}{}", listed(&["forbidden"], ""), " ".repeat(16 * PIECE)).into();
    is_not_shown(&world, "a long list", move || json(200, &long)).await;
    world.close().await;
}

#[tokio::test]
async fn c55_a_list_that_comes_on_the_stream_of_a_session_is_cut() {
    let world = hiding("unauthorized").start().await;
    // What rmcp does with the answer to a list that was cancelled while it was made.
    let list = format!("data: {}\n\n", listed(&ALL, "").replace(['\r', '\n'], ""));
    world
        .upstream
        .answer_with(move |_| vec![sse_head(&[]), chunk("data: on"), chunk("e\n\n"), chunk(&list), last_chunk()]);
    let reply = world.send(&Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream")).await;
    assert_eq!((reply.status, reply.cut), (200, false), "{reply:?}");
    let shown = listed(&["safe", "watched"], "").replace(['\r', '\n'], "");
    assert_eq!(reply.text(), format!("data: one\n\ndata: {shown}\n\n"));
    world.close().await;
}

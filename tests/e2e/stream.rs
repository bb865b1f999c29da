//! Do streams pass piece by piece, end when they should, and leave nothing behind (SPEC C-50…C-59, attacks 147, 150, 151)?

use std::sync::Arc;

use bytes::Bytes;
use tokio::{
    sync::Semaphore,
    time::{Duration, Instant},
};

use super::world::{
    Ask, Plan, Step, World, call, modern, request,
    server::{chunk, full, last_chunk, sse_head},
};

fn event(text: &str) -> String {
    format!("event: message\ndata: {text}\n\n")
}

#[tokio::test]
async fn c50_c54_c59_each_event_passes_as_it_comes_byte_for_byte() {
    let world = World::standard().await;
    let gate = Arc::new(Semaphore::new(0));
    let pieces: Vec<Bytes> = vec![
        "id: 1\nretry: 3000\ndata:\n\n".into(),
        ": a comment\r\n\r\n".into(),
        "data: one\ndata: two\n\n".into(),
        "data: half an ev".into(),
        "ent\r\rid: 7\rdata: x\r\r".into(),
        Bytes::from_static(b"data: \xff\x00\n\n"),
    ];
    let (script_gate, script_pieces) = (Arc::clone(&gate), pieces.clone());
    world.upstream.answer_with(move |_| {
        let mut steps = vec![sse_head(&[])];
        for piece in &script_pieces {
            steps.push(chunk(piece));
            steps.push(Step::Await(Arc::clone(&script_gate)));
        }
        steps.push(last_chunk());
        steps
    });
    let mut live = world.open(&world.post(call("safe"))).await;
    assert_eq!(live.reply().status, 200);
    assert_eq!(live.reply().header("content-type"), Some("text/event-stream"));
    assert_eq!(live.reply().header("x-accel-buffering"), Some("no"), "c59");
    assert!(live.reply().header("cache-control").is_some_and(|value| value.contains("no-transform")), "c59");
    for piece in &pieces {
        // The upstream waits for us: were the piece held back, this would wait for ever.
        let mut got = Vec::new();
        while got.len() < piece.len() {
            got.extend_from_slice(&live.piece().await.expect("the stream ended early"));
        }
        assert_eq!(got, piece.as_ref());
        gate.add_permits(1);
    }
    let reply = live.rest().await;
    assert!(!reply.cut && reply.body.is_empty(), "nothing is added: {reply:?}");
    world.close().await;
}

#[tokio::test]
async fn c51_an_upstream_that_closes_politely_is_no_error() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk("id: 1\nretry: 10\ndata:\n\n"), last_chunk()]);
    let reply = world.send(&world.post(call("safe"))).await;
    assert_eq!((reply.text().as_str(), reply.cut), ("id: 1\nretry: 10\ndata:\n\n", false));
    assert_eq!(world.upstream.count(), 1, "no reconnecting");
    world.close().await;
}

#[tokio::test]
async fn f24_c57_attack_151_an_upstream_that_dies_mid_stream_cuts_the_stream() {
    let world = World::standard().await;
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        vec![sse_head(&[]), chunk(event("one")), Step::Await(Arc::clone(&script_gate)), Step::Cut]
    });
    let mut live = world.open(&world.post(call("safe"))).await;
    live.until("one").await;
    gate.add_permits(1);
    let reply = live.rest().await;
    assert_eq!((reply.status, reply.text()), (200, event("one")));
    assert!(reply.cut, "no last chunk may pretend that all is well: {reply:?}");
    assert_eq!(world.upstream.take().len(), 1, "no second attempt");
    world.close().await;
}

#[tokio::test]
async fn f24_what_came_before_the_cut_arrives_however_soon_the_cut_follows() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk(event("one")), Step::Cut]);
    let reply = world.send(&world.post(call("safe"))).await;
    assert_eq!((reply.status, reply.text(), reply.cut), (200, event("one"), true));
    world.close().await;
}

#[tokio::test]
async fn c56_attack_150_a_client_that_leaves_closes_the_upstream_leg() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk(event("one")), Step::Hang]);
    let asks = [
        world.post(call("safe")),
        modern("tools/call", Some("safe"), r#""name":"safe""#).token(&world.token()),
        Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream"),
    ];
    for (number, ask) in asks.iter().enumerate() {
        let mut live = world.open(ask).await;
        live.until("one").await;
        drop(live);
        world.upstream.until_hung_up(number + 1).await;
    }
    // And before the head came.
    world.upstream.answer_with(|_| vec![Step::Hang]);
    world.upstream.take();
    let mut live = world.connect().await;
    live.write(&world.post(call("safe")).bytes(&world.authority)).await;
    world.upstream.until_seen(1).await;
    drop(live);
    world.upstream.until_hung_up(asks.len() + 1).await;
    world.close().await;
}

#[tokio::test]
async fn c45_c58_a_get_stream_outlives_the_response_timeout() {
    let plan = Plan::standard_but("response_timeout: 2s", "response_timeout: 1s");
    let world = plan.start().await;
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        vec![
            sse_head(&[]),
            chunk(event("one")),
            Step::Await(Arc::clone(&script_gate)),
            chunk(event("two")),
            last_chunk(),
        ]
    });
    let mut live = world.open(&Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream")).await;
    assert_eq!(live.reply().status, 200);
    live.until("one").await;
    assert_eq!(world.metric("portcullis_streams_open").await, Some(1.0));
    // The silence itself is what is tested: longer than the limit to the head.
    tokio::time::sleep(Duration::from_millis(1300)).await;
    gate.add_permits(1);
    live.until("two").await;
    assert!(!live.rest().await.cut);
    world.close().await;
}

#[tokio::test]
async fn b24_p07_a_get_stream_ends_with_its_token() {
    let plan = Plan::standard().issuers("  house: {issuer: \"@ISSUER@\", clock_skew: 0s}\n");
    let world = plan.start().await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk(event("one")), Step::Hang]);
    let token = world.mint().claim("exp", (super::world::token::now() + 3).into()).token();
    let started = Instant::now();
    let mut live = world.open(&Ask::get("/mcp").token(&token).with("Accept", "text/event-stream")).await;
    live.until("one").await;
    let reply = live.rest().await;
    assert!(!reply.text().contains("result"), "nothing is made up: {reply:?}");
    assert!(started.elapsed() < Duration::from_secs(8), "the stream outlived its token");
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn b24_p07_a_subscription_ends_with_its_token() {
    let plan = Plan::standard().issuers("  house: {issuer: \"@ISSUER@\", clock_skew: 0s}\n");
    let world = plan.start().await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk(event("one")), Step::Hang]);
    let expires = super::world::token::now() + 3;
    let token = world.mint().claim("exp", expires.into()).token();
    let started = Instant::now();
    let notifications = r#""notifications":{"resourceSubscriptions":["file:///pub/a"]}"#;
    let mut live = world.open(&modern("subscriptions/listen", None, notifications).token(&token)).await;
    live.until("one").await;
    let reply = live.rest().await;
    assert!(super::world::token::now() >= expires, "the stream ended before its token: {reply:?}");
    assert!(started.elapsed() < Duration::from_secs(8), "the stream outlived its token");
    world.gateway.line(|line| line.contains("\"ended\":\"permit_expired\"")).await;
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn attack_154_streams_of_one_caller_are_bounded() {
    let plan = Plan::standard_but("{request_body: 64KiB}", "{request_body: 64KiB, streams_per_caller: 2}");
    let world = plan.start().await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk(event("one")), Step::Hang]);
    let ask = |subject: &str| {
        let token = world.mint().claim("sub", subject.into()).token();
        Ask::get("/mcp").token(&token).with("Accept", "text/event-stream")
    };
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut live = world.open(&ask("alice")).await;
        live.until("one").await;
        open.push(live);
    }
    let third = world.send(&ask("alice")).await;
    assert_eq!((third.status, third.code()), (429, Some(42901)), "{third:?}");
    let mut other = world.open(&ask("bob")).await;
    other.until("one").await;
    drop(other);
    drop(open);
    world.upstream.until_hung_up(3).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while world.metric("portcullis_streams_open").await != Some(0.0) {
        assert!(Instant::now() < deadline, "streams stay counted");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut again = world.open(&ask("alice")).await;
    assert_eq!(again.reply().status, 200, "a place was freed");
    again.until("one").await;
    drop(again);
    world.close().await;
}

#[tokio::test]
async fn attack_154_at_the_bound_what_sets_a_place_free_still_passes() {
    let plan = Plan::standard_but("{request_body: 64KiB}", "{request_body: 64KiB, streams_per_caller: 1}");
    let world = plan.start().await;
    world.upstream.answer_with(|seen| match (seen.method.as_str(), String::from_utf8_lossy(&seen.body)) {
        ("DELETE", _) => full(200, &[], ""),
        (_, body) if body.contains("initialize\"") => {
            let headers = [("Content-Type", "application/json"), ("Mcp-Session-Id", "s")];
            full(200, &headers, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
        }
        (_, body) if body.contains("tools/call") => vec![sse_head(&[]), chunk(event("asks")), Step::Hang],
        _ => full(202, &[], ""),
    });
    let reply = world.send(&world.post(request("initialize", "{}"))).await;
    let session = reply.header("mcp-session-id").expect("a session").to_owned();
    let post = |body: String| world.post(body).with("Mcp-Session-Id", &session);
    let mut live = world.open(&post(call("safe"))).await;
    live.until("asks").await;

    // What the stream waits for: an answer to the server's own request, or word that it is not wanted any more.
    let answer = r#"{"jsonrpc":"2.0","id":0,"result":{"action":"accept"}}"#;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    for told in [answer, cancel] {
        let reply = world.send(&post(told.into())).await;
        assert_eq!(reply.status, 202, "{told}: {reply:?}");
    }
    let asked = world.send(&post(call("safe"))).await;
    assert_eq!((asked.status, asked.code()), (429, Some(42901)), "{asked:?}");
    let end = Ask::new("DELETE", "/mcp").token(&world.token()).with("Mcp-Session-Id", &session);
    assert_eq!(world.send(&end).await.status, 200);
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn attack_154_streams_that_are_asked_for_at_once_are_bounded() {
    let plan = Plan::standard_but("{request_body: 64KiB}", "{request_body: 64KiB, streams_per_caller: 2}");
    let world = plan.start().await;
    // The upstream's head comes when all have asked: nobody may be waved through before the first is counted.
    let go = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&go);
    world.upstream.answer_with(move |_| vec![Step::Await(Arc::clone(&gate)), sse_head(&[]), last_chunk()]);
    let ask = Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream");
    let watched = async {
        let deadline = Instant::now() + Duration::from_secs(5);
        while world.metric("portcullis_requests_in_flight").await != Some(2.0) {
            assert!(Instant::now() < deadline, "two should wait, and the others be refused");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        go.add_permits(2);
    };
    let (a, b, c, d, ()) =
        tokio::join!(world.send(&ask), world.send(&ask), world.send(&ask), world.send(&ask), watched);
    let mut statuses = [a.status, b.status, c.status, d.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 429, 429]);
    world.close().await;
}

#[tokio::test]
async fn f29_p09_a_gibibyte_of_events_passes_with_flat_memory() {
    const EVENT: usize = 1024 * 1024;
    const EVENTS: usize = 1024;
    let world = World::standard().await;
    let mut event = b"data: ".to_vec();
    event.resize(EVENT - 2, b'x');
    event.extend(b"\n\n");
    let framed: Bytes = [format!("{EVENT:x}\r\n").as_bytes(), &event, b"\r\n"].concat().into();
    world.upstream.answer_with(move |_| vec![sse_head(&[]), Step::Flood(framed.clone(), EVENTS), last_chunk()]);
    let before = world.gateway.resident_kib();
    let mut live = world.open(&world.post(call("safe"))).await;
    let (mut total, mut highest) = (0_usize, before);
    let mut looked = 0;
    while let Some(piece) = live.piece().await {
        total += piece.len();
        if total - looked > 32 * EVENT {
            looked = total;
            highest = highest.max(world.gateway.resident_kib());
        }
    }
    assert_eq!(total, EVENT * EVENTS);
    println!("memory before {before} KiB, highest {highest} KiB, {total} bytes passed");
    assert!(highest - before < 16 * 1024, "memory grew from {before} to {highest} KiB");
    assert!(!live.reply().cut);
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn f29_attack_120_a_slow_reader_holds_up_nobody_and_nothing() {
    let world = World::standard().await;
    let piece: Bytes = format!("{:x}\r\n{}\r\n", 0x10000, "x".repeat(0x10000)).into();
    world.upstream.answer_with(move |seen| match String::from_utf8_lossy(&seen.body).contains("safe") {
        true => vec![sse_head(&[]), Step::Flood(piece.clone(), 4_000)],
        false => super::world::server::polite(seen),
    });
    let before = world.gateway.resident_kib();
    let mut slow = world.open(&world.post(call("safe"))).await;
    slow.piece().await.unwrap();
    for _ in 0..20 {
        assert_eq!(world.send(&world.post(call("get_x"))).await.status, 200);
    }
    let grown = world.gateway.resident_kib() - before;
    assert!(grown < 16 * 1024, "{grown} KiB for a reader that does not read");
    drop(slow);
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn c54_a_silent_stream_gets_comments_between_events_where_that_is_configured() {
    let plan = Plan::standard_but("limits: {request", "stream_keep_alive: 1s\n    limits: {request");
    let world = plan.start().await;
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        let wait = || Step::Await(Arc::clone(&script_gate));
        vec![
            sse_head(&[]),
            wait(),
            chunk("data: on"),
            wait(),
            chunk("e\r\n\r\n"),
            wait(),
            chunk("data: two\n\n"),
            last_chunk(),
        ]
    });
    let mut live = world.open(&world.post(call("safe"))).await;
    // Before the first event, and again for each silence.
    live.until(":\n\n:\n\n").await;
    gate.add_permits(1);
    live.until("data: on").await;
    // Inside an event silence is kept: the whole of what came in between is the other half of it.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    gate.add_permits(1);
    live.until("data: one\r\n\r\n:\n\n").await;
    gate.add_permits(1);
    let reply = live.rest().await;
    assert!(!reply.cut && reply.text().ends_with("data: two\n\n"), "{reply:?}");
    assert_eq!(reply.text().replace(":\n\n", ""), "data: one\r\n\r\ndata: two\n\n", "nothing else is added");

    // Nor into coded bytes, which it would break.
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        let wait = Step::Await(Arc::clone(&script_gate));
        vec![sse_head(&[("Content-Encoding", "gzip")]), wait, chunk("coded"), last_chunk()]
    });
    let ask = modern("tools/call", Some("safe"), r#""name":"safe","arguments":{}"#).token(&world.token());
    let mut live = world.open(&ask).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    gate.add_permits(1);
    assert_eq!(live.rest_of().await.text(), "coded");
    drop(live);

    // No comment finds its way into JSON, however long that takes.
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        let wait = Step::Await(Arc::clone(&script_gate));
        vec![Step::Send(head.into()), chunk("\n\n"), wait, chunk("{}"), last_chunk()]
    });
    let mut live = world.open(&world.post(call("safe"))).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    gate.add_permits(1);
    assert_eq!(live.rest_of().await.text(), "\n\n{}");
    drop(live);
    world.close().await;
}

//! Does every attempt to break HTTP leave a counter, a line and an answer (attack 183)?

mod quiet;

use serde_json::Value;
use tokio::time::{Duration, Instant, sleep};

use super::{
    wire_h2::{HEADERS, block, common, frame, greet, outcome},
    world::{Ask, Plan, World, call, process::PATIENCE, server::json},
};

/// A POST whose fields after the first are given raw.
fn post(world: &World, fields: &str, body: &str) -> Vec<u8> {
    format!("POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n{fields}\r\n{body}", world.authority)
        .into_bytes()
}

/// The first audit line about a violation of this kind.
async fn line(world: &World, reason: &str) -> Value {
    let reason = format!("\"reason\":\"{reason}\"");
    let line = world.gateway.line(|line| line.contains("\"event\":\"violation\"") && line.contains(&reason)).await;
    serde_json::from_str(&line).expect("a JSON line")
}

/// How many of this kind were counted.
async fn counted(world: &World, violation: &str) -> u64 {
    let text = world.admin("/metrics").await.text();
    let word = format!("violation=\"{violation}\"");
    let series =
        text.lines().find(|line| line.starts_with("portcullis_protocol_violations_total") && line.contains(&word));
    series.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn attack_183_smuggling_over_http_1_leaves_a_counter_a_line_and_an_answer() {
    let world = World::standard().await;
    let body = call("safe");
    let length = body.len();
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let many = "X: y\r\n".repeat(200);
    let large = format!("X: {}\r\n", "y".repeat(80 * 1024));
    let both = format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n");
    let rows: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("length_and_coding", post(&world, &both, &chunked), 400, "bad_request"),
        ("bare_line_feed", post(&world, "X: a\nX-B: b\r\n", ""), 400, "bad_request"),
        ("content_length", post(&world, "Content-Length: 1\r\nContent-Length: 2\r\n", "xx"), 400, "bad_request"),
        ("transfer_encoding", post(&world, "Transfer-Encoding: xchunked\r\n", &chunked), 400, "bad_request"),
        ("field", post(&world, "X: a\r\n folded\r\n", ""), 400, "bad_request"),
        ("host", post(&world, "Host: evil.example\r\n", ""), 400, "bad_request"),
        ("target", b"GET /mcp#f HTTP/1.1\r\n".to_vec(), 400, "bad_request"),
        ("version", b"GET /mcp HTTP/2.0\r\nHost: a\r\n\r\n".to_vec(), 400, "bad_request"),
        ("request_line", b"\x16\x03\x01\x02\x00\x01".to_vec(), 400, "bad_request"),
        ("empty_lines", b"\r\n\r\n\r\n".to_vec(), 400, "bad_request"),
        ("head_too_large", post(&world, &many, ""), 431, "headers_too_large"),
        ("target_too_long", format!("GET /{} HTTP/1.1\r\n", "a".repeat(80 * 1024)).into_bytes(), 414, "uri_too_long"),
    ];
    for (violation, bytes, status, reason) in &rows {
        let reply = world.raw(bytes).await;
        assert_eq!(
            (reply.status, reply.reason().as_str(), reply.closed),
            (*status, *reason, true),
            "{violation}: {reply:?}"
        );
        assert_eq!(reply.header("content-type"), Some("application/json"), "{violation}");
        assert_eq!(reply.header("connection"), Some("close"), "{violation}");
        let told = line(&world, violation).await;
        assert_eq!((&told["peer"], &told["verdict"]), (&"127.0.0.1".into(), &"refused".into()), "{told}");
        assert_eq!((&told["audit"], &told["status"]), (&2.into(), &(*status).into()), "{told}");
        assert_eq!(told["listener"], world.gateway.listening_address().to_string(), "{told}");
        assert_eq!(counted(&world, violation).await, 1, "{violation}");
    }
    let reply = world.raw(&post(&world, &large, "")).await;
    assert_eq!((reply.status, reply.reason().as_str()), (431, "headers_too_large"), "{reply:?}");
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn attack_183_answers_to_what_came_before_a_violation_arrive_first() {
    let world = World::standard().await;
    world.upstream.answer_with(|seen| json(200, &seen.body));
    let good = |tool: &str| world.post(call(tool)).with("Connection", "keep-alive").bytes(&world.authority);
    let bad = post(&world, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n");
    let mut live = world.connect().await;
    live.write(&[good("get_one"), good("get_two"), bad, good("get_three")].concat()).await;
    for tool in ["get_one", "get_two"] {
        assert_eq!(live.head(false).await, 200);
        assert!(live.rest_of().await.text().contains(tool));
    }
    assert_eq!(live.head(false).await, 400);
    let reply = live.read_to_close().await;
    assert!(reply.closed, "{reply:?}");
    assert_eq!(world.upstream.take().len(), 2, "nothing behind it is served");

    // One whose body is at fault is answered as that request, and is counted too.
    let chunked =
        world.post("").with("Transfer-Encoding", "chunked").without("Content-Length").set("Connection", "keep-alive");
    let reply = world.raw(&[chunked.bytes(&world.authority), b"5\r\nhelloX".to_vec()].concat()).await;
    assert_eq!((reply.status, reply.reason().as_str(), reply.closed), (400, "body_broken", true), "{reply:?}");
    assert_eq!(line(&world, "chunk").await["peer"], "127.0.0.1");
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn attack_183_a_client_that_only_says_goodbye_gets_its_answer() {
    let world = World::standard().await;
    let bytes = post(&world, "Content-Length: 1\r\nContent-Length: 1\r\n", "x");
    let mut stream = tokio::net::TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes).await.unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("two Content-Length fields"), "{answer}");
    drop(stream);
    world.close().await;
}

#[tokio::test]
async fn attack_183_a_flood_is_counted_whole_and_told_in_part() {
    const FLOOD: u64 = 60;
    let world = World::standard().await;
    let bytes = post(&world, "X: a\n", "");
    for _ in 0..FLOOD {
        assert_eq!(world.raw(&bytes).await.status, 400);
    }
    assert_eq!(counted(&world, "bare_line_feed").await, FLOOD);
    // Each has a line, or is one of those that a line says had none.
    let deadline = Instant::now() + PATIENCE;
    let told = loop {
        let output = world.gateway.output();
        let lines = output.lines().filter(|line| line.contains("\"reason\":\"bare_line_feed\""));
        let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        let told: u64 = lines
            .iter()
            .map(|line| {
                u64::from(line.get("peer").is_some()) + line.get("suppressed").map_or(0, |more| more.as_u64().unwrap())
            })
            .sum();
        if told >= FLOOD || Instant::now() > deadline {
            assert!((lines.len() as u64) < FLOOD, "a flood of lines");
            break told;
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(told, FLOOD);
    world.close().await;
}

#[tokio::test]
async fn attack_183_a_head_that_comes_too_slowly_gets_a_408() {
    let world = World::standard().await;
    let mut live = world.connect().await;
    live.write(b"POST /mcp HTTP/1.1\r\nHost: ").await;
    assert_eq!(live.head(false).await, 408);
    let reply = live.read_to_close().await;
    assert!(reply.closed, "{reply:?}");
    assert_eq!(line(&world, "head_timeout").await["status"], 408);
    assert_eq!(counted(&world, "head_timeout").await, 1);
    world.close().await;
}

#[tokio::test]
async fn attack_183_what_http_2_refuses_by_itself_leaves_a_counter_and_a_line() {
    let world = Plan::standard().tls().start().await;
    let bearer = format!("Bearer {}", world.token());
    let good = common(&world.authority, &bearer);
    let upper: Vec<(&str, &str)> = good.iter().copied().chain([("X-Upper", "x")]).collect();
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("h2_protocol_error", frame(0, 0, 0, b"data on no stream")),
        ("h2_protocol_error", frame(HEADERS, 4, 1, &block(&upper))),
        ("h2_frame_size_error", frame(0, 0, 1, &[0; 20_000])),
        ("h2_protocol_error", frame(HEADERS, 5, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
        (
            "h2_flow_control_error",
            [frame(8, 0, 0, &0x7fff_ffff_u32.to_be_bytes()), frame(8, 0, 0, &0x7fff_ffff_u32.to_be_bytes())].concat(),
        ),
    ];
    for (violation, bytes) in rows {
        let before = counted(&world, violation).await;
        let mut live = greet(world.connect_h2().await).await;
        live.write(&bytes).await;
        let got = outcome(&mut live).await;
        assert!(matches!(got.as_str(), "reset" | "goaway" | "closed"), "{violation}: {got}");
        drop(live);
        assert_eq!(line(&world, violation).await["peer"], "127.0.0.1");
        assert!(counted(&world, violation).await > before, "{violation} is not counted");
    }
    let mut live = greet(world.connect_h2().await).await;
    let head = block(&good);
    let opened_and_reset =
        |stream: u32| [frame(HEADERS, 4, stream, &head), frame(3, 0, stream, &8_u32.to_be_bytes())].concat();
    live.write(&(0..1_000).flat_map(|number| opened_and_reset(number * 2 + 1)).collect::<Vec<u8>>()).await;
    while !matches!(outcome(&mut live).await.as_str(), "goaway" | "closed") {}
    drop(live);
    assert_eq!(line(&world, "h2_enhance_your_calm").await["peer"], "127.0.0.1");

    // And a connection that does not even begin as one.
    let mut live = world.connect_h2().await;
    live.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    while !live.bytes().await.is_empty() {}
    drop(live);
    line(&world, "h2_connection").await;

    // What a client may do is none: it resets a stream of its own, and says goodbye.
    let sum = world.metric("portcullis_protocol_violations_total").await;
    let mut live = greet(world.connect_h2().await).await;
    live.write(&frame(HEADERS, 4, 1, &block(&good))).await;
    live.write(&frame(3, 0, 1, &8_u32.to_be_bytes())).await;
    live.write(&frame(
        HEADERS,
        5,
        3,
        &block(&[
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", world.authority.as_str()),
            (":path", "/none"),
        ]),
    ))
    .await;
    assert_eq!(outcome(&mut live).await, "404");
    live.write(&frame(7, 0, 0, &[0; 8])).await;
    while !live.bytes().await.is_empty() {}
    drop(live);
    assert_eq!(world.metric("portcullis_protocol_violations_total").await, sum);
    assert_eq!(world.send(&Ask::get("/none")).await.status, 404);
    world.close().await;
}

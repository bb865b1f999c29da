//! Is a client that leaves in the middle of its upload recorded as gone, and not as refused (attack 184)?

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, Instant, sleep},
};

use super::{
    wire_h2::{DATA, HEADERS, RST_STREAM, block, common, frame, greet, outcome},
    world::{Ask, Plan, World, call, process::PATIENCE},
};

const CANCEL: u32 = 8;
const NO_ERROR: u32 = 0;

/// All audit lines about requests, once there are so many.
async fn lines(world: &World, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let output = world.gateway.output();
        let lines = output.lines().filter(|line| line.contains("\"audit\":") && line.contains("\"request\":\""));
        let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(Instant::now() < deadline, "{count} lines should be there: {lines:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until so many requests are in progress: their heads were read.
async fn until_in_flight(world: &World, count: f64) {
    let deadline = Instant::now() + PATIENCE;
    while world.metric("portcullis_requests_in_flight").await != Some(count) {
        assert!(Instant::now() < deadline, "{count} requests should be in progress");
        sleep(Duration::from_millis(5)).await;
    }
}

/// How many requests ended with this outcome, for this reason.
async fn counted(world: &World, outcome: &str, ended: &str) -> (f64, f64) {
    let text = world.admin("/metrics").await.text();
    let sum = |name: &str, label: String| {
        let series = text.lines().filter(|line| line.starts_with(name) && line.contains(&label));
        series.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
    };
    (
        sum("portcullis_requests_total{", format!("outcome=\"{outcome}\"")),
        sum("portcullis_requests_ended_total{", format!("ended=\"{ended}\"")),
    )
}

fn assert_gone(line: &Value, what: &str) {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    assert_eq!(
        (text("event"), text("verdict"), line["status"].as_u64(), text("ended"), line.get("reason")),
        ("ended", "unfinished", Some(499), "client_gone", None),
        "{what}: {line}"
    );
    assert!(line["principal"].is_string(), "{what}: the caller was known: {line}");
}

#[tokio::test]
async fn attack_184_a_client_that_leaves_in_its_upload_over_http_1_is_gone() {
    let world = World::standard().await;
    world.until_ready().await;
    let body = world.post("{\"jsonrpc\":").set("Content-Length", "1000").with("Connection", "keep-alive");
    let chunked = world.post("").without("Content-Length").with("Transfer-Encoding", "chunked");
    let chunked = [chunked.bytes(&world.authority), b"5\r\nhel".to_vec()].concat();
    let end = Ask::new("DELETE", "/mcp").token(&world.token()).with("Content-Length", "1000").with("Host", "x");
    let end = end.set("Host", &world.authority);
    let rows = [
        ("Content-Length, FIN", body.bytes(&world.authority), false),
        ("Content-Length, RST", body.bytes(&world.authority), true),
        ("chunked, FIN", chunked.clone(), false),
        ("chunked, RST", chunked, true),
        ("a body that means nothing, FIN", end.bytes(&world.authority), false),
    ];
    for (number, (what, bytes, is_reset)) in rows.iter().enumerate() {
        let mut stream = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        until_in_flight(&world, 1.0).await;
        if *is_reset {
            stream.set_zero_linger().unwrap();
        }
        drop(stream);
        assert_gone(&lines(&world, number + 1).await[number], what);
    }
    assert_eq!(counted(&world, "client_gone", "client_gone").await, (5.0, 5.0));

    // One that only stops sending is answered, for it may still read.
    let mut stream = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    stream.write_all(&body.bytes(&world.authority)).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("body_broken"), "{answer}");
    assert_gone(&lines(&world, 6).await[5], "half-closed");

    // Broken framing is refused as ever.
    let broken = world.post("").without("Content-Length").with("Transfer-Encoding", "chunked");
    let reply = world.raw(&[broken.bytes(&world.authority), b"5\r\nhelloX".to_vec()].concat()).await;
    assert_eq!((reply.status, reply.reason().as_str()), (400, "body_broken"), "{reply:?}");
    let line = &lines(&world, 7).await[6];
    assert_eq!((&line["verdict"], &line["reason"]), (&"refused".into(), &"body_broken".into()), "{line}");
    assert_eq!((&line["status"], &line["ended"]), (&400.into(), &"finished".into()), "{line}");
    assert_eq!(counted(&world, "body_broken", "finished").await, (1.0, 1.0));
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn attack_184_a_client_that_leaves_in_its_upload_over_http_2_is_gone() {
    let world = Plan::standard().tls().start().await;
    world.until_ready().await;
    let bearer = format!("Bearer {}", world.token());
    let open = common(&world.authority, &bearer);
    let sized = [open.clone(), vec![("content-length", "1000")]].concat();
    // The message is whole, but what was announced is not: nothing of it may run.
    let body = call("safe");
    let reset = |code: u32| frame(RST_STREAM, 0, 1, &code.to_be_bytes());
    let rows = [
        ("RST_STREAM(CANCEL)", &sized, reset(CANCEL)),
        ("RST_STREAM(CANCEL) without a length", &open, reset(CANCEL)),
        ("RST_STREAM(NO_ERROR)", &sized, reset(NO_ERROR)),
        ("RST_STREAM(NO_ERROR) without a length", &open, reset(NO_ERROR)),
        ("RST_STREAM(INTERNAL_ERROR)", &sized, reset(2)),
        ("the connection ends", &sized, Vec::new()),
    ];
    for (number, (what, fields, last)) in rows.iter().enumerate() {
        let mut live = greet(world.connect_h2().await).await;
        let begun = [frame(HEADERS, 4, 1, &block(fields)), frame(DATA, 0, 1, body.as_bytes())].concat();
        live.write(&begun).await;
        until_in_flight(&world, 1.0).await;
        live.write(last).await;
        let held = (!last.is_empty()).then_some(live);
        assert_gone(&lines(&world, number + 1).await[number], what);
        drop(held);
    }
    assert_eq!(counted(&world, "client_gone", "client_gone").await, (6.0, 6.0));

    // More than was announced is broken framing.
    let small = [open.clone(), vec![("content-length", "3")]].concat();
    let mut live = greet(world.connect_h2().await).await;
    live.write(&frame(HEADERS, 4, 1, &block(&small))).await;
    until_in_flight(&world, 1.0).await;
    live.write(&frame(DATA, 0, 1, body.as_bytes())).await;
    assert_eq!(outcome(&mut live).await, "reset");
    let line = &lines(&world, 7).await[6];
    assert_eq!((&line["verdict"], &line["reason"]), (&"refused".into(), &"body_broken".into()), "{line}");
    drop(live);
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

//! How many bytes of bodies are held, of one caller and of all (attack 173)?

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Frame;
use hyper::{body::Body, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::TlsConnector;

use super::*;
use crate::e2e::world::certificate;

const MIB: usize = 1024 * 1024;
const BODY: usize = 4 * MIB;

/// A call of this size.
pub(super) fn long_call(tool: &str, length: usize) -> Vec<u8> {
    let head =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"x":""#);
    let mut body = head.into_bytes();
    body.resize(length - 4, b'x');
    body.extend(b"\"}}}");
    body
}

/// A body that arrives but for its last byte, and then no further.
struct AlmostAll {
    left: usize,
}

impl Body for AlmostAll {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Pending;
        }
        let piece = self.left.min(16 * 1024);
        self.left -= piece;
        Poll::Ready(Some(Ok(Frame::data(vec![b' '; piece].into()))))
    }
}

/// One HTTP/2 connection, and the task that drives it.
async fn h2(world: &World, tasks: &mut JoinSet<()>) -> SendRequest<AlmostAll> {
    let tcp = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    let mut config = rustls::ClientConfig::clone(&certificate::client_config());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    let handshake = hyper::client::conn::http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(tls));
    let (sender, connection) = handshake.await.unwrap();
    tasks.spawn(async move { drop(connection.await) });
    sender
}

pub(super) async fn until_held(world: &World, bytes: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let held = world.metric("portcullis_request_body_bytes").await.unwrap();
        if held >= bytes as f64 {
            return;
        }
        assert!(Instant::now() < deadline, "{held} bytes are held, {bytes} should");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn attack_173_sixty_slow_bodies_on_one_connection_leave_memory_as_it_is() {
    const BODIES: usize = 60;
    let limits = "request_body: 4MiB, body_bytes_per_caller: 16MiB";
    let world = plan(limits, "requests: 1024, body_bytes: 64MiB").tls().start().await;
    let token = token_of(&world, "mallory");
    let bob = token_of(&world, "bob");
    world.send(&Ask::post("/mcp", long_call("get_x", 3 * MIB)).token(&bob)).await;
    let before = world.gateway.resident_kib();
    let attack = async |mut others: Others| {
        let mut tasks = JoinSet::new();
        let mut sender = h2(&world, &mut tasks).await;
        let mut answers = JoinSet::new();
        for _ in 0..BODIES {
            let request = http::Request::post(format!("{}/mcp", world.public))
                .header("authorization", format!("Bearer {token}"))
                .header("content-type", "application/json")
                .header("accept", "application/json, text/event-stream")
                .header("content-length", BODY);
            sender.ready().await.unwrap();
            answers.spawn(sender.send_request(request.body(AlmostAll { left: BODY - 1 }).unwrap()));
        }
        // Four fit; they are held to the last byte that came.
        for _ in 0..BODIES - 4 {
            let answer = answers.join_next().await.unwrap().unwrap().unwrap();
            assert_eq!(
                (answer.status(), answer.headers().get("retry-after").is_some()),
                (429.try_into().unwrap(), true)
            );
        }
        until_ended(&world, "too_many_body_bytes", BODIES - 4).await;
        until_held(&world, 4 * (BODY - 1)).await;
        let after = world.gateway.resident_kib();
        println!("attack 173: {BODIES} bodies of 4 MiB: memory before {before} KiB, with them {after} KiB");
        assert!(after < before + 40 * 1024, "memory grew from {before} to {after} KiB");
        others.are_served().await;
        // Another caller's long body passes.
        let reply = world.send(&Ask::post("/mcp", long_call("get_x", 3 * MIB)).token(&bob)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        drop(sender);
        answers.shutdown().await;
        tasks.shutdown().await;
    };
    beside(&world, &bob, "attack 173: 60 slow bodies of 4 MiB", attack).await;
    assert_eq!(world.metric("portcullis_request_body_bytes").await, Some(0.0));
    world.close().await;
}

/// A body without a length, in chunks, that is not finished.
async fn chunked(world: &World, token: &str, bytes: usize) -> Live {
    let ask = Ask::post("/mcp", "").token(token).with("Transfer-Encoding", "chunked");
    let mut live = world.connect().await;
    live.write(&ask.bytes(&world.authority)).await;
    let piece = vec![b' '; 64 * 1024];
    let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
    live.write_while_taken(&chunk, bytes / piece.len()).await;
    live
}

#[tokio::test]
async fn attack_173_bodies_without_a_length_are_charged_as_they_arrive() {
    let limits = "request_body: 4MiB, body_bytes_per_caller: 8MiB";
    let world = plan(limits, "requests: 1024, body_bytes: 64MiB").start().await;
    let token = token_of(&world, "mallory");
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(chunked(&world, &token, 2 * MIB).await);
    }
    until_held(&world, 8 * MIB).await;
    let (open, refused) = heads(vec![chunked(&world, &token, 2 * MIB).await], "too_many_body_bytes").await;
    assert_eq!((open.len(), refused), (0, 1));
    let small = world.send(&Ask::post("/mcp", call("safe")).token(&token)).await;
    assert_eq!(small.status, 200, "what is small is not held up");
    drop(held);
    let deadline = Instant::now() + PATIENCE;
    while world.metric("portcullis_request_body_bytes").await != Some(0.0) {
        assert!(Instant::now() < deadline, "bytes stay charged");
        sleep(Duration::from_millis(10)).await;
    }
    world.close().await;
}

#[tokio::test]
async fn attack_173_an_announcement_takes_nothing_from_others_and_the_bytes_do() {
    let limits = "request_body: 4MiB, body_bytes_per_caller: 4MiB";
    let world = plan(limits, "requests: 1024, body_bytes: 16MiB").start().await;
    let announce = |subject: &str| {
        Ask::post("/mcp", vec![b' '; 1]).token(&token_of(&world, subject)).with("Content-Length", BODY.to_string())
    };
    // 40 MiB are announced.
    let mut slow = Vec::new();
    for caller in 0..10 {
        slow.extend(world.begin(&announce(&format!("m{caller}")), 1).await);
    }
    let long =
        |subject: &str, tool: &str| Ask::post("/mcp", long_call(tool, 3 * MIB)).token(&token_of(&world, subject));
    for _ in 0..3 {
        assert_eq!(world.send(&long("bob", "get_x")).await.status, 200);
    }
    // 16 MiB arrive.
    let piece = vec![b' '; 64 * 1024];
    for live in &mut slow {
        live.write_while_taken(&piece, BODY / piece.len() - 1).await;
    }
    let reply = world.send(&long("bob", "get_x")).await;
    assert_eq!((reply.status, reply.reason().as_str()), (503, "overloaded_body_bytes"), "{reply:?}");
    assert_eq!(reply.header("retry-after"), Some("5"));
    let small = world.send(&Ask::post("/mcp", call("get_x")).token(&token_of(&world, "bob"))).await;
    assert_eq!(small.status, 200, "what is small passes");
    drop(slow);
    world.close().await;
}

#[tokio::test]
async fn attack_173_a_body_is_charged_until_nothing_of_it_is_held() {
    let limits = "request_body: 4MiB, body_bytes_per_caller: 4MiB";
    let world = plan(limits, "requests: 1024, body_bytes: 64MiB").start().await;
    let token = token_of(&world, "mallory");
    let long = Ask::post("/mcp", long_call("safe", 3 * MIB)).token(&token);
    // While the upstream has it.
    let gate = answer_late(&world, |_| vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang]);
    let mut lives = world.begin(&long, 1).await;
    world.upstream.until_seen(1).await;
    let reply = world.send(&long).await;
    assert_eq!((reply.status, reply.reason().as_str()), (429, "too_many_body_bytes"), "{reply:?}");
    // A stream that has begun holds nothing of it, however long it lasts.
    gate.add_permits(1);
    let mut live = lives.remove(0);
    live.head(false).await;
    live.until("one").await;
    assert_eq!(world.metric("portcullis_request_body_bytes").await, Some(0.0));
    drop(live);
    world.upstream.until_hung_up(1).await;

    // A subscription, which names what it asks for, and may last for days.
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang]);
    let filler = " ".repeat(2 * MIB);
    let listen = format!(
        r#"{{"jsonrpc":"2.0","id":1,{filler}"method":"subscriptions/listen","params":{{"notifications":{{"resourceSubscriptions":["file:///pub/a"]}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    let ask = Ask::post("/mcp", listen)
        .token(&token)
        .with("MCP-Protocol-Version", "2026-07-28")
        .with("Mcp-Method", "subscriptions/listen");
    let mut live = world.open(&ask).await;
    assert_eq!(live.reply().status, 200, "{:?}", live.reply());
    live.until("one").await;
    assert_eq!(world.metric("portcullis_request_body_bytes").await, Some(0.0), "the leash keeps names, not the body");
    drop(live);
    world.upstream.until_hung_up(2).await;
    world.close().await;
}

//! HTTP/2 without TLS, as proxies inside a network speak it, and what it must not open (B3).

use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::e2e::world::{Ask, Plan, World, call, haproxy::Haproxy};

type Sender = SendRequest<Full<bytes::Bytes>>;
/// The first bytes of HTTP/2, an empty SETTINGS, and a request for `/mcp` that nothing has judged.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

async fn speak(stream: TcpStream, tasks: &mut JoinSet<()>) -> Sender {
    let (sender, connection) = Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await.unwrap();
    tasks.spawn(async move { drop(connection.await) });
    sender
}

fn request(world: &World, token: &str) -> http::Request<Full<bytes::Bytes>> {
    http::Request::post(format!("{}/mcp", world.public))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .body(call("safe").into())
        .unwrap()
}

async fn status(sender: &mut Sender, request: http::Request<Full<bytes::Bytes>>) -> u16 {
    sender.ready().await.unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    answer.into_body().collect().await.unwrap();
    status
}

#[tokio::test]
async fn people_b3_http_2_with_prior_knowledge_is_served() {
    let world = World::standard().await;
    let mut tasks = JoinSet::new();
    let stream = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    let mut sender = speak(stream, &mut tasks).await;
    assert_eq!(status(&mut sender, request(&world, &world.token())).await, 200);
    assert_eq!(world.upstream.take_one().body, call("safe").into_bytes());
    assert_eq!(status(&mut sender, request(&world, "bad")).await, 401);
    let mut other = request(&world, &world.token());
    *other.uri_mut() = "http://evil.example/mcp".parse().unwrap();
    assert_eq!(status(&mut sender, other).await, 421);
    assert_eq!(world.upstream.count(), 0);
    drop((sender, tasks));
    // HTTP/1.1 goes on beside it.
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn people_b3_the_preface_may_come_in_pieces_and_behind_a_proxy_header() {
    let plan = Plan::standard().top("trusted_proxies: [127.0.0.1/32]").listener("proxy_protocol: true");
    let world = plan.start().await;
    let mut tasks = JoinSet::new();
    let mut stream = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(b"PROXY TCP4 192.0.2.7 127.0.0.1 4000 80\r\n").await.unwrap();
    let mut sender = speak(stream, &mut tasks).await;
    assert_eq!(status(&mut sender, request(&world, &world.token())).await, 200);
    drop((sender, tasks));
    world.upstream.take();
    world.close().await;

    let world = World::standard().await;
    let mut stream = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in PREFACE.chunks(7) {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.write_all(SETTINGS).await.unwrap();
    let mut settings = [0; 9];
    stream.read_exact(&mut settings).await.unwrap();
    assert_eq!(settings[3], 4, "SETTINGS of the gateway");
    drop(stream);
    world.close().await;
}

#[tokio::test]
async fn people_b3_attack_260_the_bounds_of_http_2_hold_without_tls() {
    let world = World::standard().await;
    let mut tasks = JoinSet::new();
    let stream = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    let mut sender = speak(stream, &mut tasks).await;
    let mut large = request(&world, &world.token());
    large.headers_mut().insert("x-long", "y".repeat(34 * 1024).parse().unwrap());
    assert_eq!(status(&mut sender, large).await, 431);
    let mut long = request(&world, &world.token());
    *long.uri_mut() = format!("{}/mcp?{}", world.public, "x".repeat(9 * 1024)).parse().unwrap();
    assert_eq!(status(&mut sender, long).await, 414);
    drop((sender, tasks));
    // A flood of resets ends the connection.
    let mut stream = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    stream.write_all(&[PREFACE, SETTINGS].concat()).await.unwrap();
    let mut flood = Vec::new();
    for stream in (1..4_000u32).step_by(2) {
        // `:method: GET`, `:path: /`, `:scheme: http`, and no authority.
        flood.extend([0, 0, 3, 1, 4]);
        flood.extend(stream.to_be_bytes());
        flood.extend([0x82, 0x84, 0x86, 0, 0, 4, 3, 0]);
        flood.extend(stream.to_be_bytes());
        flood.extend([0, 0, 0, 8]);
    }
    let _ = stream.write_all(&flood).await;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection goes on");
    assert_eq!(world.upstream.count(), 0);
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200, "others are served");
    world.close().await;
}

#[tokio::test]
async fn people_b3_attack_256_no_request_changes_the_protocol_of_its_connection() {
    let world = World::standard().await;
    let authority = &world.authority;
    let smuggled = [PREFACE, SETTINGS, &[0, 0, 3, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x86]].concat();
    let upgrade = |method: &str, body: &str| {
        format!(
            "{method} /mcp HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
             HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let probe = format!("GET /.well-known/oauth-protected-resource/mcp HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    for (what, first) in [
        ("an upgrade", upgrade("GET", "")),
        ("an upgrade with a body", upgrade("POST", &call("safe"))),
        ("a request", probe.clone()),
        ("an empty line", "\r\n".to_owned()),
        ("half a method", "P".to_owned()),
        ("a space", " ".to_owned()),
    ] {
        let reply = world.raw(&[first.as_bytes(), &smuggled].concat()).await;
        assert_ne!(reply.status, 101, "{what}: {reply:?}");
        assert!(reply.header("upgrade").is_none(), "{what}: {reply:?}");
        assert!(reply.closed, "{what}: {reply:?}");
        // No frame of HTTP/2 comes back: SETTINGS would be the first.
        assert!(!reply.body.windows(9).any(|nine| nine[..6] == [0, 0, 0, 4, 1, 0]), "{what}: {reply:?}");
    }
    // Over TLS the preface counts only where both sides agreed on it.
    let tls = Plan::standard().tls().start().await;
    let mut live = tls.connect().await;
    live.write(&smuggled).await;
    let reply = live.read_to_close().await;
    assert!(matches!(reply.status, 0 | 400 | 505), "{reply:?}");
    tls.close().await;
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn people_b3_a_preface_that_stops_halfway_holds_up_neither_clients_nor_the_drain() {
    let world = World::standard().await;
    let mut half = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    half.write_all(&PREFACE[..10]).await.unwrap();
    let mut silent = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200);
    // The drain does not wait for either.
    world.gateway.signal("TERM");
    world.close_stopped(0).await;
    let mut rest = Vec::new();
    let _ = half.read_to_end(&mut rest).await;
    let _ = silent.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn people_b3_through_a_real_haproxy_that_speaks_http_2_to_the_gateway() {
    let world = World::standard().await;
    let Some(haproxy) = Haproxy::start_http(world.gateway.listening_address(), "proto h2").await else {
        return world.close().await;
    };
    let ask = world.post(call("safe"));
    let mut live = world.connect_to(haproxy.address()).await;
    live.write(&ask.bytes(&world.authority)).await;
    assert_eq!(live.head(false).await, 200);
    drop(live);
    assert_eq!(world.upstream.take_one().body, call("safe").into_bytes());
    let upgrade = Ask::get("/mcp")
        .token(&world.token())
        .with("Connection", "Upgrade, HTTP2-Settings")
        .with("Upgrade", "h2c")
        .with("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA");
    let mut live = world.connect_to(haproxy.address()).await;
    live.write(&upgrade.bytes(&world.authority)).await;
    assert_ne!(live.head(false).await, 101);
    drop((live, haproxy));
    world.close().await;
}

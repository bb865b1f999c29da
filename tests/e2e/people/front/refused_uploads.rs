//! The answer to a refused upload is not followed by a reset that hides it, on HTTP/2 either (B5, B3).

use std::{
    pin::Pin,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::client::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, process::Command, sync::oneshot, task::JoinSet, time::timeout};

use crate::e2e::{
    wire_h2::{DATA, HEADERS, PING, RST_STREAM, block, common, frame, greet},
    world::{Live, Plan, World, haproxy::Haproxy, process::PATIENCE},
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Reads frames until one is `last`, by its kind and flags; the kinds of all frames of stream 1 until then.
async fn until(live: &mut Live, buffer: &mut BytesMut, last: impl Fn(u8, u8) -> bool) -> Vec<u8> {
    let mut kinds = Vec::new();
    loop {
        while let [a, b, c, found, flag, _, _, _, stream, ..] = buffer[..] {
            let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if buffer.len() < 9 + length {
                break;
            }
            let _ = buffer.split_to(9 + length);
            if stream == 1 {
                kinds.push(found);
            }
            if last(found, flag) {
                return kinds;
            }
        }
        let bytes = live.bytes().await;
        assert!(!bytes.is_empty(), "the connection ended after {kinds:?}");
        buffer.extend_from_slice(&bytes);
    }
}

/// Whether a frame is the last one of its stream.
fn ends(kind: u8, flags: u8) -> bool {
    matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0
}

#[tokio::test]
async fn people_b5_over_http_2_a_refused_upload_is_read_to_its_end_before_its_stream_ends() {
    let world = Plan::standard().listener("health: /healthz").start().await;
    let (token, authority) = (format!("Bearer {}", world.token()), world.authority.clone());
    let good = common(&authority, &token);
    let with = |name: &'static str, value: &'static str| -> Vec<(&str, &str)> {
        let mut fields: Vec<_> = good.iter().filter(|(key, _)| *key != name).copied().collect();
        // Pseudo-header fields come first.
        if name.starts_with(':') {
            fields.insert(0, (name, value));
        } else {
            fields.push((name, value));
        }
        fields
    };
    let many: Vec<_> = good.iter().copied().chain((0..101).map(|_| ("x-many", "1"))).collect();
    let without = good.iter().filter(|(name, _)| *name != "authorization").copied().collect();
    let announced = [good.clone(), vec![("content-length", "122880")]].concat();
    for (what, fields, bytes) in [
        ("401, a bad token", with("authorization", "Bearer bad"), 300 * KIB),
        ("401, no token", without, 300 * KIB),
        ("403", with("origin", "https://evil.example"), 300 * KIB),
        ("404", with(":path", "/nope"), 300 * KIB),
        ("405, a document", with(":path", "/.well-known/oauth-protected-resource/mcp"), 300 * KIB),
        ("405, a probe", with(":path", "/healthz"), 300 * KIB),
        ("413, announced", announced, 120 * KIB),
        ("415", with("content-type", "text/plain"), 120 * KIB),
        ("421", with(":authority", "evil.example"), 300 * KIB),
        ("431", many, 300 * KIB),
    ] {
        let mut live = greet(world.connect().await).await;
        let mut buffer = BytesMut::new();
        live.write(&frame(HEADERS, END_HEADERS, 1, &block(&fields))).await;
        let piece = frame(DATA, 0, 1, &[b' '; KIB]);
        live.write(&piece).await;
        let kinds = until(&mut live, &mut buffer, ends).await;
        assert!(kinds.contains(&HEADERS) && !kinds.contains(&RST_STREAM), "{what}: {kinds:?}");
        live.write(&piece.repeat(bytes / KIB - 2)).await;
        live.write(&frame(DATA, END_STREAM, 1, &[b' '; KIB])).await;
        live.write(&frame(PING, 0, 0, b"12345678")).await;
        let kinds = until(&mut live, &mut buffer, |kind, _| kind == PING).await;
        assert!(!kinds.contains(&RST_STREAM), "{what}: the stream was reset: {kinds:?}");
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

/// A body without an end. It counts what was taken of it, and tells when it is dropped.
struct Endless {
    taken: Arc<AtomicUsize>,
    _ended: oneshot::Sender<()>,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        static PIECE: [u8; 16 * KIB] = [b' '; 16 * KIB];
        self.taken.fetch_add(PIECE.len(), Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE)))))
    }
}

#[tokio::test]
async fn people_b5_attack_325_an_endless_upload_without_a_token_is_reset_after_8_mib() {
    let world = World::standard().await;
    let mut tasks = JoinSet::new();
    let stream = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    let (mut sender, connection) = Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await.unwrap();
    tasks.spawn(async move { drop(connection.await) });
    let (taken, (ended, end)) = (Arc::new(AtomicUsize::new(0)), oneshot::channel());
    let body = Endless { taken: Arc::clone(&taken), _ended: ended };
    let request = http::Request::post(format!("{}/mcp", world.public)).body(body).unwrap();
    let answer = timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
    assert_eq!(answer.status(), 401);
    assert!(answer.headers().contains_key("www-authenticate"));
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(!text.is_empty());
    assert!(timeout(PATIENCE, end).await.unwrap().is_err(), "the client is told to stop");
    // What was on its way counts as well.
    assert!(taken.load(Ordering::SeqCst) < 12 * MIB, "{taken:?}");
    drop((sender, tasks));
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn people_b5_attack_325_a_silent_upload_without_a_token_ends() {
    let world = World::standard().await;
    let mut live = greet(world.connect().await).await;
    let mut buffer = BytesMut::new();
    live.write(&frame(HEADERS, END_HEADERS, 1, &block(&common(&world.authority, "Bearer bad")))).await;
    let kinds = until(&mut live, &mut buffer, |kind, _| kind == RST_STREAM).await;
    assert_eq!(kinds.first(), Some(&HEADERS), "the answer comes first: {kinds:?}");
    drop(live);
    world.close().await;
}

/// What curl says to a body of this size, ten times.
async fn curl(url: &str, host: &str, token: &str, bytes: usize, options: &[&str]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("body");
    std::fs::write(&path, vec![b' '; bytes]).unwrap();
    let (host, token, data) =
        (format!("Host: {host}"), format!("Authorization: Bearer {token}"), format!("@{}", path.display()));
    let mut said = String::new();
    for _ in 0..10 {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-m", "20", "-o", "/dev/null", "-w", "%{http_code} ", "-H", &host, "-H", &token]);
        curl.args(["-H", "Content-Type: application/json", "--data-binary", &data]).args(options).arg(url);
        match curl.stdin(Stdio::null()).kill_on_drop(true).output().await {
            Ok(output) => said.push_str(&String::from_utf8_lossy(&output.stdout)),
            Err(cause) => {
                println!("not run: there is no curl here ({cause})");
                return None;
            }
        }
    }
    Some(said)
}

#[tokio::test]
async fn people_b5_curl_reads_every_refusal_over_http_2() {
    let world = Plan::standard_but("limits: {request_body: 64KiB}", "limits: {}").start().await;
    let http2: &[&str] = &["--http2-prior-knowledge"];
    let (url, nope) = (world.resource(), format!("{}/nope", world.public));
    for (status, url, token, bytes) in [
        ("401", &url, "bad", 40),
        ("401", &url, "bad", 70 * KIB),
        ("401", &url, "bad", 5 * MIB),
        ("413", &url, &*world.token(), 5 * MIB),
        ("404", &nope, "bad", 5 * MIB),
    ] {
        let Some(said) = curl(url, &world.authority, token, bytes, http2).await else { break };
        assert_eq!(said, format!("{status} ").repeat(10), "{bytes} bytes");
    }
    world.close().await;
}

/// Ten bodies of 5 MiB by `fetch`, streamed; prints what the program sees.
const NODE: &str = r#"
const [url, token] = process.argv.slice(1);
const headers = {"authorization": `Bearer ${token}`, "content-type": "application/json"};
const body = () => {
    let left = 80;
    return new ReadableStream({pull(to) { if (left-- > 0) to.enqueue(new Uint8Array(65536)); else to.close(); }});
};
(async () => {
    for (let count = 0; count < 10; count++) {
        const said = await fetch(url, {method: "POST", headers, body: body(), duplex: "half"})
            .then(async (answer) => (await answer.text(), answer.status))
            .catch((cause) => cause.cause?.code ?? cause.code ?? String(cause));
        console.log(said);
    }
    process.exit(0);
})();
"#;

#[tokio::test]
async fn people_b5_node_reads_every_refusal_behind_haproxy() {
    let plan = Plan::standard_but("limits: {request_body: 64KiB}", "limits: {}").top("hosts: [127.0.0.1]");
    let world = plan.start().await;
    for options in ["", "proto h2"] {
        let Some(haproxy) = Haproxy::start_http(world.gateway.listening_address(), options).await else { break };
        let url = format!("http://{}/mcp", haproxy.address());
        for (status, token) in [("401", "bad"), ("413", &*world.token())] {
            let mut node = Command::new("node");
            node.args(["-e", NODE, "--", &url, token]).stdin(Stdio::null()).kill_on_drop(true);
            match node.output().await {
                Ok(output) => {
                    let said = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
                    assert_eq!(said, [status; 10].join(" "), "haproxy {options:?}");
                }
                Err(cause) => println!("not run: there is no Node.js here ({cause})"),
            }
        }
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

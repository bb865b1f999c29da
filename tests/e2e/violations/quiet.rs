//! What is closed without an answer: does each kind that can be provoked leave its trace (attack 183)?

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::*;
use crate::e2e::{
    wire_h2::{DATA, RST_STREAM},
    world::Step,
};

/// Longest wait for the end of a connection that says nothing: 75 s.
const SILENCE: Duration = Duration::from_secs(100);

/// Fields of more bytes than may be, and then one whose end does not come.
fn endless_block() -> Vec<u8> {
    // A field of 4,000 bytes that is put into the table, and then taken from it twenty times.
    let mut fields = vec![0x40, 1, b'x', 0x7f, 0xa1, 0x1e];
    fields.extend([b'y'; 4_000]);
    fields.extend([0xbe; 20]);
    // A field of 1,000,000 bytes.
    fields.extend([0, 1, b'z', 0x7f, 0xc1, 0x83, 0x3d]);
    fields.resize(16_000, b'z');
    let more = || frame(9, 0, 1, &[b'z'; 16_000]);
    [frame(HEADERS, 0, 1, &fields), more(), more(), more(), more()].concat()
}

async fn tcp(world: &World) -> TcpStream {
    TcpStream::connect(world.gateway.listening_address()).await.unwrap()
}

/// Until the gateway hangs up, however it does that.
async fn until_closed(mut stream: TcpStream, patience: Duration) {
    let _ = timeout(patience, stream.read_to_end(&mut Vec::new())).await.expect("it stays open");
}

#[tokio::test]
async fn attack_183_each_kind_that_http_2_resets_without_an_answer_is_told() {
    // Otherwise the calls beyond `requests_per_caller` are answered, and their streams end in time.
    let world = Plan::standard().crowd().tls().start().await;
    world.until_ready().await;
    world.upstream.answer_with(|_| vec![Step::Hang]);
    let bearer = format!("Bearer {}", world.token());
    let good = common(&world.authority, &bearer);
    let none = [(":method", "GET"), (":scheme", "https"), (":authority", &world.authority), (":path", "/none")];
    let opened = |stream: u32| frame(HEADERS, 4, stream, &block(&good));
    let rows: Vec<(&str, &str, Vec<u8>)> = vec![
        ("h2_protocol_error", "an index that is in no table", frame(HEADERS, 5, 1, &[0xbe])),
        ("h2_compression_error", "too many fields, and one that does not end", endless_block()),
        ("h2_stream_closed", "data on a stream that the client reset", {
            let reset = frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes());
            [opened(1), reset, frame(DATA, 0, 1, b"{}")].concat()
        }),
        (
            "h2_refused_stream",
            "more streams than may be open",
            (0..110).flat_map(|number| opened(number * 2 + 1)).collect(),
        ),
        ("h2_flow_control_error", "more data than the window has", {
            [opened(1), (0..100).flat_map(|_| frame(DATA, 0, 1, &[b' '; 16_384])).collect()].concat()
        }),
        ("h2_protocol_error", "an even number of a stream", frame(HEADERS, 5, 2, &block(&none))),
    ];
    for (violation, what, bytes) in rows {
        let mut live = greet(world.connect_h2().await).await;
        live.write(&bytes).await;
        let told = line(&world, violation).await;
        assert_eq!((&told["peer"], told.get("status")), (&"127.0.0.1".into(), None), "{what}: {told}");
        assert!(counted(&world, violation).await > 0, "{what}: {violation} is not counted");
        drop(live);
    }
    world.close().await;
}

#[tokio::test]
async fn attack_183_who_says_nothing_is_counted_and_has_no_line() {
    let plain = World::standard().await;
    let tls = Plan::standard().tls().start().await;
    // Before the handshake, after it, and without one; and one that closes before its first byte, as health checks do.
    let (mut shaken, silent) = (tls.connect().await, tcp(&tls).await);
    drop((tcp(&tls).await, tcp(&plain).await));
    tokio::join!(
        until_closed(silent, PATIENCE),
        async { assert!(shaken.bytes_within(SILENCE).await.is_empty()) },
        async { until_closed(tcp(&plain).await, SILENCE).await },
    );
    drop(shaken);
    assert_eq!((counted(&plain, "silent").await, counted(&tls, "silent").await), (1, 2));
    assert_eq!(tls.metric("portcullis_tls_handshake_failures_total").await.unwrap_or(0.0), 0.0);
    for world in [plain, tls] {
        assert!(!world.gateway.output().contains("\"event\":\"violation\""), "no line");
        world.close().await;
    }
}

#[tokio::test]
async fn attack_183_a_handshake_that_fails_leaves_a_counter_and_a_line() {
    let world = Plan::standard().tls().start().await;
    let failures = async || world.metric("portcullis_tls_handshake_failures_total").await.unwrap_or(0.0);
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let mut count = 0.0;
    for (what, bytes) in [
        ("plain HTTP", &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..]),
        ("half a hello", hello),
        ("an alert", b"\x15\x03\x01\x00\x02\x02\x28"),
    ] {
        let mut stream = tcp(&world).await;
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        until_closed(stream, PATIENCE).await;
        count += 1.0;
        let deadline = Instant::now() + PATIENCE;
        while failures().await < count {
            assert!(Instant::now() < deadline, "{what} is not counted");
            sleep(Duration::from_millis(10)).await;
        }
    }
    let told = line(&world, "tls_handshake").await;
    assert_eq!((&told["peer"], &told["verdict"]), (&"127.0.0.1".into(), &"refused".into()), "{told}");
    assert_eq!(told["listener"], world.gateway.listening_address().to_string(), "{told}");

    // A client that does not trust the certificate says so.
    let nothing_trusted =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    assert!(TlsConnector::from(Arc::new(nothing_trusted)).connect(name, tcp(&world).await).await.is_err());
    assert_eq!(line(&world, "tls_alert").await["peer"], "127.0.0.1");

    // One that takes its time.
    let mut slow = tcp(&world).await;
    slow.write_all(hello).await.unwrap();
    until_closed(slow, PATIENCE).await;
    assert_eq!(line(&world, "tls_timeout").await["peer"], "127.0.0.1");
    assert!(failures().await >= count + 2.0);
    world.close().await;
}

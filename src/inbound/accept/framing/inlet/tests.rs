//! Which input passes the inlet, in which pieces, and what replaces the rest.

use std::{net::Ipv4Addr, time::Duration};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::{
    base::{
        clock::{Clock, Now},
        limits::heads::HeadBounds,
    },
    observe::{Observe, audit::Audit, metrics::Metrics},
};

const GOOD: &str = "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
const CHUNKED: &str = "POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
const TWO_LENGTHS: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx";

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Now {
        Now { wall: Duration::ZERO, mono: Duration::ZERO }
    }
}

struct Reader {
    inlet: Inlet,
    stream: DuplexStream,
}

impl AsyncRead for Reader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { inlet, stream } = &mut *self;
        inlet.poll_read(stream, cx, buffer)
    }
}

fn reader() -> (Reader, DuplexStream, Arc<Metrics>) {
    let metrics = Metrics::new();
    let audit = Audit::start(true, Box::new(io::sink()), metrics.audit_dropped()).unwrap();
    let observe = Observe::new(Arc::clone(&metrics), audit, Arc::new(Stopped));
    let breach = Breach::new(&observe, &metrics.listener("l"), Ipv4Addr::LOCALHOST.into());
    let (far, stream) = duplex(64 * 1024);
    (Reader { inlet: Inlet::new(breach, HeadBounds::default()), stream }, far, metrics)
}

/// The output for these bytes, sent in pieces of `len` and read in pieces of `room`.
async fn read(bytes: &str, len: usize, room: usize) -> String {
    let (mut reader, mut far, _metrics) = reader();
    let send = async {
        for piece in bytes.as_bytes().chunks(len) {
            far.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        drop(far);
    };
    let receive = async {
        let (mut all, mut piece) = (Vec::new(), vec![0; room]);
        loop {
            match reader.read(&mut piece).await.unwrap() {
                0 => return String::from_utf8(all).unwrap(),
                bytes => all.extend_from_slice(&piece[..bytes]),
            }
        }
    };
    tokio::join!(send, receive).1
}

#[tokio::test(start_paused = true)]
async fn attack_183_what_may_pass_passes_unchanged_and_the_rest_becomes_one_refused_request() {
    let refused = std::str::from_utf8(REFUSED_REQUEST).unwrap();
    let cases = [
        (format!("{GOOD}{CHUNKED}{GOOD}"), format!("{GOOD}{CHUNKED}{GOOD}")),
        (format!("{GOOD}{TWO_LENGTHS}{GOOD}"), format!("{GOOD}{refused}")),
        (format!("{CHUNKED}GET / HTTP/1.1\nHost: a\n\n"), format!("{CHUNKED}{refused}")),
        (TWO_LENGTHS.into(), refused.into()),
        ("\u{16}\u{3}\u{1}".into(), refused.into()),
        (format!("{GOOD}\r\n\r\n\r\n"), format!("{GOOD}{refused}")),
        // An unfinished head does not pass.
        (format!("{GOOD}POST / HT"), GOOD.into()),
        (CHUNKED.replace("0\r\n\r\n", "x\r\n"), CHUNKED.replace("0\r\n\r\n", "\0")),
        (refused.into(), refused.into()),
    ];
    for (sent, wanted) in cases {
        for len in [1, 2, 7, 50, 10_000] {
            for room in [1, 5, 10_000] {
                assert_eq!(read(&sent, len, room).await, wanted, "{sent:?} in pieces of {len}, read by {room}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn attack_183_a_head_that_comes_too_slowly_is_refused_and_counted() {
    let (mut reader, mut far, metrics) = reader();
    far.write_all(b"POST / HTTP/1.1\r\nHost").await.unwrap();
    let mut piece = [0; 100];
    let bytes = reader.read(&mut piece).await.unwrap();
    assert_eq!(&piece[..bytes], REFUSED_REQUEST);
    let text = metrics.encode();
    assert!(
        text.contains("portcullis_protocol_violations_total{listener=\"l\",violation=\"head_timeout\"} 1\n"),
        "{text}"
    );
    drop(far);
    assert_eq!(reader.read(&mut piece).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn attack_183_no_more_than_a_bound_is_read_after_a_violation() {
    let (mut reader, mut far, metrics) = reader();
    let flood = tokio::spawn(async move {
        let mut taken = 0_u64;
        far.write_all(TWO_LENGTHS.as_bytes()).await.unwrap();
        while far.write_all(&[b'x'; 1024]).await.is_ok() {
            taken += 1024;
        }
        taken
    });
    let mut all = Vec::new();
    reader.read_to_end(&mut all).await.unwrap();
    drop(reader);
    assert_eq!(all, REFUSED_REQUEST);
    // The discarded bytes, and the bytes in the pipe.
    assert!(flood.await.unwrap() < 2 * IGNORED_BODY_BYTES_MAX + 8 * 1024);
    assert!(metrics.encode().contains("violation=\"content_length\"} 1\n"), "once");
}

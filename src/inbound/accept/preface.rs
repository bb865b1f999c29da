//! Whether a connection without TLS begins with HTTP/2 (prior knowledge, RFC 9113 §3.3).

use std::time::Duration;

use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::base::limits::connections::HEADER_READ_TIMEOUT;

/// The first bytes of HTTP/2 (RFC 9113 §3.4). No request of HTTP/1.1 begins so.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A client sends the preface in one piece. The pause before another look, doubled each time, so
/// that a connection with half of it costs next to nothing.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Waits for the first bytes, and says whether they are the preface. No byte is taken: what is
/// neither this nor HTTP/1.1 is refused as HTTP/1.1. Only the very first bytes count, so no request
/// can change the protocol of its connection; `Upgrade: h2c` is ignored (attack 126).
pub(in crate::inbound) async fn is_first(stream: &TcpStream) -> bool {
    let (mut seen, mut pause, mut deadline) = ([0; PREFACE.len()], FIRST_PAUSE, None);
    loop {
        let Ok(came) = stream.peek(&mut seen).await else { return false };
        match PREFACE.strip_prefix(seen.get(..came).unwrap_or_default()) {
            Some([]) => return true,
            // The end of the connection, or something else.
            None => return false,
            Some(_) if came == 0 => return false,
            Some(_) => {}
        }
        if Instant::now() > *deadline.get_or_insert_with(|| Instant::now() + HEADER_READ_TIMEOUT) {
            return false;
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2);
    }
}

//! Notices https at a port of plain HTTP, and plain HTTP at a port of TLS.

use std::{
    error::Error,
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

/// How the text of [`SpeaksTls`] begins.
const SPEAKS_TLS: &str = "the port speaks TLS";

/// A TCP connection without TLS, which looks at the first bytes of the peer.
pub struct PlainStream {
    pub(super) tcp: TcpStream,
    has_answered: bool,
}

/// The peer answered a request without TLS with a record of TLS.
#[derive(Debug)]
struct SpeaksTls;

impl From<TcpStream> for PlainStream {
    fn from(tcp: TcpStream) -> Self {
        Self { tcp, has_answered: false }
    }
}

impl PlainStream {
    /// As of the connection itself.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, buffer))?;
        if !self.has_answered {
            self.has_answered = true;
            if is_tls_record(buffer.filled().get(before..).unwrap_or_default()) {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, SpeaksTls)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Whether `bytes` begin as a record of TLS does (RFC 8446 §5.1). No answer of HTTP/1.1 begins so.
fn is_tls_record(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17, 0x03, ..])
}

impl fmt::Display for SpeaksTls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{SPEAKS_TLS}: it answered a request of http:// with a TLS record; write https://")
    }
}

impl Error for SpeaksTls {}

/// Whether `text` is an error that began as a [`SpeaksTls`]: HTTP keeps only the words.
#[must_use]
pub fn is_tls_port(text: &str) -> bool {
    text.contains(SPEAKS_TLS)
}

/// Whether the handshake failed because the first bytes of the peer are not TLS.
pub(super) fn answers_without_tls(cause: &io::Error) -> bool {
    let inner = cause.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)))
}

/// The words for it.
pub(super) fn without_tls() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the port answers without TLS, as one of plain HTTP does: write http://, or the port that speaks TLS",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_390_only_records_of_tls_are_taken_for_tls() {
        for (bytes, is) in [
            (&b"\x15\x03\x01\x00\x02\x02\x16"[..], true),
            (b"\x16\x03\x03", true),
            (b"\x15", false),
            (b"", false),
            (b"HTTP/1.1 400 Bad Request", false),
            (b"\x15\x02", false),
        ] {
            assert_eq!(is_tls_record(bytes), is, "{bytes:?}");
        }
        assert!(is_tls_port(&format!("error reading a body: {SpeaksTls}")));
        assert!(!is_tls_port("invalid HTTP version parsed"));
    }
}

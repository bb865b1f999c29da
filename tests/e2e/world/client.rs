//! An HTTP/1.1 client that sends exactly what it is told and reads exactly what comes.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

use super::{leak::Captured, process::PATIENCE};

/// A connection that the gateway should close may stay this long.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// 0 when the connection closed without an answer.
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the body ended before its framing said so.
    pub cut: bool,
    /// Whether the peer closed the connection, where that was waited for.
    pub closed: bool,
    /// Interim answers (1xx) before it.
    pub interim: Vec<u16>,
}

impl Reply {
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a field that may come once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} came {} times: {all:?}", all.len());
        all.first().copied()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|cause| panic!("not JSON ({cause}): {self:?}"))
    }

    /// The JSON-RPC error code.
    pub fn code(&self) -> Option<i64> {
        let json: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        json.get("error")?.get("code")?.as_i64()
    }

    /// The machine-readable reason of a refusal.
    pub fn reason(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        json.pointer("/error/data/reason").and_then(|reason| reason.as_str()).unwrap_or_default().to_owned()
    }

    /// The challenge, if there is one.
    pub fn challenge(&self) -> String {
        self.header("www-authenticate").unwrap_or_default().to_owned()
    }

    /// One parameter of the challenge.
    pub fn challenge_parameter(&self, name: &str) -> Option<String> {
        let challenge = self.challenge();
        let start = challenge.find(&format!("{name}=\""))? + name.len() + 2;
        let length = challenge[start..].find('"')?;
        Some(challenge[start..start + length].to_owned())
    }
}

enum Framing {
    Length(usize),
    Chunked,
    Close,
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// An open connection and the answer that comes over it.
pub struct Live {
    io: Box<dyn Io>,
    buffer: BytesMut,
    framing: Framing,
    ended: bool,
    reply: Reply,
    captured: Arc<Captured>,
    /// DER of the certificate that the peer showed.
    pub certificate: Option<Vec<u8>>,
}

impl Live {
    pub async fn connect(
        address: SocketAddr,
        tls: Option<(Arc<rustls::ClientConfig>, &str)>,
        protocols: &[&[u8]],
        captured: Arc<Captured>,
    ) -> Self {
        let tcp = timeout(PATIENCE, TcpStream::connect(address)).await.unwrap().unwrap();
        tcp.set_nodelay(true).unwrap();
        let mut certificate = None;
        let io: Box<dyn Io> = match tls {
            None => Box::new(tcp),
            Some((config, name)) => {
                let mut config = rustls::ClientConfig::clone(&config);
                config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
                let name = ServerName::try_from(name.to_owned()).unwrap();
                let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
                let shown = stream.get_ref().1.peer_certificates();
                certificate = shown.and_then(|chain| chain.first()).map(|leaf| leaf.to_vec());
                Box::new(stream)
            }
        };
        let reply =
            Reply { status: 0, headers: Vec::new(), body: Vec::new(), cut: false, closed: false, interim: Vec::new() };
        Self { io, buffer: BytesMut::new(), framing: Framing::Close, ended: false, reply, captured, certificate }
    }

    /// Writes; a peer that has already hung up is no error here.
    pub async fn write(&mut self, bytes: &[u8]) {
        let write = async {
            let _ = self.io.write_all(bytes).await;
            let _ = self.io.flush().await;
        };
        timeout(PATIENCE, write).await.expect("the gateway stopped reading");
    }

    /// Writes until the peer stops taking it; how many bytes went out.
    pub async fn write_while_taken(&mut self, bytes: &[u8], times: usize) -> usize {
        for time in 0..times {
            match timeout(PATIENCE, self.io.write_all(bytes)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return time * bytes.len(),
                Err(_) => panic!("neither taken nor refused"),
            }
        }
        times * bytes.len()
    }

    /// Writes until the peer has no room for a second, or hangs up; how many bytes it took.
    pub async fn write_while_room(&mut self, bytes: &[u8], times: usize) -> usize {
        for time in 0..times {
            if !matches!(timeout(Duration::from_secs(1), self.io.write_all(bytes)).await, Ok(Ok(()))) {
                return time * bytes.len();
            }
        }
        times * bytes.len()
    }

    /// Reads the final head; the status is 0 when the connection closes first.
    pub async fn head(&mut self, is_head: bool) -> u16 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.buffer.split_to(at + 4);
                self.captured.answer(&head);
                self.parse_head(&String::from_utf8_lossy(&head), is_head);
                if self.reply.status >= 200 {
                    return self.reply.status;
                }
                self.reply.interim.push(self.reply.status);
                self.reply.status = 0;
            }
            if !timeout_at(deadline, self.fill()).await.expect("no answer in time") {
                self.ended = true;
                self.reply.closed = true;
                return 0;
            }
        }
    }

    /// The status and fields so far.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    /// The next piece of the body; `None` at its end, however that came.
    pub async fn piece(&mut self) -> Option<Bytes> {
        let piece = timeout(PATIENCE, self.piece_unhurried()).await.expect("no piece of the body in time")?;
        self.captured.answer(&piece);
        Some(piece)
    }

    /// Reads until the body so far holds `text`.
    pub async fn until(&mut self, text: &str) {
        while !self.reply.text().contains(text) {
            let piece = self.piece().await.unwrap_or_else(|| panic!("{text:?} never came: {:?}", self.reply));
            self.reply.body.extend_from_slice(&piece);
        }
    }

    /// The whole answer.
    pub async fn rest(mut self) -> Reply {
        while let Some(piece) = self.piece().await {
            self.reply.body.extend_from_slice(&piece);
        }
        self.reply
    }

    /// The whole answer, keeping the connection.
    pub async fn rest_of(&mut self) -> Reply {
        while let Some(piece) = self.piece().await {
            self.reply.body.extend_from_slice(&piece);
        }
        let reply = self.reply.clone();
        self.reply.body.clear();
        self.reply.status = 0;
        self.ended = false;
        reply
    }

    /// The whole answer, and whether the peer then closes.
    pub async fn read_to_close(mut self) -> Reply {
        self.head(false).await;
        while let Some(piece) = self.piece().await {
            self.reply.body.extend_from_slice(&piece);
        }
        let closes = timeout(CLOSE_PATIENCE, async { while self.fill().await {} }).await.is_ok();
        self.reply.closed |= closes;
        // A second answer on the connection is kept with the body, so that a test sees it.
        self.reply.body.extend_from_slice(&self.buffer);
        self.reply
    }

    /// The next bytes whatever they mean; empty when the peer closed.
    pub async fn bytes(&mut self) -> Bytes {
        self.bytes_within(PATIENCE).await
    }

    /// The same, where they may take their time.
    pub async fn bytes_within(&mut self, patience: Duration) -> Bytes {
        if self.buffer.is_empty() {
            timeout(patience, self.fill()).await.expect("nothing came");
        }
        self.buffer.split().freeze()
    }

    fn parse_head(&mut self, head: &str, is_head: bool) {
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        self.reply.status = status.unwrap_or_else(|| panic!("no status line: {head:?}"));
        self.reply.headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let length = self.reply.header("content-length").map(|value| value.parse().unwrap());
        self.framing = match (self.reply.header("transfer-encoding"), length) {
            _ if is_head || matches!(self.reply.status, 204 | 304) => Framing::Length(0),
            (Some(_), _) => Framing::Chunked,
            (None, Some(length)) => Framing::Length(length),
            (None, None) => Framing::Close,
        };
    }

    async fn piece_unhurried(&mut self) -> Option<Bytes> {
        loop {
            if self.ended {
                return None;
            }
            let ready = match &mut self.framing {
                Framing::Length(0) => {
                    self.ended = true;
                    None
                }
                Framing::Length(left) if !self.buffer.is_empty() => {
                    let piece = self.buffer.split_to(self.buffer.len().min(*left));
                    *left -= piece.len();
                    Some(piece.freeze())
                }
                Framing::Close if !self.buffer.is_empty() => Some(self.buffer.split().freeze()),
                Framing::Chunked => match take_chunk(&mut self.buffer) {
                    Some(chunk) if chunk.is_empty() => {
                        self.ended = true;
                        None
                    }
                    other => other,
                },
                Framing::Length(_) | Framing::Close => None,
            };
            if ready.is_some() || self.ended {
                return ready;
            }
            if !self.fill().await {
                self.ended = true;
                self.reply.closed = true;
                self.reply.cut = !matches!(self.framing, Framing::Close);
            }
        }
    }

    async fn fill(&mut self) -> bool {
        self.buffer.reserve(256 * 1024);
        matches!(self.io.read_buf(&mut self.buffer).await, Ok(length) if length > 0)
    }
}

fn take_chunk(buffer: &mut BytesMut) -> Option<Bytes> {
    let line = buffer.windows(2).take(32).position(|two| two == b"\r\n")?;
    let text = std::str::from_utf8(&buffer[..line]).unwrap();
    let length = usize::from_str_radix(text.trim(), 16).unwrap();
    if buffer.len() < line + 2 + length + 2 {
        return None;
    }
    let _ = buffer.split_to(line + 2);
    let chunk = buffer.split_to(length).freeze();
    let _ = buffer.split_to(2);
    Some(chunk)
}

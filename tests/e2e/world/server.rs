//! An HTTP/1.1 server that records every byte it is asked and answers as scripted: politely, rudely, late or never.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::process::PATIENCE;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Which connection brought it, counted from 1.
    pub connection: usize,
}

impl Seen {
    /// All values of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    /// The only value of a field.
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "the upstream got {name} {} times", all.len());
        all.first().copied()
    }

    /// Raw JSON of the id in the body, or `null`.
    pub fn id(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body.get("id").unwrap_or_default().to_string()
    }
}

/// One thing that an answer does.
#[derive(Clone)]
pub enum Step {
    /// Writes.
    Send(Bytes),
    /// Writes the same again and again.
    Flood(Bytes, usize),
    /// Waits until the test adds a permit.
    Await(Arc<Semaphore>),
    /// Waits this long, or until the peer hangs up.
    Pause(std::time::Duration),
    /// Waits until the peer hangs up.
    Hang,
    /// Hangs up.
    Cut,
}

type Script = Arc<dyn Fn(&Seen) -> Vec<Step> + Send + Sync>;

struct State {
    seen: Mutex<Vec<Seen>>,
    script: Mutex<Script>,
    connections: AtomicUsize,
    hung_up: AtomicUsize,
    changed: watch::Sender<()>,
}

/// A running server.
pub struct Upstream {
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    state: Arc<State>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Upstream {
    /// Listens on a port of its own and answers every JSON-RPC request with an empty result.
    pub async fn start(tls: Option<TlsAcceptor>) -> Self {
        Self::listening(TcpListener::bind("127.0.0.1:0").await.unwrap(), tls)
    }

    /// The same at this address.
    pub async fn start_at(address: SocketAddr) -> Self {
        Self::listening(TcpListener::bind(address).await.unwrap(), None)
    }

    fn listening(listener: TcpListener, tls: Option<TlsAcceptor>) -> Self {
        let state = Arc::new(State {
            seen: Mutex::default(),
            script: Mutex::new(Arc::new(|seen: &Seen| polite(seen))),
            connections: AtomicUsize::new(0),
            hung_up: AtomicUsize::new(0),
            changed: watch::Sender::new(()),
        });
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(accept(listener, tls.clone(), Arc::clone(&state)));
        Self { address, tls, state, task: Mutex::new(Some(task)) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// From now on answers so.
    pub fn answer_with(&self, script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) {
        *self.state.script.lock().unwrap() = Arc::new(script);
    }

    /// From now on answers politely.
    pub fn answer_politely(&self) {
        self.answer_with(polite);
    }

    /// Hangs up on everyone and refuses connections.
    pub fn stop(&self) {
        if let Some(task) = self.task.lock().unwrap().take() {
            task.abort();
        }
    }

    /// Listens again, at the same address.
    pub async fn resume(&self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let task = tokio::spawn(accept(listener, self.tls.clone(), Arc::clone(&self.state)));
        *self.task.lock().unwrap() = Some(task);
    }

    /// What was asked since the last time, and forgets it.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.state.seen.lock().unwrap())
    }

    /// The one request that was made since the last time.
    pub fn take_one(&self) -> Seen {
        let mut seen = self.take();
        assert_eq!(seen.len(), 1, "the upstream saw {} requests: {seen:?}", seen.len());
        seen.remove(0)
    }

    /// How many requests are remembered.
    pub fn count(&self) -> usize {
        self.state.seen.lock().unwrap().len()
    }

    /// How many remembered requests were for this target.
    pub fn count_of(&self, target: &str) -> usize {
        self.state.seen.lock().unwrap().iter().filter(|seen| seen.target == target).count()
    }

    /// How many connections were ever made.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Waits until this many requests are remembered.
    pub async fn until_seen(&self, count: usize) {
        self.until("requests", || self.count() >= count).await;
    }

    /// Waits until the peer has hung up on this many answers.
    pub async fn until_hung_up(&self, count: usize) {
        self.until("a hang-up", || self.state.hung_up.load(Ordering::SeqCst) >= count).await;
    }

    async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let mut changed = self.state.changed.subscribe();
        let wait = async {
            while !condition() {
                changed.changed().await.unwrap();
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("the upstream waited for {what} in vain"));
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let number = state.connections.fetch_add(1, Ordering::SeqCst) + 1;
                connections.spawn(connection(stream, tls.clone(), Arc::clone(&state), number));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>, number: usize) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => converse(stream, &state, number).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(stream, &state, number).await;
            }
        }
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &State, number: usize) {
    let mut buffer = Vec::new();
    while let Some(seen) = read_request(&mut stream, &mut buffer, number).await {
        let script = Arc::clone(&*state.script.lock().unwrap());
        let steps = script(&seen);
        state.seen.lock().unwrap().push(seen);
        state.changed.send_replace(());
        for step in steps {
            if !play(&mut stream, step).await {
                state.hung_up.fetch_add(1, Ordering::SeqCst);
                state.changed.send_replace(());
                return;
            }
        }
    }
}

/// False when the conversation is over.
async fn play(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), step: Step) -> bool {
    match step {
        Step::Send(bytes) => stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok(),
        Step::Flood(bytes, times) => {
            for _ in 0..times {
                if stream.write_all(&bytes).await.is_err() {
                    return false;
                }
            }
            stream.flush().await.is_ok()
        }
        Step::Await(gate) => {
            let mut byte = [0];
            tokio::select! {
                permit = gate.acquire() => { permit.unwrap().forget(); true }
                _ = stream.read(&mut byte) => false,
            }
        }
        Step::Pause(long) => {
            let mut byte = [0];
            timeout(long, stream.read(&mut byte)).await.is_err()
        }
        Step::Hang => {
            let mut byte = [0];
            let _ = stream.read(&mut byte).await;
            false
        }
        Step::Cut => false,
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>, number: usize) -> Option<Seen> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        more(stream, buffer).await?;
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers = lines
        .map(|line| line.split_once(':').map_or((line, ""), |(name, value)| (name, value.trim())))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut seen = Seen { method, target, headers, body: Vec::new(), connection: number };
    if let Some(length) = seen.header("content-length").map(|value| value.parse::<usize>().unwrap()) {
        while buffer.len() < length {
            more(stream, buffer).await?;
        }
        seen.body = buffer.drain(..length).collect();
    } else if seen.header("transfer-encoding").is_some() {
        while !buffer.ends_with(b"0\r\n\r\n") {
            more(stream, buffer).await?;
        }
        seen.body = std::mem::take(buffer);
    }
    Some(seen)
}

async fn more(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 16 * 1024];
    let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
    buffer.extend_from_slice(&piece[..length]);
    Some(())
}

/// A whole answer with `Content-Length`.
pub fn full(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<Step> {
    let body = body.as_ref();
    let mut head = format!("HTTP/1.1 {status} Some Reason\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    vec![Step::Send([head.as_bytes(), body].concat().into())]
}

/// A JSON answer.
pub fn json(status: u16, body: impl AsRef<[u8]>) -> Vec<Step> {
    full(status, &[("Content-Type", "application/json")], body)
}

/// The head of an event stream; chunks follow.
pub fn sse_head(headers: &[(&str, &str)]) -> Step {
    let mut head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n".to_owned();
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    Step::Send((head + "\r\n").into())
}

/// One chunk.
pub fn chunk(bytes: impl AsRef<[u8]>) -> Step {
    let bytes = bytes.as_ref();
    Step::Send([format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat().into())
}

/// The last chunk.
pub fn last_chunk() -> Step {
    Step::Send("0\r\n\r\n".into())
}

/// 202 to notifications and responses, an empty result to requests.
pub fn polite(seen: &Seen) -> Vec<Step> {
    match (seen.method.as_str(), seen.id().as_str()) {
        ("POST", "null") => full(202, &[], ""),
        ("POST", id) => json(200, format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[]}}}}"#)),
        ("GET", _) => full(405, &[("Allow", "POST")], ""),
        _ => full(200, &[], ""),
    }
}

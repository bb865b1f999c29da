//! An HTTP/2 upstream that does exactly as told, frame by frame: answers, refuses streams, says GOAWAY, or hangs up.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{certificate::Leaf, process::PATIENCE};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Frame types of RFC 9113 §6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
const PADDED: u8 = 8;

/// Error codes of RFC 9113 §7.
pub const NO_ERROR: u32 = 0;
pub const INTERNAL_ERROR: u32 = 2;
pub const REFUSED_STREAM: u32 = 7;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which connection brought it, counted from 1.
    pub connection: usize,
    pub stream: u32,
    pub body: Vec<u8>,
}

impl Asked {
    /// Raw JSON of the id in the body.
    pub fn id(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body.get("id").unwrap_or_default().to_string()
    }
}

/// What to do about a request.
#[derive(Clone)]
pub enum Act {
    /// An empty result.
    Answer,
    /// The same as soon as the test adds a permit.
    AnswerAfter(Arc<Semaphore>),
    /// Nothing.
    Silence,
    /// The head of an answer, and no end.
    Head,
    /// RST_STREAM with this code.
    Reset(u32),
    /// GOAWAY with this last stream and code; the connection goes on, and what comes above the last stream is ignored.
    GoAway(u32, u32),
    /// Hangs up.
    HangUp,
}

type Script = Arc<dyn Fn(&Asked) -> Vec<Act> + Send + Sync>;

struct State {
    asked: Mutex<Vec<Asked>>,
    script: Mutex<Script>,
    streams_max: AtomicU32,
    connections: AtomicUsize,
    open: AtomicUsize,
    resets: AtomicUsize,
    /// The most streams that one connection had open at once.
    streams_peak: AtomicUsize,
    changed: watch::Sender<()>,
}

/// A running server.
pub struct H2Upstream {
    address: SocketAddr,
    tls: TlsAcceptor,
    state: Arc<State>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl H2Upstream {
    /// Takes so many streams on each connection, and answers politely.
    pub async fn start(leaf: &Leaf, streams_max: u32) -> Self {
        let mut config = rustls::ServerConfig::clone(&leaf.server_config());
        config.alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = Arc::new(State {
            asked: Mutex::default(),
            script: Mutex::new(Arc::new(|_| vec![Act::Answer])),
            streams_max: AtomicU32::new(streams_max),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            resets: AtomicUsize::new(0),
            streams_peak: AtomicUsize::new(0),
            changed: watch::Sender::new(()),
        });
        let address = listener.local_addr().unwrap();
        let tls = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(accept(listener, tls.clone(), Arc::clone(&state)));
        Self { address, tls, state, task: Mutex::new(Some(task)) }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// From now on does so.
    pub fn script(&self, script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) {
        *self.state.script.lock().unwrap() = Arc::new(script);
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
    pub fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.state.asked.lock().unwrap())
    }

    /// How many requests are remembered.
    pub fn count(&self) -> usize {
        self.state.asked.lock().unwrap().len()
    }

    /// How many connections were ever made.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }

    /// The most streams that one connection had open at once.
    pub fn streams_peak(&self) -> usize {
        self.state.streams_peak.load(Ordering::SeqCst)
    }

    /// Waits until this many requests are remembered.
    pub async fn until_asked(&self, count: usize) {
        self.until("requests", || self.count() >= count).await;
    }

    /// Waits until the peer has reset this many streams.
    pub async fn until_reset(&self, count: usize) {
        self.until("resets", || self.state.resets.load(Ordering::SeqCst) >= count).await;
    }

    /// Waits until this many connections are open.
    pub async fn until_open(&self, count: usize) {
        self.until("connections", || self.open() == count).await;
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

impl Drop for H2Upstream {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let number = state.connections.fetch_add(1, Ordering::SeqCst) + 1;
                let open = Open::new(&state);
                connections.spawn(connection(stream, tls.clone(), open, number));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// An open connection.
struct Open(Arc<State>);

impl Open {
    fn new(state: &Arc<State>) -> Self {
        state.open.fetch_add(1, Ordering::SeqCst);
        state.changed.send_replace(());
        Self(Arc::clone(state))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.send_replace(());
    }
}

async fn connection(tcp: TcpStream, tls: TlsAcceptor, open: Open, number: usize) -> Option<()> {
    let _ = tcp.set_nodelay(true);
    let stream = tls.accept(tcp).await.ok()?;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (frames, mut outgoing) = mpsc::unbounded_channel::<Vec<u8>>();
    let mut writing = JoinSet::new();
    writing.spawn(async move {
        while let Some(bytes) = outgoing.recv().await {
            if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
                break;
            }
        }
    });
    let mut preface = [0; PREFACE.len()];
    reader.read_exact(&mut preface).await.ok()?;
    assert_eq!(preface, PREFACE);
    let most = open.0.streams_max.load(Ordering::SeqCst);
    frames.send(frame(SETTINGS, 0, 0, &[&[0, 3][..], &most.to_be_bytes()].concat())).ok()?;
    frames.send(frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes())).ok()?;

    let live = Arc::new(Mutex::new(HashMap::<u32, Vec<u8>>::new()));
    let mut last_processed = u32::MAX;
    loop {
        let mut head = [0; 9];
        reader.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2])];
        reader.read_exact(&mut payload).await.ok()?;
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        match kind {
            SETTINGS if flags & ACK == 0 => frames.send(frame(SETTINGS, ACK, 0, &[])).ok()?,
            PING if flags & ACK == 0 => frames.send(frame(PING, ACK, 0, &payload)).ok()?,
            RST_STREAM => {
                live.lock().unwrap().remove(&stream);
                open.0.resets.fetch_add(1, Ordering::SeqCst);
                open.0.changed.send_replace(());
            }
            HEADERS | DATA if stream > last_processed => {}
            HEADERS | DATA => {
                assert_eq!(flags & PADDED, 0, "not expected of this client");
                let mut streams = live.lock().unwrap();
                let body = streams.entry(stream).or_default();
                if kind == DATA {
                    body.extend_from_slice(&payload);
                }
                let body = body.clone();
                open.0.streams_peak.fetch_max(streams.len(), Ordering::SeqCst);
                drop(streams);
                if flags & END_STREAM == 0 {
                    continue;
                }
                let asked = Asked { connection: number, stream, body };
                let script = Arc::clone(&*open.0.script.lock().unwrap());
                let acts = script(&asked);
                open.0.asked.lock().unwrap().push(asked.clone());
                open.0.changed.send_replace(());
                for act in acts {
                    match act {
                        Act::Silence => {}
                        Act::Answer => answer(&asked, &frames, &live),
                        Act::AnswerAfter(gate) => {
                            let (frames, live, asked) = (frames.clone(), Arc::clone(&live), asked.clone());
                            writing.spawn(async move {
                                gate.acquire().await.unwrap().forget();
                                answer(&asked, &frames, &live);
                            });
                        }
                        Act::Head => frames.send(frame(HEADERS, END_HEADERS, stream, &HEAD)).ok()?,
                        Act::Reset(code) => {
                            live.lock().unwrap().remove(&stream);
                            frames.send(frame(RST_STREAM, 0, stream, &code.to_be_bytes())).ok()?;
                        }
                        Act::GoAway(last, code) => {
                            last_processed = last;
                            let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
                            frames.send(frame(GOAWAY, 0, 0, &payload)).ok()?;
                        }
                        Act::HangUp => return None,
                    }
                }
            }
            _ => {}
        }
    }
}

/// `:status: 200` and `content-type: application/json` in HPACK (RFC 7541 §6): one indexed field, one literal with an indexed name.
const HEAD: [u8; 20] = *b"\x88\x0f\x10\x10application/json";

fn answer(asked: &Asked, frames: &mpsc::UnboundedSender<Vec<u8>>, live: &Mutex<HashMap<u32, Vec<u8>>>) {
    if live.lock().unwrap().remove(&asked.stream).is_none() {
        return;
    }
    let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"content":[]}}}}"#, asked.id());
    let _ = frames.send(frame(HEADERS, END_HEADERS, asked.stream, &HEAD));
    let _ = frames.send(frame(DATA, END_STREAM, asked.stream, body.as_bytes()));
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

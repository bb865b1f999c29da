//! A site with scripted answers, good and bad.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::Notify,
    task::{AbortHandle, JoinSet},
    time,
};
use tokio_rustls::TlsAcceptor;

use crate::outbound::{
    dial::Dialler,
    fetch::{Fetch, client_tls, private_roots},
};

/// A scripted answer.
#[derive(Clone)]
pub(crate) enum ScriptedAnswer {
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes, then endless others.
    Endless(Vec<u8>),
}

impl ScriptedAnswer {
    /// 200 with a JSON body.
    pub(crate) fn json(body: impl AsRef<str>) -> Self {
        Self::typed("Content-Type: application/json", body)
    }

    /// 200 with these header lines and a body of the right length.
    pub(crate) fn typed(lines: &str, body: impl AsRef<str>) -> Self {
        let body = body.as_ref();
        Self::raw(format!("HTTP/1.1 200 OK\r\n{lines}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }

    /// Exactly these bytes.
    pub(crate) fn raw(bytes: impl Into<String>) -> Self {
        Self::Bytes(bytes.into().into_bytes())
    }
}

/// A site on a free port. It ends when its value is dropped.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<HashMap<String, ScriptedAnswer>>,
    held: Mutex<HashMap<String, Gate>>,
    hits: Mutex<Vec<String>>,
    posted: Mutex<Vec<String>>,
}

impl Site {
    pub(crate) async fn plain() -> Self {
        Self::start(None).await
    }

    /// With TLS, and the certificate to trust.
    pub(crate) async fn tls() -> (Self, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        (Self::start(Some(TlsAcceptor::from(Arc::new(config)))).await, certificate)
    }

    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(serve(listener, tls, Arc::clone(&shared))).abort_handle();
        Self { address, scheme, shared, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub(crate) fn answer(&self, path: &str, answer: ScriptedAnswer) {
        self.shared.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Holds back the next answer for `path`, which is the present one, until the gate is opened.
    pub(crate) fn hold(&self, path: &str) -> Gate {
        let gate = Gate::default();
        self.shared.held.lock().unwrap().insert(path.to_owned(), gate.clone());
        gate
    }

    /// The number of requests for `path`.
    pub(crate) fn hits(&self, path: &str) -> usize {
        self.shared.hits.lock().unwrap().iter().filter(|hit| *hit == path).count()
    }

    /// Every requested path, in order.
    pub(crate) fn all_hits(&self) -> Vec<String> {
        self.shared.hits.lock().unwrap().clone()
    }

    /// Every request that had a body, head and body, in order.
    pub(crate) fn posted(&self) -> Vec<String> {
        self.shared.posted.lock().unwrap().clone()
    }

    /// From now on connections are refused.
    pub(crate) async fn stop(&self) {
        self.task.abort();
        while tokio::net::TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}

/// Holds back one answer.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    reached: Arc<Notify>,
    opened: Arc<Notify>,
}

impl Gate {
    /// Waits until the request is there.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    pub(crate) fn open(&self) {
        self.opened.notify_one();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            match tls {
                None => reply(stream, &shared).await,
                // A client that does not trust the certificate ends the handshake.
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => reply(stream, &shared).await,
                    Err(_) => None,
                },
            }
        });
    }
}

async fn reply(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
        assert!(head.len() < 16 * 1024, "a head without end");
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).await.ok()?;
    if !body.is_empty() {
        shared.posted.lock().unwrap().push(format!("{head}{}", String::from_utf8(body).unwrap()));
    }
    let path = head.split(' ').nth(1).unwrap().to_owned();
    shared.hits.lock().unwrap().push(path.clone());
    let answer = shared.answers.lock().unwrap_or_else(PoisonError::into_inner).get(&path).cloned();
    let gate = shared.held.lock().unwrap().remove(&path);
    if let Some(gate) = gate {
        gate.reached.notify_one();
        gate.opened.notified().await;
    }
    match answer.unwrap_or_else(|| ScriptedAnswer::raw("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")) {
        ScriptedAnswer::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
        ScriptedAnswer::Endless(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            loop {
                stream.write_all(b"4\r\nmore\r\n").await.ok()?;
            }
        }
    }
    stream.shutdown().await.ok()
}

/// A client that trusts `certificates` only.
pub(crate) fn fetch_trusting(certificates: &[CertificateDer<'static>]) -> Fetch {
    Fetch::new(Dialler::new(client_tls(private_roots(certificates).unwrap(), false)))
}

/// Lets every timer of the next `by` expire, without waiting. Call it only while there is no fetch,
/// whose timer would expire, too.
pub(crate) async fn ring_timers(by: Duration) {
    time::pause();
    time::advance(by).await;
    time::resume();
}

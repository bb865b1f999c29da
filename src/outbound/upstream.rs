//! Sends a permitted request to the MCP server behind us, over a pooled connection.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, Uri, Version,
    header::HOST,
    uri::{Authority, PathAndQuery, Scheme},
};
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use tokio::{task::unconstrained, time::timeout};

use crate::{
    base::limits::{
        UPSTREAM_H2_CONNECTION_WINDOW_BYTES, UPSTREAM_H2_IDLE_TIMEOUT, UPSTREAM_H2_PING,
        UPSTREAM_H2_STREAM_WINDOW_BYTES, UPSTREAM_IDLE_MAX, UPSTREAM_IDLE_TIMEOUT,
    },
    decide::policy::evaluate::Permit,
    outbound::{
        Fault,
        address::AddressRule,
        dial::{Peer, Stream, dial},
    },
};

pub use answer::Answer;

mod answer;

/// One upstream as understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Whom to dial.
    pub peer: Peer,
    /// What `Host` says: the URL's own authority.
    pub authority: Box<str>,
    /// The request target: the URL's path and query, whatever the client wrote (SPEC F-20).
    pub path_and_query: Box<str>,
    /// A private CA instead of the public ones.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// For name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// To the response head; never applied to an open stream.
    pub response_timeout: Duration,
}

/// A pool of connections to one upstream. Nothing runs in the background for HTTP/1.1: a connection is driven by the request
/// that holds it, so dropping the request closes the upstream leg at once (SPEC C-56).
pub struct Upstream {
    settings: UpstreamSettings,
    tls: Arc<rustls::ClientConfig>,
    host: HeaderValue,
    target: Uri,
    idle: Mutex<Vec<Idle>>,
    shared: Mutex<Option<Shared>>,
}

type H1Sender = http1::SendRequest<Full<Bytes>>;
type H1Connection = Pin<Box<http1::Connection<TokioIo<Stream>, Full<Bytes>>>>;
type H2Sender = http2::SendRequest<Full<Bytes>>;

/// An HTTP/1.1 connection that one request has to itself.
struct Own {
    sender: H1Sender,
    connection: H1Connection,
}

/// One that waits for its next request.
struct Idle {
    own: Own,
    since: Instant,
}

/// An HTTP/2 connection that requests share, with the task that drives it.
struct Shared {
    sender: H2Sender,
    used: Instant,
    driver: tokio::task::AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Requests under way hold senders of their own; the driver ends with the last of them, or here when it is broken.
        if self.sender.is_closed() {
            self.driver.abort();
        }
    }
}

enum Leg {
    Own(Own),
    Shared(H2Sender),
}

impl Upstream {
    /// Prepares the pool; `tls` must offer both protocols by ALPN.
    ///
    /// # Errors
    /// A setting that is no URL part; the configuration checked them already.
    pub fn new(settings: &UpstreamSettings, tls: Arc<rustls::ClientConfig>) -> Result<Arc<Self>, Fault> {
        let bad = |cause: http::Error| Fault::us("upstream settings", cause);
        let host = HeaderValue::try_from(&*settings.authority).map_err(|cause| bad(cause.into()))?;
        let target = Uri::builder()
            .scheme(if settings.peer.tls { Scheme::HTTPS } else { Scheme::HTTP })
            .authority(Authority::try_from(&*settings.authority).map_err(|cause| bad(cause.into()))?)
            .path_and_query(PathAndQuery::try_from(&*settings.path_and_query).map_err(|cause| bad(cause.into()))?)
            .build()
            .map_err(bad)?;
        Ok(Arc::new(Self {
            settings: settings.clone(),
            tls,
            host,
            target,
            idle: Mutex::default(),
            shared: Mutex::default(),
        }))
    }

    /// What it was made from.
    #[must_use]
    pub fn settings(&self) -> &UpstreamSettings {
        &self.settings
    }

    /// Sends one request and returns the answer's head with its body still to come. The permit is spent: one decision, one request.
    ///
    /// A request is tried again on a new connection only where not one byte of it was written (SPEC C-57).
    ///
    /// # Errors
    /// The upstream's [`Fault`]; `what` is `timeout` where its head came too late.
    pub async fn send(
        self: &Arc<Self>,
        permit: Permit,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Answer>, Fault> {
        self.send_request(permit, self.request(self.target.clone(), method, headers, body)).await
    }

    /// Sends one request to another path of the same origin: one that the upstream itself has named.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_to(
        self: &Arc<Self>,
        permit: Permit,
        target: PathAndQuery,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Answer>, Fault> {
        let mut parts = self.target.clone().into_parts();
        parts.path_and_query = Some(target);
        let target = Uri::from_parts(parts).map_err(|cause| Fault::us("target", cause))?;
        self.send_request(permit, self.request(target, method, headers, body)).await
    }

    async fn send_request(
        self: &Arc<Self>,
        permit: Permit,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Answer>, Fault> {
        drop(permit);
        loop {
            let pooled = self.take_idle().await;
            let fresh = pooled.is_none();
            let leg = match pooled {
                Some(leg) => leg,
                None => self.connect().await?,
            };
            let sent = match leg {
                Leg::Own(own) => timeout(self.settings.response_timeout, self.send_alone(own, request)).await,
                Leg::Shared(sender) => timeout(self.settings.response_timeout, self.send_shared(sender, request)).await,
            };
            match sent {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(Unsent { again: Some(unwritten), .. })) if !fresh => request = *unwritten,
                Ok(Err(Unsent { fault, .. })) => return Err(fault),
                Err(_) => {
                    // One that answers nobody must not be everybody's.
                    *lock(&self.shared) = None;
                    return Err(Fault::upstream("timeout", "no response head within response_timeout"));
                }
            }
        }
    }

    fn request(&self, target: Uri, method: Method, mut headers: HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
        headers.insert(HOST, self.host.clone());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target;
        *request.headers_mut() = headers;
        request
    }

    async fn send_alone(
        self: &Arc<Self>,
        mut own: Own,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Answer>, Unsent> {
        // HTTP/1.1 wants the origin form; the authority stands in Host.
        if let Some(path) = request.uri().path_and_query().cloned() {
            *request.uri_mut() = Uri::from(path);
        }
        let mut response = pin!(own.sender.try_send_request(request));
        let outcome = poll_fn(|cx| {
            // The connection first: it writes the request and reads the answer that the second poll takes.
            let ended = own.connection.as_mut().poll(cx);
            match response.as_mut().poll(cx) {
                Poll::Ready(outcome) => Poll::Ready(Ok((outcome, ended.is_ready()))),
                Poll::Pending => match ended {
                    Poll::Ready(end) => Poll::Ready(Err(end)),
                    Poll::Pending => Poll::Pending,
                },
            }
        })
        .await;
        match outcome {
            Ok((Ok(response), ended)) => {
                let (head, incoming) = response.into_parts();
                Ok(Response::from_parts(head, Answer::alone(incoming, (!ended).then_some(own), Arc::clone(self))))
            }
            Ok((Err(failed), _)) => Err(Unsent::from(failed)),
            Err(end) => {
                // What the connection had not taken of us comes back when it is dropped.
                drop(own.connection);
                match response.await {
                    Err(mut failed) if failed.message().is_some() => {
                        Err(Unsent { again: failed.take_message().map(Box::new), ..Unsent::broken(end.err()) })
                    }
                    _ => Err(Unsent::broken(end.err())),
                }
            }
        }
    }

    async fn send_shared(
        &self,
        mut sender: H2Sender,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Answer>, Unsent> {
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().remove(HOST);
        let response = sender.try_send_request(request).await.map_err(Unsent::from)?;
        let (head, incoming) = response.into_parts();
        Ok(Response::from_parts(head, Answer::shared(incoming)))
    }

    /// The freshest idle connection that is still open.
    async fn take_idle(&self) -> Option<Leg> {
        if let Some(shared) = lock(&self.shared).as_mut()
            && !shared.sender.is_closed()
        {
            shared.used = Instant::now();
            return Some(Leg::Shared(shared.sender.clone()));
        }
        loop {
            let mut idle = lock(&self.idle).pop()?;
            if idle.since.elapsed() > UPSTREAM_IDLE_TIMEOUT {
                // Those below are older still.
                lock(&self.idle).clear();
                return None;
            }
            // A connection that the server has closed, or on which it spoke out of turn, ends when polled.
            // Outside the runtime's budget: a poll that is put off would make a dead one look alive.
            let ended =
                poll_fn(|cx| Poll::Ready(pin!(unconstrained(idle.own.connection.as_mut())).poll(cx).is_ready())).await;
            if !ended && idle.own.sender.is_ready() {
                return Some(Leg::Own(idle.own));
            }
        }
    }

    async fn connect(&self) -> Result<Leg, Fault> {
        let stream = dial(&self.settings.peer, &self.tls, AddressRule::Configured, self.settings.connect_timeout)
            .await
            .map_err(|fault| Fault::upstream(fault.step, fault.cause))?;
        if stream.speaks_h2() {
            return self.connect_h2(stream).await.map(Leg::Shared);
        }
        let (sender, connection) = http1::Builder::new()
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|cause| Fault::upstream("handshake", cause))?;
        Ok(Leg::Own(Own { sender, connection: Box::pin(connection) }))
    }

    async fn connect_h2(&self, stream: Stream) -> Result<H2Sender, Fault> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(UPSTREAM_H2_STREAM_WINDOW_BYTES)
            .initial_connection_window_size(UPSTREAM_H2_CONNECTION_WINDOW_BYTES)
            // A peer that died without a word is found out, and not used again.
            .keep_alive_interval(UPSTREAM_H2_PING)
            .keep_alive_timeout(UPSTREAM_H2_PING)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|cause| Fault::upstream("handshake", cause))?;
        // The task lives as long as a sender does: ours in the pool, or one of a request under way.
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        })
        .abort_handle();
        *lock(&self.shared) = Some(Shared { sender: sender.clone(), used: Instant::now(), driver });
        Ok(sender)
    }

    /// Takes a connection back whose answer was read to its end.
    fn put_back(&self, own: Own) {
        let mut idle = lock(&self.idle);
        if idle.len() < UPSTREAM_IDLE_MAX {
            idle.push(Idle { own, since: Instant::now() });
        }
    }

    /// Closes connections that have been idle for too long; the owner of the pool calls this now and then.
    pub fn prune(&self) {
        lock(&self.idle).retain(|idle| idle.since.elapsed() <= UPSTREAM_IDLE_TIMEOUT);
        let mut shared = lock(&self.shared);
        if shared
            .as_ref()
            .is_some_and(|shared| shared.sender.is_closed() || shared.used.elapsed() > UPSTREAM_H2_IDLE_TIMEOUT)
        {
            *shared = None;
        }
    }
}

/// A panic while one of these is held leaves a list of connections, which is sound as it is.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request that got no answer; `again` holds it where not one byte of it was written.
struct Unsent {
    fault: Fault,
    again: Option<Box<Request<Full<Bytes>>>>,
}

impl Unsent {
    fn broken(cause: Option<hyper::Error>) -> Self {
        let cause =
            cause.map_or_else(|| "the connection was closed before an answer".to_owned(), |cause| describe(&cause));
        Self { fault: Fault::upstream("broken", cause), again: None }
    }
}

impl From<hyper::client::conn::TrySendError<Request<Full<Bytes>>>> for Unsent {
    fn from(mut failed: hyper::client::conn::TrySendError<Request<Full<Bytes>>>) -> Self {
        let again = failed.take_message().map(Box::new);
        Self { again, ..Self::broken(Some(failed.into_error())) }
    }
}

/// hyper's errors hide their cause in `source`.
fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Whether polling the connection shows that it can carry another request.
fn settles(own: &mut Own, cx: &mut Context<'_>) -> bool {
    own.connection.as_mut().poll(cx).is_pending() && own.sender.is_ready()
}

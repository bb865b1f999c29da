//! Serves one client connection: PROXY header, TLS, HTTP version, framing watch, and its end.

mod watched;

use std::{
    net::IpAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use http::{Method, Request};
use hyper::{
    body::Incoming,
    rt::bounds::Http2ServerConnExec,
    server::conn::{http1, http2},
    service::HttpService,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep},
};
use tracing::debug;

use self::watched::{Side, WatchedStream};
use crate::{
    base::limits::connections::{
        FINISH_TIMEOUT, H2_RESETS_MAX, H2_SEND_BUFFER_BYTES_MAX, H2_STREAMS_MAX, HEADER_FIELDS_MAX, KEEP_ALIVE_TIMEOUT,
        ROOM_TIMEOUT,
    },
    decide::fields::framing::violation::Violation,
    inbound::{
        accept::{
            framing::{breach::Breach, h2_watch::H2Watch, inlet::Inlet},
            handshake,
            phase::Phase,
            preface, proxied,
            room::Seat,
            tls::source::ListenerTls,
        },
        answer::{
            reply_body::{ReplyBody, without_content},
            stall::StreamTasks,
        },
        request::{
            arrival::{Connection, Load},
            service,
        },
        state::gateway::Gateway,
    },
    observe::metrics::ListenerSeries,
};

/// What a listener's connections share.
#[derive(Clone)]
pub(in crate::inbound) struct Reception {
    /// `None` for plaintext.
    pub(in crate::inbound) tls: Option<ListenerTls>,
    /// Whether each connection begins with a PROXY header.
    pub(in crate::inbound) has_proxy_header: bool,
    /// The path that answers probes for any `Host`.
    pub(in crate::inbound) health: Option<Arc<str>>,
    /// The listener's counters.
    pub(in crate::inbound) series: ListenerSeries,
}

/// Serves one connection to its end. An idle connection is closed early if its seat is needed.
pub(in crate::inbound) async fn serve(
    mut stream: TcpStream,
    mut peer: IpAddr,
    seat: Seat,
    Reception { tls, has_proxy_header, health, series }: Reception,
    gateway: Arc<Gateway>,
    mut phase: watch::Receiver<Phase>,
) {
    let _open = series.accepted();
    if let Err(cause) = stream.set_nodelay(true) {
        debug!(%cause, "TCP_NODELAY could not be set");
    }
    if has_proxy_header {
        let proxies = Arc::clone(&gateway.snapshot.load().trusted_proxies);
        let breach = Breach::new(&gateway.observe, &series, peer);
        let client = tokio::select! {
            biased;
            client = proxied::client(&mut stream, &breach, &proxies) => client,
            () = seat.activity().asked() => return debug!(%peer, "closed before its PROXY header to make room"),
        };
        let Some(client) = client else { return };
        peer = client;
    }
    let breach = Breach::new(&gateway.observe, &series, peer);
    let Some(tls) = tls else {
        let Some(is_h2) = begins_with_h2(&stream, &seat, &breach, phase.clone()).await else { return };
        let connection = Connection::new(gateway, breach, None, health, &seat);
        if is_h2 {
            Box::pin(serve_h2(stream, connection, &mut phase)).await;
        } else {
            Box::pin(serve_h1(stream, connection, &mut phase)).await;
        }
        return;
    };
    let shaken = tokio::select! {
        biased;
        shaken = handshake::shake(stream, &tls, &breach) => shaken,
        () = seat.activity().asked() => return debug!(%peer, "closed during its TLS handshake to make room"),
    };
    let Some(stream) = shaken else { return };
    let session = stream.get_ref().1;
    let is_h2 = session.alpn_protocol() == Some(b"h2");
    let server_name = session.server_name().map(Into::into);
    let connection = Connection::new(gateway, breach, server_name, health, &seat);
    // Boxed, so that a plain connection does not hold the space that HTTP/2 or TLS needs.
    if is_h2 {
        Box::pin(serve_h2(stream, connection, &mut phase)).await;
    } else {
        Box::pin(serve_h1(stream, connection, &mut phase)).await;
    }
}

/// Whether a connection without TLS begins with HTTP/2. `None` if it must end before its first
/// bytes: it was silent for too long, must make room, or the drain has begun.
async fn begins_with_h2(
    stream: &TcpStream,
    seat: &Seat,
    breach: &Breach,
    mut phase: watch::Receiver<Phase>,
) -> Option<bool> {
    tokio::select! {
        biased;
        is_h2 = preface::is_first(stream) => Some(is_h2),
        () = seat.activity().asked() => None,
        _ = phase.changed() => None,
        () = sleep(KEEP_ALIVE_TIMEOUT) => {
            breach.note(Violation::Silent);
            None
        }
    }
}

async fn serve_h1<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    connection: Connection,
    phase: &mut watch::Receiver<Phase>,
) {
    let (load, breach) = (Arc::clone(connection.load()), Arc::clone(&connection.breach));
    let bounds = connection.gateway.snapshot.load().heads;
    let side = Side::Http1(Inlet::new(Arc::clone(&breach), bounds));
    let service = hyper::service::service_fn(|request: Request<Incoming>| service::answer(&connection, request));
    let served = http1::Builder::new()
        // The inlet bounds the time of a head; hyper's own timeout would also end idle connections.
        .header_read_timeout(None)
        .max_headers(HEADER_FIELDS_MAX)
        .max_buf_size(bounds.h1_buffer_bytes())
        .serve_connection(TokioIo::new(WatchedStream::new(stream, side, &load)), service);
    until_end(served, &load, &breach, phase).await;
}

async fn serve_h2<S>(stream: S, connection: Connection, phase: &mut watch::Receiver<Phase>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (load, breach) = (Arc::clone(connection.load()), Arc::clone(&connection.breach));
    let bounds = connection.gateway.snapshot.load().heads;
    let side = Side::Http2(H2Watch::new(Arc::clone(&breach), bounds));
    let connection = Arc::new(connection);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let connection = Arc::clone(&connection);
        // Boxed: the task of the stream holds it unpinned, and frees it when there is an answer.
        Box::pin(async move {
            let is_head = request.method() == Method::HEAD;
            let answer = service::answer(&connection, request).await;
            if is_head { answer.map(without_content) } else { answer }
        })
    });
    let served = http2::Builder::new(StreamTasks)
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(bounds.h2_list_bytes()).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(H2_RESETS_MAX)
        .max_local_error_reset_streams(H2_RESETS_MAX)
        .max_send_buf_size(H2_SEND_BUFFER_BYTES_MAX)
        // Ends the streams of a client that has vanished.
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .serve_connection(TokioIo::new(WatchedStream::new(stream, side, &load)), service);
    until_end(served, &load, &breach, phase).await;
}

/// A connection that can be asked to finish.
trait Finish: Future {
    fn finish(self: Pin<&mut Self>);
}

impl<I, S> Finish for http1::Connection<I, S>
where
    S: HttpService<Incoming, ResBody = ReplyBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S, E> Finish for http2::Connection<I, S, E>
where
    S: HttpService<Incoming, ResBody = ReplyBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    E: Http2ServerConnExec<S::Future, ReplyBody>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Drives a connection until it ends by itself, has been idle for too long, must make room, or the
/// drain ends it.
async fn until_end<C>(served: C, load: &Load, breach: &Breach, phase: &mut watch::Receiver<Phase>)
where
    C: Finish<Output = hyper::Result<()>>,
{
    let mut served = pin!(served);
    let mut idle = pin!(sleep(KEEP_ALIVE_TIMEOUT));
    let mut finished_before = 0;
    let (mut is_finishing, mut makes_room) = (false, false);
    loop {
        tokio::select! {
            biased;
            ended = served.as_mut() => {
                if let Err(cause) = ended {
                    breach.ended(&cause);
                    debug!(%cause, "connection ended");
                }
                return;
            }
            () = idle.as_mut() => {
                let finished = load.finished();
                let is_idle = load.activity.is_idle() && finished == finished_before;
                if is_finishing && (is_idle || makes_room && load.activity.leave()) {
                    // The connection was asked to finish and did not, for example because its
                    // client never sends a byte.
                    return;
                }
                if is_idle {
                    if finished == 0 {
                        breach.note(Violation::Silent);
                    }
                    served.as_mut().finish();
                    is_finishing = true;
                }
                finished_before = finished;
                let wait = if is_finishing { FINISH_TIMEOUT } else { KEEP_ALIVE_TIMEOUT };
                idle.as_mut().reset(Instant::now() + wait);
            }
            () = load.activity.asked() => {
                finished_before = load.finished();
                if finished_before == 0 && load.activity.leave() {
                    // The connection never had an answer, so there is nothing to finish.
                    return;
                }
                served.as_mut().finish();
                (is_finishing, makes_room) = (true, true);
                idle.as_mut().reset(Instant::now() + ROOM_TIMEOUT);
            }
            changed = phase.changed() => {
                if changed.is_err() || *phase.borrow() == Phase::Ended {
                    // The drain cuts all requests of this connection.
                    breach.observe().cut();
                    return;
                }
                served.as_mut().finish();
                is_finishing = true;
                idle.as_mut().reset(Instant::now() + FINISH_TIMEOUT);
            }
        }
    }
}

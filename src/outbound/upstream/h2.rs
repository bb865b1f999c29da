//! A shared HTTP/2 connection: its handshake, its driver task, its streams.

use std::{
    future::{Future, poll_fn},
    io, mem,
    pin::{Pin, pin},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
};

use ::h2::{
    Ping, Reason, RecvStream,
    client::{Builder, Connection, SendRequest},
};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, Version,
    header::CONTENT_LENGTH,
    uri::{Authority, Scheme, Uri},
};
use http_body::Body;
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    body_upload::BodyUpload,
    counts::{Counts, Opened},
    heard::{Heard, LinkState},
    request::{SentBody, Unsent, UpstreamRequest},
};
use crate::{
    base::limits::upstreams::{
        UPSTREAM_H2_CONNECTION_WINDOW_BYTES, UPSTREAM_H2_HEADER_BYTES_MAX, UPSTREAM_H2_PING,
        UPSTREAM_H2_STREAM_WINDOW_BYTES,
    },
    outbound::{
        dial::{DialFault, DialFaultKind, Stream},
        fault::Fault,
    },
};

/// Marks a limit that is unknown before the peer's SETTINGS; no peer can send this value.
const UNTOLD: usize = usize::MAX - 1;

/// A connection that accepts streams. Dropping the last [`Link`] and the last stream closes it with
/// a GOAWAY.
pub(super) struct Link {
    sender: SendRequest<Bytes>,
    state: Arc<LinkState>,
    old_at: Instant,
}

/// The place of a stream on a connection, given back on drop.
pub(super) struct StreamSlot {
    sender: SendRequest<Bytes>,
    state: Arc<LinkState>,
    freed: Arc<Notify>,
    _opened: Opened,
}

impl Link {
    /// Performs the HTTP/2 handshake and waits for the peer's SETTINGS, which limit its streams.
    /// Notifies `freed` of more room and of the end.
    pub(super) async fn over(
        stream: Stream,
        counts: &Arc<Counts>,
        freed: &Arc<Notify>,
        old_at: Instant,
    ) -> Result<Self, DialFault> {
        let state = Arc::new(LinkState {
            streams_max: AtomicUsize::new(UNTOLD),
            streams: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            refused: OnceLock::new(),
            changed: Notify::new(),
        });
        let heard = Heard::over(stream, &state);
        let (sender, connection) = Builder::new()
            .initial_max_send_streams(UNTOLD)
            .initial_window_size(UPSTREAM_H2_STREAM_WINDOW_BYTES)
            .initial_connection_window_size(UPSTREAM_H2_CONNECTION_WINDOW_BYTES)
            .max_header_list_size(UPSTREAM_H2_HEADER_BYTES_MAX)
            .enable_push(false)
            .handshake(heard)
            .await
            .map_err(|cause| reset(&cause.to_string()))?;
        let opened = Opened::shared(counts);
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends with the last link and the last stream of the connection"
        )]
        tokio::spawn(drive(connection, Arc::clone(&state), Arc::clone(freed), opened));
        let link = Self { sender, state, old_at };
        link.until_told().await?;
        Ok(link)
    }

    async fn until_told(&self) -> Result<(), DialFault> {
        loop {
            let mut changed = pin!(self.state.changed.notified());
            changed.as_mut().enable();
            if self.is_closed() {
                return Err(self.state.refused.get().map_or_else(
                    || reset("the connection was closed before SETTINGS came"),
                    |told| DialFault { kind: DialFaultKind::TlsOwn, cause: io::Error::other(told.clone()) },
                ));
            }
            if self.state.streams_max.load(Ordering::Acquire) != UNTOLD {
                return Ok(());
            }
            changed.await;
        }
    }

    /// Whether the connection accepts no more streams.
    pub(super) fn is_closed(&self) -> bool {
        self.state.is_closed.load(Ordering::Acquire)
    }

    /// Whether the connection should be replaced.
    pub(super) fn is_old(&self, now: Instant) -> bool {
        now >= self.old_at
    }

    /// Open streams.
    pub(super) fn streams(&self) -> usize {
        self.state.streams.load(Ordering::Acquire)
    }

    /// How many more streams the connection accepts now.
    pub(super) fn room(&self) -> usize {
        self.state.streams_max.load(Ordering::Acquire).saturating_sub(self.streams())
    }

    /// Takes a place. The caller has checked [`Self::room`] and holds the pool's lock.
    pub(super) fn slot(&self, counts: &Arc<Counts>, freed: &Arc<Notify>) -> StreamSlot {
        self.state.streams.fetch_add(1, Ordering::AcqRel);
        StreamSlot {
            sender: self.sender.clone(),
            state: Arc::clone(&self.state),
            freed: Arc::clone(freed),
            _opened: Opened::stream(counts),
        }
    }
}

impl StreamSlot {
    /// Sends one request.
    ///
    /// A request is sent again if it was never queued, because the connection is going away, or if
    /// the peer says that it was not processed (RFC 9113 §8.7): its stream was reset with
    /// REFUSED_STREAM, or is above the last stream of a GOAWAY. The library does not report a
    /// GOAWAY to the streams up to the last stream: they go on, and fail with an I/O error if the
    /// connection ends first.
    pub(super) async fn send(
        &mut self,
        outgoing: &mut UpstreamRequest,
        scheme: &Scheme,
        authority: &Authority,
    ) -> Result<(Response<RecvStream>, Option<BodyUpload>), Undone> {
        let Ok(head) = outgoing.head_h2(scheme, authority) else {
            return Err(Undone::Failed(Unsent::broken("the request has no valid target")));
        };
        let (mut response, mut sink) = match self.sender.send_request(head, outgoing.body.is_end_stream()) {
            Ok(sent) => sent,
            Err(cause) if cause.is_go_away() || cause.is_io() => {
                self.retire();
                return Err(Undone::Unsent(Unsent::broken(cause).fault));
            }
            Err(cause) => return Err(Undone::Failed(Unsent::broken(cause))),
        };
        let mut upload = None;
        match &mut outgoing.body {
            SentBody::Whole(bytes) if bytes.is_empty() => {}
            // The library holds the whole body until the peer's window allows it. If the peer has
            // just ended the stream, the response below says why.
            SentBody::Whole(bytes) => drop(sink.send_data(bytes.clone(), true)),
            streamed @ SentBody::Streamed(_) if !streamed.is_end_stream() => {
                let body = mem::replace(streamed, SentBody::Whole(Bytes::new()));
                upload = Some(BodyUpload::new(body, sink));
            }
            SentBody::Streamed(_) => {}
        }
        let is_streamed = upload.is_some();
        let answered = poll_fn(|cx| {
            if upload.as_mut().is_some_and(|upload| upload.poll(cx).is_ready()) {
                upload = None;
            }
            Pin::new(&mut response).poll(cx)
        });
        match answered.await {
            Ok(response) => Ok((response, upload)),
            // A body that was streamed is gone.
            Err(cause) if is_streamed => Err(Undone::Failed(Unsent::broken(cause))),
            Err(cause) if is_unprocessed(&cause) => {
                let is_going_away = cause.is_go_away();
                if is_going_away {
                    self.retire();
                }
                Err(Undone::Unprocessed { unsent: Unsent::broken(cause), is_going_away })
            }
            Err(cause) => Err(Undone::Failed(Unsent::broken(cause))),
        }
    }

    /// Puts no more streams on the connection.
    pub(super) fn retire(&self) {
        self.state.is_closed.store(true, Ordering::Release);
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.state.streams.fetch_sub(1, Ordering::AcqRel);
        self.freed.notify_one();
    }
}

/// A request that got no answer.
pub(super) enum Undone {
    /// No byte of the request was queued.
    Unsent(Fault),
    /// The peer says that it did not process the request: it refused this stream, or its whole
    /// connection is going away.
    Unprocessed { unsent: Unsent, is_going_away: bool },
    /// The peer may have processed the request.
    Failed(Unsent),
}

/// Whether the peer says that it has not processed a stream. After a GOAWAY the library fails
/// exactly the streams above its last stream.
fn is_unprocessed(cause: &::h2::Error) -> bool {
    cause.is_remote() && (cause.is_go_away() || (cause.is_reset() && cause.reason() == Some(Reason::REFUSED_STREAM)))
}

impl UpstreamRequest {
    fn head_h2(&self, scheme: &Scheme, authority: &Authority) -> Result<Request<()>, http::Error> {
        let target = Uri::builder().scheme(scheme.clone()).authority(authority.clone());
        let mut head = Request::new(());
        *head.uri_mut() = target.path_and_query(self.target.clone()).build()?;
        *head.method_mut() = self.method.clone();
        *head.version_mut() = Version::HTTP_2;
        *head.headers_mut() = self.headers.clone();
        if let Some(length) = self.body.size_hint().exact()
            && (length > 0 || self.method == Method::POST)
        {
            head.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Ok(head)
    }
}

/// Drives a connection until it ends. A peer that is silent while streams are open gets a PING;
/// without an answer the connection is closed.
async fn drive(mut connection: Connection<Heard, Bytes>, state: Arc<LinkState>, freed: Arc<Notify>, opened: Opened) {
    let mut pings = connection.ping_pong();
    let mut ticks = interval(UPSTREAM_H2_PING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut awaits_pong = false;
    poll_fn(|cx| {
        if Pin::new(&mut connection).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let streams_max = connection.max_concurrent_send_streams();
        if state.streams_max.swap(streams_max, Ordering::AcqRel) != streams_max {
            state.changed.notify_waiters();
            freed.notify_waiters();
        }
        let Some(pings) = pings.as_mut() else { return Poll::Pending };
        awaits_pong = awaits_pong && pings.poll_pong(cx).is_pending();
        while ticks.poll_tick(cx).is_ready() {
            let was_heard = state.heard.swap(false, Ordering::AcqRel);
            if was_heard {
                continue;
            }
            if awaits_pong {
                return Poll::Ready(());
            }
            if state.streams.load(Ordering::Acquire) > 0 && pings.send_ping(Ping::opaque()).is_ok() {
                awaits_pong = pings.poll_pong(cx).is_pending();
            }
        }
        Poll::Pending
    })
    .await;
    state.is_closed.store(true, Ordering::Release);
    // Closed first, so that the woken tasks find the descriptor free.
    drop(connection);
    drop(opened);
    state.changed.notify_waiters();
    freed.notify_waiters();
}

fn reset(cause: &str) -> DialFault {
    DialFault { kind: DialFaultKind::Reset, cause: io::Error::other(cause.to_owned()) }
}

//! The body of an upstream's answer. It drives its HTTP/1.1 connection.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use ::h2::RecvStream;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{body_upload::BodyUpload, h1::Own, h2::StreamSlot, idle::IdlePool};

/// The body of an answer. If it is dropped before its end, the connection is closed or the stream
/// is reset, so that the upstream learns that the client left.
pub struct Answer {
    source: Source,
    /// The target that answered, if it is not the configured one.
    moved: Option<Box<PathAndQuery>>,
    /// A piece that was looked at and is read again.
    unread: Option<Box<Bytes>>,
}

enum Source {
    /// From an HTTP/1.1 connection.
    Alone { incoming: Incoming, leg: Option<(Own, Arc<IdlePool>)> },
    /// From a stream of an HTTP/2 connection; `left` announced bytes are still to come. `upload` is
    /// the rest of a request that was answered early.
    Shared { stream: RecvStream, slot: Option<StreamSlot>, left: Option<u64>, upload: Option<Box<BodyUpload>> },
}

/// The upstream broke off an answer before its end.
#[derive(Debug)]
pub enum BrokeOff {
    /// Over HTTP/1.1.
    H1(hyper::Error),
    /// Over HTTP/2.
    H2(::h2::Error),
}

impl fmt::Display for BrokeOff {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::H1(error) => error.fmt(out),
            Self::H2(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for BrokeOff {}

impl Answer {
    pub(super) fn alone(incoming: Incoming, own: Option<Own>, pool: Arc<IdlePool>) -> Self {
        Self { source: Source::Alone { incoming, leg: own.map(|own| (own, pool)) }, moved: None, unread: None }
    }

    /// `announced` is the value of `Content-Length`; the library enforces it.
    pub(super) fn shared(
        stream: RecvStream,
        slot: StreamSlot,
        announced: Option<u64>,
        upload: Option<BodyUpload>,
    ) -> Self {
        let is_whole = stream.is_end_stream();
        let source = Source::Shared {
            left: announced.or(is_whole.then_some(0)),
            slot: (!is_whole).then_some(slot),
            stream,
            upload: upload.map(Box::new),
        };
        Self { source, moved: None, unread: None }
    }

    /// The same answer, which came from `target` after a redirect.
    pub(super) fn moved_to(mut self, target: PathAndQuery) -> Self {
        self.moved = Some(Box::new(target));
        self
    }

    /// The first piece of the body, which is read again afterwards; `None` for an empty body.
    pub async fn first_piece(&mut self) -> Option<&Bytes> {
        if self.unread.is_none() {
            let frame = self.frame().await?.ok()?;
            self.unread = frame.into_data().ok().map(Box::new);
        }
        self.unread.as_deref()
    }

    /// The target that answered, if it is not the configured one: URLs in the answer are relative
    /// to it (RFC 3986 §5.1.3).
    #[must_use]
    pub fn moved(&self) -> Option<&PathAndQuery> {
        self.moved.as_deref()
    }
}

/// Returns the connection of a complete answer to the pool, if the upstream sent nothing after it
/// (SPEC F-11).
fn finish(leg: &mut Option<(Own, Arc<IdlePool>)>, cx: &mut Context<'_>) {
    if let Some((mut own, pool)) = leg.take()
        && own.settles(cx)
    {
        pool.put_back(own);
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        if let Some(piece) = self.unread.take() {
            return Poll::Ready(Some(Ok(Frame::data(*piece))));
        }
        match &mut self.source {
            Source::Alone { incoming, leg } => poll_alone(incoming, leg, cx),
            Source::Shared { stream, slot, left, upload } => {
                if upload.as_mut().is_some_and(|upload| upload.poll(cx).is_ready()) {
                    *upload = None;
                }
                poll_shared(stream, slot, left, cx)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        if self.unread.is_some() {
            return false;
        }
        match &self.source {
            // An answer without a body is at its end at once. hyper would otherwise announce its
            // length as 0 over HTTP/2, which is wrong for HEAD and 304. The drop returns its
            // connection.
            Source::Alone { incoming, .. } => incoming.is_end_stream(),
            Source::Shared { stream, .. } => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let rest = match &self.source {
            Source::Alone { incoming, .. } => incoming.size_hint(),
            Source::Shared { left, .. } => left.map_or_else(SizeHint::default, SizeHint::with_exact),
        };
        match (&self.unread, rest.exact()) {
            (None, _) => rest,
            (Some(piece), Some(left)) => SizeHint::with_exact(left.saturating_add(piece.len() as u64)),
            (Some(_), None) => SizeHint::default(),
        }
    }
}

fn poll_alone(
    incoming: &mut Incoming,
    leg: &mut Option<(Own, Arc<IdlePool>)>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
    let mut connection_was_polled = false;
    loop {
        match Pin::new(&mut *incoming).poll_frame(cx) {
            // Trailers are dropped (SPEC F-14).
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {}
            Poll::Ready(Some(Ok(frame))) => {
                // With a known length the reader may not poll again after the last piece.
                if incoming.is_end_stream() {
                    finish(leg, cx);
                }
                return Poll::Ready(Some(Ok(frame)));
            }
            Poll::Ready(Some(Err(error))) => {
                *leg = None;
                return Poll::Ready(Some(Err(BrokeOff::H1(error))));
            }
            Poll::Ready(None) => {
                finish(leg, cx);
                return Poll::Ready(None);
            }
            // Let the connection read, once. Its data is taken in the same poll, so that all of it
            // is written at once.
            Poll::Pending if connection_was_polled => return Poll::Pending,
            Poll::Pending => {
                let Some((own, _)) = leg.as_mut() else { return Poll::Pending };
                connection_was_polled = true;
                if own.poll(cx).is_ready() {
                    *leg = None;
                }
            }
        }
    }
}

fn poll_shared(
    stream: &mut RecvStream,
    slot: &mut Option<StreamSlot>,
    left: &mut Option<u64>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
    let polled = std::task::ready!(stream.poll_data(cx));
    // Trailers are dropped (SPEC F-14): the end of the data is the end of the answer.
    if !matches!(polled, Some(Ok(_))) || stream.is_end_stream() {
        *slot = None;
    }
    Poll::Ready(polled.map(|data| match data {
        Ok(data) => {
            // The peer may send this many more bytes. This fails only if no more bytes can come.
            let _ = stream.flow_control().release_capacity(data.len());
            *left = left.map(|left| left.saturating_sub(data.len() as u64));
            Ok(Frame::data(data))
        }
        Err(error) => Err(BrokeOff::H2(error)),
    }))
}

impl Drop for Answer {
    fn drop(&mut self) {
        // An answer without a body may never be polled, and its connection can be reused.
        if let Source::Alone { incoming, leg } = &mut self.source
            && incoming.is_end_stream()
        {
            finish(leg, &mut Context::from_waker(Waker::noop()));
        }
    }
}

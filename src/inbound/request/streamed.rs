//! A request body that goes to the upstream as it comes, within its bounds.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::{
    base::limits::connections::BODY_IDLE_TIMEOUT,
    decide::refusal::{BodyLimit, Refusal},
    inbound::request::body::{is_cut_off, why_broken},
    outbound::upstream::{SenderFault, SentBody},
};

/// Why the client's body ended early; empty if it did not.
pub(in crate::inbound) type BodyEnd = Arc<OnceLock<Refusal>>;

/// The body of a client that is relayed piece by piece.
struct ClientBody {
    incoming: Incoming,
    version: Version,
    limit: BodyLimit,
    /// How many more bytes may come.
    left: u64,
    /// The time for the next piece.
    silent: Pin<Box<Sleep>>,
    end: BodyEnd,
}

/// Ends a request whose body broke off; the [`BodyEnd`] says why.
#[derive(Debug)]
struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the client's body broke off")
    }
}

impl std::error::Error for BrokenOff {}

/// `incoming` as the body of a request to the upstream, of at most `bytes_max` bytes.
///
/// # Errors
/// [`Refusal::BodyTooLarge`] if it announces more.
pub(in crate::inbound) fn streamed(
    incoming: Incoming,
    version: Version,
    bytes_max: u64,
) -> Result<(SentBody, BodyEnd), Refusal> {
    let end = BodyEnd::default();
    if incoming.is_end_stream() {
        return Ok((SentBody::Whole(Bytes::new()), end));
    }
    if incoming.size_hint().lower() > bytes_max {
        return Err(Refusal::BodyTooLarge(BodyLimit::OfServer(bytes_max)));
    }
    let silent = Box::pin(sleep(BODY_IDLE_TIMEOUT));
    let body = ClientBody {
        incoming,
        version,
        limit: BodyLimit::OfServer(bytes_max),
        left: bytes_max,
        silent,
        end: Arc::clone(&end),
    };
    Ok((SentBody::Streamed(body.boxed_unsync()), end))
}

impl ClientBody {
    fn ends(&self, refusal: Refusal) -> Poll<Option<Result<Frame<Bytes>, SenderFault>>> {
        let _ = self.end.set(refusal);
        Poll::Ready(Some(Err(BrokenOff.into())))
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = SenderFault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SenderFault>>> {
        loop {
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Pending if self.silent.as_mut().poll(cx).is_ready() => return self.ends(Refusal::BodyTimeout),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) if is_cut_off(&self.incoming, self.version) => {
                    return self.ends(Refusal::BodyAborted);
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(cause))) => return self.ends(why_broken(&cause)),
                // Trailers are dropped (SPEC F-14).
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(piece) = frame.into_data() else { continue };
                    let Some(left) = self.left.checked_sub(piece.len() as u64) else {
                        return self.ends(Refusal::BodyTooLarge(self.limit));
                    };
                    self.left = left;
                    self.silent.as_mut().reset(Instant::now() + BODY_IDLE_TIMEOUT);
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

//! A request body that goes to the upstream as it comes, within its bounds.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::{
    base::limits::connections::{BODY_IDLE_TIMEOUT, BODY_TOTAL_TIMEOUT, STREAMED_BYTES_PER_SECOND_MIN},
    decide::refusal::{BodyLimit, Refusal},
    inbound::request::{
        arrival::Busy,
        body::{is_cut_off, why_broken},
        drain::WeakDrain,
        upload,
    },
    outbound::upstream::{SenderFault, SentBody},
};

/// How the upload of a client ended, and what is left of it.
#[derive(Clone, Default)]
pub(in crate::inbound) struct ClientUpload(Arc<UploadState>);

#[derive(Default)]
struct UploadState {
    /// Why it ended early.
    end: OnceLock<Refusal>,
    rest: Mutex<Rest>,
}

/// What happens to a body that is dropped before its end.
enum Rest {
    /// It is kept for a refusal.
    Kept(Option<UnreadBody>),
    /// The request was answered: it is drained.
    Drained { drain: WeakDrain, bytes_max: u64, busy: Busy },
    /// It is whole, or being drained.
    Settled,
}

/// The rest of a body.
pub(in crate::inbound) struct UnreadBody {
    /// The body.
    pub(in crate::inbound) incoming: Incoming,
    /// Whether it was read: a client that waits for `100 Continue` has got it.
    pub(in crate::inbound) was_read: bool,
}

impl Default for Rest {
    fn default() -> Self {
        Self::Kept(None)
    }
}

impl ClientUpload {
    /// Why it ended early; `None` if it did not.
    pub(in crate::inbound) fn refusal(&self) -> Option<&Refusal> {
        self.0.end.get()
    }

    /// What was not sent to the upstream, after the request failed.
    pub(in crate::inbound) fn take_back(&self) -> Option<UnreadBody> {
        match &mut *self.rest() {
            Rest::Kept(unread) => unread.take(),
            Rest::Drained { .. } | Rest::Settled => None,
        }
    }

    /// The request was answered. If the upstream reads no more of the upload, the rest is drained,
    /// so that the client can read the answer.
    pub(in crate::inbound) fn answered(&self, drain: WeakDrain, bytes_max: u64, busy: &Busy) {
        let rest = &mut *self.rest();
        *rest = match std::mem::replace(rest, Rest::Settled) {
            Rest::Kept(Some(UnreadBody { incoming, .. })) => {
                upload::drain_rest(&drain, incoming, bytes_max, busy.another());
                Rest::Settled
            }
            Rest::Kept(None) if Arc::strong_count(&self.0) > 1 => {
                Rest::Drained { drain, bytes_max, busy: busy.another() }
            }
            other => other,
        };
    }

    fn rest(&self) -> std::sync::MutexGuard<'_, Rest> {
        self.0.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body is dropped before its end.
    fn stops(&self, unread: UnreadBody) {
        let rest = &mut *self.rest();
        *rest = match std::mem::replace(rest, Rest::Settled) {
            Rest::Kept(_) => Rest::Kept(Some(unread)),
            Rest::Drained { drain, bytes_max, busy } => {
                upload::drain_rest(&drain, unread.incoming, bytes_max, busy);
                Rest::Settled
            }
            Rest::Settled => Rest::Settled,
        };
    }
}

/// The body of a client that is relayed piece by piece.
struct ClientBody {
    /// `None` once it is whole or broken.
    incoming: Option<Incoming>,
    version: Version,
    limit: BodyLimit,
    /// How many more bytes may come.
    left: u64,
    /// How much longer the gateway may wait for the client.
    patience: Duration,
    /// When the gateway began to wait for the client.
    waiting: Option<Instant>,
    /// The end of this wait.
    silent: Pin<Box<Sleep>>,
    was_read: bool,
    upload: ClientUpload,
}

/// Ends a request whose body broke off; the [`ClientUpload`] says why.
#[derive(Debug)]
struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the client's body broke off")
    }
}

impl std::error::Error for BrokenOff {}

/// `body` as the body of a request to the upstream, of at most `bytes_max` bytes. It stays where it
/// is if it is refused.
///
/// # Errors
/// [`Refusal::BodyTooLarge`] if it announces more.
pub(in crate::inbound) fn streamed(
    body: &mut Option<Incoming>,
    version: Version,
    bytes_max: u64,
    upload: &ClientUpload,
) -> Result<SentBody, Refusal> {
    if body.as_ref().is_some_and(|incoming| incoming.size_hint().lower() > bytes_max) {
        return Err(Refusal::BodyTooLarge(BodyLimit::OfServer(bytes_max)));
    }
    let Some(incoming) = body.take().filter(|incoming| !incoming.is_end_stream()) else {
        return Ok(SentBody::Whole(Bytes::new()));
    };
    let body = ClientBody {
        incoming: Some(incoming),
        version,
        limit: BodyLimit::OfServer(bytes_max),
        left: bytes_max,
        patience: BODY_TOTAL_TIMEOUT,
        waiting: None,
        silent: Box::pin(sleep(BODY_IDLE_TIMEOUT)),
        was_read: false,
        upload: upload.clone(),
    };
    Ok(SentBody::streamed(body.boxed_unsync()))
}

impl ClientBody {
    /// Ends the request. Only a body that is too large has a rest that may be drained.
    fn ends(&mut self, refusal: Refusal) -> Poll<Option<Result<Frame<Bytes>, SenderFault>>> {
        if !matches!(refusal, Refusal::BodyTooLarge(_)) {
            self.incoming = None;
        }
        let _ = self.upload.0.end.set(refusal);
        Poll::Ready(Some(Err(BrokenOff.into())))
    }

    /// Whether the gateway has waited too long for the client. The time in which the upstream
    /// takes nothing does not count.
    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        if self.waiting.is_none() {
            let now = Instant::now();
            self.waiting = Some(now);
            self.silent.as_mut().reset(now + BODY_IDLE_TIMEOUT.min(self.patience));
        }
        self.silent.as_mut().poll(cx).is_ready()
    }

    /// Counts a piece of so many bytes, and what it cost.
    fn came(&mut self, bytes: u64) {
        let waited = self.waiting.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.patience = patience_after(self.patience, bytes, waited);
    }
}

/// How long the gateway waits for the rest of a body once so many bytes came. Bytes that come fast
/// earn no more than there was at the start.
fn patience_after(before: Duration, bytes: u64, waited: Duration) -> Duration {
    let earned = Duration::from_millis(bytes.saturating_mul(1000) / STREAMED_BYTES_PER_SECOND_MIN);
    before.saturating_add(earned).saturating_sub(waited).min(BODY_TOTAL_TIMEOUT)
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = SenderFault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SenderFault>>> {
        loop {
            self.was_read = true;
            let version = self.version;
            let Some(incoming) = self.incoming.as_mut() else { return Poll::Ready(None) };
            let frame = Pin::new(&mut *incoming).poll_frame(cx);
            let is_cut_off = matches!(frame, Poll::Ready(None)) && is_cut_off(incoming, version);
            match frame {
                Poll::Pending if self.is_silent(cx) => return self.ends(Refusal::BodyTimeout),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) if is_cut_off => return self.ends(Refusal::BodyAborted),
                Poll::Ready(None) => {
                    self.incoming = None;
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(cause))) => return self.ends(why_broken(&cause)),
                // Trailers are dropped (SPEC F-14).
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(piece) = frame.into_data() else { continue };
                    let Some(left) = self.left.checked_sub(piece.len() as u64) else {
                        let limit = self.limit;
                        return self.ends(Refusal::BodyTooLarge(limit));
                    };
                    self.left = left;
                    self.came(piece.len() as u64);
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        if let Some(incoming) = self.incoming.take().filter(|incoming| !incoming.is_end_stream()) {
            self.upload.stops(UnreadBody { incoming, was_read: self.was_read });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_b4_an_upload_is_waited_for_at_its_slowest_rate_and_a_burst_buys_nothing() {
        let second = Duration::from_secs(1);
        // 8 KiB a second, for ever.
        let slow = (0..10_000).fold(BODY_TOTAL_TIMEOUT, |left, _| patience_after(left, 8 * 1024, second));
        assert_eq!(slow, BODY_TOTAL_TIMEOUT);
        // A large piece after a long pause.
        let pause = BODY_TOTAL_TIMEOUT - second;
        assert_eq!(patience_after(BODY_TOTAL_TIMEOUT, 8 * 1024 * 200, pause), BODY_TOTAL_TIMEOUT);
        // Less than that uses the patience up, whatever came before.
        let burst = patience_after(BODY_TOTAL_TIMEOUT, 1 << 40, Duration::ZERO);
        let trickle = (0..119).fold(burst, |left, _| patience_after(left, 1, second));
        assert!(trickle > Duration::ZERO && trickle < 2 * second, "{trickle:?}");
        assert_eq!(patience_after(trickle, 1, 2 * second), Duration::ZERO);
    }
}

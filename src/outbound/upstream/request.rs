//! A request to an upstream, its body, and the request that got no answer.

use std::{
    error::Error,
    fmt::Display,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Method, uri::PathAndQuery};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;

use super::upload_clock::UploadClock;
use crate::outbound::{
    dial::{DialFaultKind, is_own_refused, is_tls_port},
    fault::{Fault, FaultKind},
};

/// Why the sender of a streamed body stopped.
pub type SenderFault = Box<dyn Error + Send + Sync>;

/// The body of a request.
pub enum SentBody {
    /// All of it; it can be sent again.
    Whole(Bytes),
    /// Sent as it comes, once.
    Streamed(StreamedBody),
}

/// A body that is sent as it comes. An error ends the request.
pub struct StreamedBody {
    body: UnsyncBoxBody<Bytes, SenderFault>,
    clock: Arc<UploadClock>,
}

impl SentBody {
    /// A body that is sent as it comes.
    pub fn streamed(body: UnsyncBoxBody<Bytes, SenderFault>) -> Self {
        Self::Streamed(StreamedBody { body, clock: Arc::new(UploadClock::new()) })
    }

    /// The clock of a streamed body.
    pub(super) fn clock(&self) -> Option<Arc<UploadClock>> {
        match self {
            Self::Whole(_) => None,
            Self::Streamed(streamed) => Some(Arc::clone(&streamed.clock)),
        }
    }
}

impl Drop for StreamedBody {
    fn drop(&mut self) {
        self.clock.moves();
    }
}

/// A request to an upstream.
pub(super) struct UpstreamRequest {
    pub(super) method: Method,
    pub(super) target: PathAndQuery,
    pub(super) headers: HeaderMap,
    pub(super) body: SentBody,
}

impl UpstreamRequest {
    /// The same request, unless its body is streamed; a whole body is shared.
    pub(super) fn copy(&self) -> Option<Self> {
        let SentBody::Whole(body) = &self.body else { return None };
        let body = SentBody::Whole(body.clone());
        Some(Self { method: self.method.clone(), target: self.target.clone(), headers: self.headers.clone(), body })
    }
}

/// A request that got no answer.
pub(super) struct Unsent {
    pub(super) fault: Fault,
    /// The request, if no byte of it was written.
    pub(super) again: Option<Box<UpstreamRequest>>,
}

impl Unsent {
    pub(super) fn broken(cause: impl Display) -> Self {
        let mut fault = Fault::new(FaultKind::Broken, cause);
        if is_own_refused(&fault.cause) {
            fault.kind = FaultKind::Dial(DialFaultKind::TlsOwn);
        } else if is_tls_port(&fault.cause) {
            fault.kind = FaultKind::Dial(DialFaultKind::TlsPort);
        }
        Self { fault, again: None }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = SenderFault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SenderFault>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(mem::take(bytes))))),
            Self::Streamed(StreamedBody { body, clock }) => {
                let frame = Pin::new(body).poll_frame(cx);
                match frame.is_pending() {
                    true => clock.waits(),
                    false => clock.moves(),
                }
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Streamed(streamed) => streamed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streamed(streamed) => streamed.body.size_hint(),
        }
    }
}

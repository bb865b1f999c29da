//! The body of an upstream's answer, which drives the connection that it comes from.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{Own, Upstream, settles};

/// An answer's body. Dropping it before its end closes the connection, which tells the upstream that nobody listens.
pub struct Answer {
    incoming: Incoming,
    leg: Option<(Own, Arc<Upstream>)>,
}

impl Answer {
    pub(super) fn alone(incoming: Incoming, own: Option<Own>, pool: Arc<Upstream>) -> Self {
        Self { incoming, leg: own.map(|own| (own, pool)) }
    }

    pub(super) fn shared(incoming: Incoming) -> Self {
        Self { incoming, leg: None }
    }

    /// The answer is complete: the connection goes back, if the upstream has left it clean (SPEC F-11).
    fn finish(&mut self, cx: &mut Context<'_>) {
        if let Some((mut own, pool)) = self.leg.take()
            && settles(&mut own, cx)
        {
            pool.put_back(own);
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut connection_was_polled = false;
        loop {
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                // Trailers end here (SPEC F-14).
                Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {}
                Poll::Ready(Some(Ok(frame))) => {
                    // With a known length the last piece is the end: whoever reads us may not ask again.
                    if self.incoming.is_end_stream() {
                        self.finish(cx);
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                Poll::Ready(Some(Err(error))) => {
                    self.leg = None;
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => {
                    self.finish(cx);
                    return Poll::Ready(None);
                }
                // Nothing waits: let the connection read, once. What that brings is taken in this same turn, so that all
                // that has arrived leaves in one write.
                Poll::Pending if connection_was_polled => return Poll::Pending,
                Poll::Pending => {
                    let Some((own, _)) = self.leg.as_mut() else { return Poll::Pending };
                    connection_was_polled = true;
                    if own.connection.as_mut().poll(cx).is_ready() {
                        self.leg = None;
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // Not before the connection went back: the end is seen by polling.
        self.leg.is_none() && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // An answer without a body may never be polled; its connection is as good as new.
        if self.incoming.is_end_stream() {
            self.finish(&mut Context::from_waker(Waker::noop()));
        }
    }
}

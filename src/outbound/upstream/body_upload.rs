//! Sends a streamed body on an HTTP/2 stream, as fast as the upstream's window opens.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::h2::{Reason, SendStream};
use bytes::Bytes;
use http_body::Body;

use super::request::SentBody;

/// A body that is being sent. Dropping it sends nothing more.
pub(super) struct BodyUpload {
    body: SentBody,
    sink: SendStream<Bytes>,
    /// Bytes for which the window has no room yet.
    rest: Bytes,
}

impl BodyUpload {
    pub(super) fn new(body: SentBody, sink: SendStream<Bytes>) -> Self {
        Self { body, sink, rest: Bytes::new() }
    }

    /// Ready once all is sent, or nothing more can be: the answer says why.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if !self.rest.is_empty() {
                self.sink.reserve_capacity(self.rest.len());
                let Some(Ok(room)) = ready!(self.sink.poll_capacity(cx)) else { return Poll::Ready(()) };
                let piece = self.rest.split_to(room.min(self.rest.len()));
                if !piece.is_empty() && self.sink.send_data(piece, false).is_err() {
                    return Poll::Ready(());
                }
                continue;
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                Some(Err(_)) => {
                    self.sink.send_reset(Reason::CANCEL);
                    return Poll::Ready(());
                }
                None => {
                    let _ = self.sink.send_data(Bytes::new(), true);
                    return Poll::Ready(());
                }
            }
        }
    }
}

//! Relays an answer that may hold no list: unchanged, and broken off where a list starts.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{
    decide::mcp::answer::{list_guard::Guard, lists::Lists},
    inbound::answer::broken::Broken,
    outbound::upstream::Answer,
};

/// An answer that is searched for lists while it is relayed.
pub(in crate::inbound) struct Guarded {
    /// `None` once the answer was broken off. The drop tells the upstream to stop.
    answer: Option<Answer>,
    guard: Guard,
}

impl Guarded {
    /// Searches `answer` for `lists`.
    pub(in crate::inbound) fn new(answer: Answer, lists: Lists, is_stream: bool) -> Self {
        Self { answer: Some(answer), guard: Guard::new(lists, is_stream) }
    }

    /// The next piece, unchanged (P1); or the end of the answer, if a list starts in it.
    pub(in crate::inbound) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        const WHY: &str = "a list in the answer to a request for something else";
        let Some(answer) = &mut self.answer else { return Poll::Ready(None) };
        let frame = Pin::new(answer).poll_frame(cx).map_err(Broken::Upstream);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(piece) = frame.data_ref()
            && self.guard.meets(piece)
        {
            self.answer = None;
            return Poll::Ready(Some(Err(Broken::Unfit(WHY))));
        }
        frame
    }

    /// Whether all bytes have come. False for an answer that was broken off.
    pub(in crate::inbound) fn is_end_stream(&self) -> bool {
        self.answer.as_ref().is_some_and(Body::is_end_stream)
    }

    /// The number of bytes left, as the upstream announced it.
    pub(in crate::inbound) fn size_hint(&self) -> SizeHint {
        self.answer.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

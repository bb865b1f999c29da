//! Relays an answer unchanged while it is read: broken off where a list starts, and watched.

use std::{
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{decompressor::Decompressor, readable::Readable};
use crate::{
    base::limits::messages::DECODED_TURN_BYTES,
    decide::{
        fields::coding::Coding,
        mcp::answer::{list_guard::Guard, lists::Lists},
        refusal::Refusal,
    },
    inbound::{
        answer::{broken::Broken, watch::AnswerWatch},
        state::usage::RequestPlace,
    },
};

/// An answer that is read while it is relayed.
pub(in crate::inbound) struct Guarded {
    /// `None` once the answer was broken off. The drop tells the upstream to stop.
    answer: Option<Readable>,
    /// Searches the answer for lists, if the rules hide parts of them.
    guard: Option<Guard>,
    /// Reads the answer if it is relayed in its encoding: once, for the guard and for the watch.
    decompressor: Option<Decompressor>,
    /// An encoded piece, and the part of it that is not decoded yet.
    piece: Option<(Bytes, Bytes)>,
}

/// Why an answer is broken off.
const WHY: Broken = Broken::Unfit("a list in the answer to a request for something else");

impl Guarded {
    /// Searches `answer` for `lists`.
    pub(in crate::inbound) fn new(answer: Readable, lists: Lists, is_stream: bool) -> Self {
        let guard = Some(Guard::new(lists, is_stream));
        Self { answer: Some(answer), guard, decompressor: None, piece: None }
    }

    /// Decodes `answer` to search it for `lists`, if there are any, and to show it to the watch.
    /// Its bytes are relayed as they came.
    ///
    /// # Errors
    /// If there is no room for a decoder.
    pub(in crate::inbound) fn encoded(
        answer: Readable,
        lists: Option<Lists>,
        is_stream: bool,
        (coding, place): (Coding, &RequestPlace),
    ) -> Result<Self, Refusal> {
        let decompressor = Some(Decompressor::new(coding, is_stream, place)?);
        let guard = lists.map(|lists| Guard::new(lists, is_stream));
        Ok(Self { answer: Some(answer), guard, decompressor, piece: None })
    }

    /// The next piece, unchanged (P1); or the end of the answer, if a list starts in it. The watch
    /// sees the piece first, decoded.
    pub(in crate::inbound) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        watch: Option<&mut AnswerWatch>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.piece.is_none() {
            let Some(answer) = &mut self.answer else { return Poll::Ready(None) };
            let frame = ready!(Pin::new(answer).poll_frame(cx));
            let Some(Ok(piece)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) else {
                return Poll::Ready(frame);
            };
            match piece.filter(|_| self.decompressor.is_some()) {
                Some(piece) => self.piece = Some((piece.clone(), piece.clone())),
                None => {
                    let met = piece.is_some_and(|piece| self.shows_list(watch, piece));
                    return Poll::Ready(if met { Some(Err(self.break_off(WHY))) } else { frame });
                }
            }
        }
        match self.read(watch) {
            Ok(ControlFlow::Break(())) => Poll::Ready(self.piece.take().map(|(piece, _)| Ok(Frame::data(piece)))),
            Ok(ControlFlow::Continue(())) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Err(why) => Poll::Ready(Some(Err(self.break_off(why)))),
        }
    }

    /// Decodes some of the piece. All of it is read before it is relayed.
    fn read(&mut self, mut watch: Option<&mut AnswerWatch>) -> Result<ControlFlow<()>, Broken> {
        let mut left = DECODED_TURN_BYTES;
        loop {
            let is_read = self.guard.is_some() || watch.as_ref().is_some_and(|watch| watch.reads());
            let (Some(decompressor), Some((_, rest)), true) = (&mut self.decompressor, &mut self.piece, is_read) else {
                self.decompressor = None;
                return Ok(ControlFlow::Break(()));
            };
            let part = match decompressor.step(rest) {
                Ok(None) => return Ok(ControlFlow::Break(())),
                Ok(Some(part)) => part,
                // If the client was promised these bytes as they are, a fault in them is the
                // client's to see. What cannot be read has no task and no event.
                Err(Broken::Unfit(_)) if self.guard.is_none() => {
                    if let Some(watch) = watch.as_deref_mut() {
                        watch.cannot_read();
                    }
                    continue;
                }
                Err(why) => return Err(why),
            };
            if self.shows_list(watch.as_deref_mut(), &part) {
                return Err(WHY);
            }
            match left.checked_sub(part.len()) {
                Some(rest) => left = rest,
                None => return Ok(ControlFlow::Continue(())),
            }
        }
    }

    /// Whether a list starts in `part`. If not, the watch sees it.
    fn shows_list(&mut self, watch: Option<&mut AnswerWatch>, part: &Bytes) -> bool {
        if self.guard.as_mut().is_some_and(|guard| guard.meets(part)) {
            return true;
        }
        if let Some(watch) = watch {
            watch.see(part);
        }
        false
    }

    fn break_off(&mut self, why: Broken) -> Broken {
        (self.answer, self.piece) = (None, None);
        why
    }

    /// Whether all bytes have come. False for an answer that was broken off.
    pub(in crate::inbound) fn is_end_stream(&self) -> bool {
        self.piece.is_none() && self.answer.as_ref().is_some_and(Body::is_end_stream)
    }

    /// The number of bytes left, as the upstream announced it.
    pub(in crate::inbound) fn size_hint(&self) -> SizeHint {
        let answer = self.answer.as_ref().filter(|_| self.piece.is_none());
        answer.map_or_else(SizeHint::default, Body::size_hint)
    }
}

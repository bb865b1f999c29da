//! Relays an answer that may hold no list: unchanged, and broken off where a list starts.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::readable::Readable;
use crate::{
    decide::{
        fields::coding::decoder::{DecodeFault, Decoder},
        mcp::answer::{list_guard::Guard, lists::Lists},
    },
    inbound::answer::broken::Broken,
};

/// An answer that is searched for lists while it is relayed.
pub(in crate::inbound) struct Guarded {
    /// `None` once the answer was broken off. The drop tells the upstream to stop.
    answer: Option<Readable>,
    guard: Guard,
    /// Reads the answer for the guard if it is relayed in its encoding.
    decoder: Option<Decoder>,
}

impl Guarded {
    /// Searches `answer` for `lists`. With a decoder, the bytes are decoded to be searched, and
    /// relayed as they came.
    pub(in crate::inbound) fn new(answer: Readable, lists: Lists, is_stream: bool, decoder: Option<Decoder>) -> Self {
        Self { answer: Some(answer), guard: Guard::new(lists, is_stream), decoder }
    }

    /// The next piece, unchanged (P1); or the end of the answer, if a list starts in it.
    pub(in crate::inbound) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        const WHY: &str = "a list in the answer to a request for something else";
        let Some(answer) = &mut self.answer else { return Poll::Ready(None) };
        let frame = Pin::new(answer).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(piece) = frame.data_ref()
        {
            let why = match meets(&mut self.guard, self.decoder.as_mut(), piece) {
                Ok(false) => None,
                Ok(true) => Some(WHY),
                Err(why) => Some(why),
            };
            if let Some(why) = why {
                self.answer = None;
                return Poll::Ready(Some(Err(Broken::Unfit(why))));
            }
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

/// Whether a list starts in `piece`. All of an encoded piece is searched before it is relayed.
fn meets(guard: &mut Guard, decoder: Option<&mut Decoder>, piece: &Bytes) -> Result<bool, DecodeFault> {
    let Some(decoder) = decoder else { return Ok(guard.meets(piece)) };
    let mut rest = piece.clone();
    while let Some(part) = decoder.step(&mut rest)? {
        if guard.meets(&part) {
            return Ok(true);
        }
    }
    Ok(false)
}

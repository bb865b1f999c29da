//! An answer whose bytes can be read: as it came, or decoded piece by piece.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_ENCODING};
use http_body::{Body, Frame, SizeHint};

use super::decompressor::Decompressor;
use crate::{
    decide::{
        fields::{coding::Coding, header_names::ABOUT_BYTES},
        refusal::Refusal,
    },
    inbound::{answer::broken::Broken, state::usage::RequestPlace},
    outbound::upstream::Answer,
};

/// An answer whose bytes can be read.
pub(in crate::inbound) enum Readable {
    /// As it came.
    Plain(Answer),
    /// Decoded.
    Decoded(Box<DecodedAnswer>),
}

/// An answer that is decoded while it comes. No byte that can be decoded is held back.
pub(in crate::inbound) struct DecodedAnswer {
    /// `None` once the answer has ended or was broken off. The drop tells the upstream to stop.
    answer: Option<Answer>,
    decompressor: Decompressor,
    /// Bytes that have come and are not decoded yet.
    rest: Bytes,
    is_whole: bool,
}

impl Readable {
    /// Decodes `answer`, and removes the fields of `headers` that describe the encoded bytes (SPEC
    /// F-23).
    ///
    /// # Errors
    /// If there is no room for a decoder.
    pub(in crate::inbound) fn decoded(
        answer: Answer,
        headers: &mut HeaderMap,
        is_stream: bool,
        (coding, place): (Coding, &RequestPlace),
    ) -> Result<Self, Refusal> {
        let decompressor = Decompressor::new(coding, is_stream, place)?;
        headers.remove(CONTENT_ENCODING);
        for about in ABOUT_BYTES {
            headers.remove(about);
        }
        let decoded = DecodedAnswer { answer: Some(answer), decompressor, rest: Bytes::new(), is_whole: false };
        Ok(Self::Decoded(Box::new(decoded)))
    }

    /// Whether all bytes have come, as far as that is known without another poll.
    pub(in crate::inbound) fn is_whole(&self) -> bool {
        match self {
            Self::Plain(answer) => answer.is_end_stream() || answer.size_hint().exact() == Some(0),
            Self::Decoded(decoded) => decoded.is_whole,
        }
    }
}

impl Body for Readable {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            Self::Plain(answer) => Pin::new(answer).poll_frame(cx).map_err(Broken::Upstream),
            Self::Decoded(decoded) => decoded.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain(answer) => answer.is_end_stream(),
            Self::Decoded(decoded) => decoded.is_whole,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(answer) => answer.size_hint(),
            Self::Decoded(_) => SizeHint::default(),
        }
    }
}

impl DecodedAnswer {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            match self.decompressor.step(&mut self.rest) {
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                Ok(None) => {}
                Err(why) => return Poll::Ready(Some(Err(self.break_off(why)))),
            }
            let Some(answer) = &mut self.answer else { return Poll::Ready(None) };
            match ready!(Pin::new(answer).poll_frame(cx)) {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    self.answer = None;
                    return Poll::Ready(Some(Err(Broken::Upstream(error))));
                }
                None => {
                    self.answer = None;
                    if let Err(why) = self.decompressor.end() {
                        return Poll::Ready(Some(Err(self.break_off(why))));
                    }
                    self.is_whole = true;
                }
            }
        }
    }

    fn break_off(&mut self, why: Broken) -> Broken {
        self.answer = None;
        self.rest = Bytes::new();
        why
    }
}

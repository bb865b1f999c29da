//! The body of a relayed answer, which holds all that must end with it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{
    inbound::{
        answer::{broken::Broken, lease::Lease, source::AnswerSource, stall, watch::AnswerWatch},
        request::arrival::Busy,
        state::usage::RequestPlace,
    },
    observe::{
        record::{End, Record},
        upstream::UpstreamOutcome,
    },
};

/// The parts of a relayed body.
pub(in crate::inbound) struct Relayed {
    /// The bytes.
    pub(in crate::inbound) source: AnswerSource,
    /// Ends a long stream with its permit.
    pub(in crate::inbound) lease: Option<Lease>,
    /// Reads the bytes as they pass.
    pub(in crate::inbound) watch: Option<Box<AnswerWatch>>,
    /// The record of the request.
    pub(in crate::inbound) record: Record,
    /// The caller's place.
    pub(in crate::inbound) place: RequestPlace,
    /// Marks the connection as busy.
    pub(in crate::inbound) busy: Busy,
}

/// The body of a relayed answer.
pub(in crate::inbound) struct RelayBody {
    source: AnswerSource,
    lease: Option<Lease>,
    watch: Option<Box<AnswerWatch>>,
    /// The rest of a frame that is handed out in pieces.
    rest: Option<Bytes>,
    /// Why the answer broke off, held back for one poll.
    broken: Option<Broken>,
    record: Record,
    /// The caller's place; given back with the last frame.
    place: Option<RequestPlace>,
    busy: Busy,
}

impl RelayBody {
    /// Begins to relay.
    pub(in crate::inbound) fn new(relayed: Relayed) -> Self {
        let Relayed { source, lease, watch, mut record, place, busy } = relayed;
        record.relays();
        if let Some(lease) = &lease {
            stall::tie(lease, busy.answer());
        }
        Self { source, lease, watch, rest: None, broken: None, record, place: Some(place), busy }
    }

    /// The first piece of a frame; the rest follows.
    fn first_piece(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_data() {
            Ok(piece) => {
                self.rest = Some(piece);
                Frame::data(stall::take_piece(&mut self.rest).unwrap_or_default())
            }
            Err(other) => other,
        }
    }
}

/// hyper drops a body once all announced bytes have come, without a poll for its end.
impl Drop for RelayBody {
    fn drop(&mut self) {
        if let Some(end) = stall::ended(self.busy.answer()) {
            self.record.ends(end);
        }
        if self.source.is_whole() && self.rest.is_none() && self.broken.is_none() {
            self.record.ends(End::Finished);
        }
    }
}

impl Body for RelayBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(lease) = &self.lease
            && lease.poll_ended(cx).is_ready()
        {
            self.record.ends(End::PermitExpired);
            return Poll::Ready(None);
        }
        if let Some(piece) = stall::take_piece(&mut self.rest) {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let this = &mut *self;
        let frame = this.source.poll_frame(cx, this.watch.as_deref_mut());
        if let Poll::Ready(Some(Err(error))) = frame {
            match &error {
                Broken::Upstream(_) => self.record.failed(UpstreamOutcome::BrokeOff, "broke_off", &error),
                Broken::Unfit(_) => self.record.failed(UpstreamOutcome::Unfit, "answer", &error),
                Broken::NoRoom(shortage) => {
                    self.record.refused(&shortage.refusal);
                    self.record.cut_for_room(shortage.is_of_decoder, shortage.held, shortage.key);
                    self.record.ends(End::Overloaded);
                }
            }
            // On an error hyper drops bytes that it has not written yet. After one more poll they
            // are written, and the client gets all that came before the answer broke off (SPEC
            // F-24).
            self.broken = Some(error);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(watch) = &mut self.watch {
            match &frame {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => watch.end(),
                Poll::Pending => return watch.poll_comment(cx).map(|comment| Some(Ok(Frame::data(comment)))),
            }
        }
        if let Poll::Ready(None) = frame {
            self.record.ends(End::Finished);
        }
        let frame = match frame {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(self.first_piece(frame)))),
            other => other,
        };
        // The client may send its next request as soon as it has the last byte, which is before
        // this body is dropped.
        if frame.is_ready() && self.is_end_stream() {
            self.place = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && self.source.is_end_stream(self.watch.is_some())
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_some() { SizeHint::default() } else { self.source.size_hint() }
    }
}

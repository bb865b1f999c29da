//! An event stream that is edited event by event, each of which leaves as soon as it is complete: its lists are cut, and its
//! endpoint is made ours.

use std::{
    borrow::Cow,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use memchr::memchr2;

use super::Cut;
use crate::{
    base::limits::LIST_BYTES_MAX,
    decide::mcp::sse::{Event, Events, TooLong},
    inbound::{
        legacy::Endpoint,
        relay::Broken,
        usage::{Charge, Place},
    },
    outbound::upstream::Answer,
};

/// An event stream on its way through the filter.
pub(in crate::inbound) struct Edited {
    /// Nothing once the stream was ended here: then the upstream is told that nobody listens.
    answer: Option<Answer>,
    events: Events,
    cut: Option<Cut>,
    endpoint: Option<Endpoint>,
    /// For the unfinished event.
    charge: Charge,
}

impl Edited {
    /// Edits what comes of `answer`; what is held of it is charged to `place` first.
    pub(in crate::inbound) fn new(answer: Answer, cut: Option<Cut>, endpoint: Option<Endpoint>, place: &Place) -> Self {
        let (answer, events) = (Some(answer), Events::new(LIST_BYTES_MAX));
        Self { answer, events, cut, endpoint, charge: place.charge_later() }
    }

    /// The next event. One that cannot be read breaks the stream off, and one that has no end is dropped.
    pub(in crate::inbound) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            if let Some(event) = self.events.next() {
                let passed = self.pass(event).map_err(|why| self.break_off(Broken::Unfit(why)));
                return Poll::Ready(Some(passed.map(Frame::data)));
            }
            let Some(answer) = &mut self.answer else { return Poll::Ready(None) };
            match Pin::new(answer).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(piece) = frame.into_data() {
                        if let Err(refusal) = self.charge.arrived(self.events.held() + piece.len()) {
                            return Poll::Ready(Some(Err(self.break_off(Broken::NoRoom(refusal)))));
                        }
                        self.events.push(piece);
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(Broken::Upstream(error)))),
                Poll::Ready(None) => {
                    self.answer = None;
                    self.events.end();
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// What goes on of an event, charged until it is gone; or why the stream is broken off here.
    fn pass(&mut self, event: Result<Event, TooLong>) -> Result<Bytes, &'static str> {
        let passed = event.map_err(|TooLong| "an event is too long").and_then(|event| self.edit(&event))?;
        Ok(self.charge.hold_part(passed))
    }

    /// Lets go of the upstream and of what is held.
    fn break_off(&mut self, why: Broken) -> Broken {
        self.answer = None;
        self.events = Events::new(0);
        self.charge.hold_part(Bytes::new());
        why
    }

    fn edit(&self, event: &Event) -> Result<Bytes, &'static str> {
        if let Some(endpoint) = &self.endpoint
            && let Some(ours) = endpoint.rewrite(event)?
        {
            return Ok(ours);
        }
        self.cut.as_ref().map_or_else(|| Ok(event.raw().clone()), |cut| edit(event, cut))
    }
}

/// The event, with its list cut where it has one.
fn edit(event: &Event, cut: &Cut) -> Result<Bytes, &'static str> {
    let raw = event.raw();
    // A message that is labelled as a stream: as such it says nothing, but some clients look at the bytes (attack 146).
    if event.holds_bare_message() {
        return Err("a message that is no event");
    }
    // Data without a brace and a bracket holds no list for any reader.
    let data = match event.data() {
        Some(data) if memchr2(b'{', b'[', &data).is_some() => data,
        _ => return Ok(raw.clone()),
    };
    let message = match data {
        Cow::Borrowed(data) => raw.slice_ref(data),
        Cow::Owned(data) => Bytes::from(data),
    };
    let kept = cut.filter(&message)?;
    Ok(if kept == message { raw.clone() } else { event.with_data(&kept) })
}

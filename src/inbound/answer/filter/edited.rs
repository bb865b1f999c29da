//! Edits an event stream event by event: filters its lists, and replaces its endpoint.

use std::{
    borrow::Cow,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use memchr::memchr2;

use super::{list_filter::ListFilter, readable::Readable};
use crate::{
    base::limits::messages::LIST_BYTES_MAX,
    decide::mcp::answer::sse::{Event, Events, TooLong},
    inbound::{
        answer::broken::Broken,
        legacy_sse::EndpointRewriter,
        state::usage::{Charge, RequestPlace},
    },
};

/// An edited event stream. Each event is relayed as soon as it is complete.
pub(in crate::inbound) struct Edited {
    /// `None` once the stream has ended or was broken off. The drop tells the upstream to stop.
    answer: Option<Readable>,
    events: Events,
    lists: Option<ListFilter>,
    endpoint: Option<EndpointRewriter>,
    /// The charge for the unfinished event.
    charge: Charge,
}

impl Edited {
    /// Edits `answer`. Bytes are charged to `place` before they are kept.
    pub(in crate::inbound) fn new(
        answer: Readable,
        lists: Option<ListFilter>,
        endpoint: Option<EndpointRewriter>,
        place: &RequestPlace,
    ) -> Self {
        let (answer, events) = (Some(answer), Events::new(LIST_BYTES_MAX));
        Self { answer, events, lists, endpoint, charge: place.charge_later() }
    }

    /// The next event. An event that cannot be read breaks the stream off; an unfinished event at
    /// the end is dropped.
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
                            let shortage = Box::new(self.charge.shortage(refusal, false));
                            return Poll::Ready(Some(Err(self.break_off(Broken::NoRoom(shortage)))));
                        }
                        self.events.push(piece);
                    }
                }
                Poll::Ready(Some(Err(broken))) => return Poll::Ready(Some(Err(broken))),
                Poll::Ready(None) => {
                    self.answer = None;
                    self.events.end();
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The edited event, charged until it is dropped; or why the stream breaks off here.
    fn pass(&mut self, event: Result<Event, TooLong>) -> Result<Bytes, &'static str> {
        let passed = event.map_err(|TooLong| "an event is too long").and_then(|event| self.edit(&event))?;
        Ok(self.charge.hold_part(passed))
    }

    /// Drops the upstream's answer and the bytes that are held.
    fn break_off(&mut self, why: Broken) -> Broken {
        self.answer = None;
        self.events = Events::new(0);
        self.charge.hold_part(Bytes::new());
        why
    }

    fn edit(&self, event: &Event) -> Result<Bytes, &'static str> {
        if let Some(endpoint) = &self.endpoint
            && let Some(rewritten) = endpoint.rewrite(event)?
        {
            return Ok(rewritten);
        }
        self.lists.as_ref().map_or_else(|| Ok(event.raw().clone()), |lists| filtered(event, lists))
    }
}

/// The event, with its list filtered if it holds one.
fn filtered(event: &Event, lists: &ListFilter) -> Result<Bytes, &'static str> {
    let raw = event.raw();
    // A bare message in an event stream is not an event, but some clients read it (attack 146).
    if event.holds_bare_message() {
        return Err("a message outside of an event");
    }
    // Data without `{` and `[` holds no list, whatever parser reads it.
    let data = match event.data() {
        Some(data) if memchr2(b'{', b'[', &data).is_some() => data,
        _ => return Ok(raw.clone()),
    };
    let message = match data {
        Cow::Borrowed(data) => raw.slice_ref(data),
        Cow::Owned(data) => Bytes::from(data),
    };
    let kept = lists.message(&message)?;
    Ok(if kept == message { raw.clone() } else { event.with_data(&kept) })
}

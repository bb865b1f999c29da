//! Watches an answer while it is relayed: notes new tasks and event ids, and breaks silence.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_ENCODING};

use crate::{
    decide::mcp::{request::target::Target, version::Era},
    inbound::{
        answer::{
            event_watch::EventWatch,
            keep_alive::KeepAlive,
            outgoing::{Outgoing, TaskAnswer},
            task_watch::TaskWatch,
        },
        state::{gateway::Gateway, server::Server},
    },
};

/// The watches over one answer.
#[derive(Default)]
pub(in crate::inbound) struct AnswerWatch {
    task: Option<TaskWatch>,
    events: Option<EventWatch>,
    keep_alive: Option<KeepAlive>,
}

impl AnswerWatch {
    /// The watches that the answer to `outgoing` needs; `None` for most answers.
    pub(in crate::inbound) fn of(
        gateway: &Arc<Gateway>,
        server: &Server,
        outgoing: &Outgoing,
        headers: &HeaderMap,
        is_stream: bool,
    ) -> Option<Box<Self>> {
        let caller = &outgoing.caller;
        let task = match &outgoing.target {
            Target::Tool(tool) if outgoing.task != TaskAnswer::None => {
                Some(TaskWatch::new(gateway, server, caller, tool, headers))
            }
            _ => None,
        };
        // The modern protocol cannot resume a stream.
        let session = outgoing.session.as_ref().filter(|_| is_stream && outgoing.era == Era::Legacy);
        let events =
            session.map(|session| EventWatch::new(gateway, server, caller, session.id.as_bytes(), &outgoing.target));
        // A comment cannot be put into encoded bytes.
        let is_plain = is_stream && !headers.contains_key(CONTENT_ENCODING);
        let keep_alive = server.stream_keep_alive.filter(|_| is_plain).map(KeepAlive::new);
        let is_needed = task.is_some() || events.is_some() || keep_alive.is_some();
        is_needed.then(|| Box::new(Self { task, events, keep_alive }))
    }

    /// Reads a piece before it is relayed.
    pub(in crate::inbound) fn see(&mut self, piece: &Bytes) {
        if let Some(task) = &mut self.task {
            task.see(piece);
        }
        if let Some(events) = &mut self.events {
            events.see(piece);
        }
        if let Some(keep_alive) = &mut self.keep_alive {
            keep_alive.passed(piece);
        }
    }

    /// The answer has ended.
    pub(in crate::inbound) fn end(&mut self) {
        if let Some(mut task) = self.task.take() {
            task.end();
        }
        self.keep_alive = None;
    }

    /// A comment, if the upstream has been silent for too long.
    pub(in crate::inbound) fn poll_comment(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        self.keep_alive.as_mut().map_or(Poll::Pending, |keep_alive| keep_alive.poll_due(cx))
    }
}

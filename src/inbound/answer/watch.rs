//! Watches an answer while it is relayed: notes new tasks and event ids, and breaks silence.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;

use crate::{
    base::text::Text,
    decide::{
        fields::coding::{self, Encoded},
        mcp::{request::target::Target, version::Era},
        token::caller::Caller,
    },
    inbound::{
        answer::{
            event_watch::EventWatch,
            keep_alive::KeepAlive,
            outgoing::{Outgoing, TaskAnswer},
            task_watch::TaskWatch,
        },
        request::session::McpSession,
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
        let encoded = coding::of_answer(headers);
        let is_readable = encoded != Encoded::Unknown;
        let task = task_of(outgoing)
            .filter(|_| is_readable)
            .map(|(tool, caller)| TaskWatch::new(gateway, server, caller, tool, headers));
        let events = events_of(outgoing, is_stream)
            .filter(|_| is_readable)
            .map(|(session, caller)| EventWatch::new(gateway, server, caller, session.id.as_bytes(), &outgoing.target));
        // A comment cannot be put into encoded bytes.
        let is_plain = is_stream && encoded == Encoded::Plain;
        let keep_alive = server.stream_keep_alive.filter(|_| is_plain).map(KeepAlive::new);
        let is_needed = task.is_some() || events.is_some() || keep_alive.is_some();
        is_needed.then(|| Box::new(Self { task, events, keep_alive }))
    }

    /// Whether the answer to `outgoing` is read for a task or for event ids.
    pub(in crate::inbound) fn is_wanted(outgoing: &Outgoing, is_stream: bool) -> bool {
        task_of(outgoing).is_some() || events_of(outgoing, is_stream).is_some()
    }

    /// Whether it still reads for them.
    pub(in crate::inbound) fn reads(&self) -> bool {
        self.events.is_some() || self.task.as_ref().is_some_and(|task| !task.is_over())
    }

    /// The rest of the answer cannot be read.
    pub(in crate::inbound) fn cannot_read(&mut self) {
        (self.task, self.events) = (None, None);
    }

    /// Reads a piece, decoded, before it is relayed.
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

/// The tool whose task the answer may be, and the task's owner: an anonymous request has none.
fn task_of(outgoing: &Outgoing) -> Option<(&Text, &Arc<Caller>)> {
    match &outgoing.target {
        Target::Tool(tool) if outgoing.task != TaskAnswer::None => Some(tool).zip(outgoing.who.caller()),
        _ => None,
    }
}

/// The session whose events the answer may carry, and its owner. The modern protocol cannot resume
/// a stream.
fn events_of(outgoing: &Outgoing, is_stream: bool) -> Option<(&McpSession, &Arc<Caller>)> {
    let session = outgoing.session.as_ref().filter(|_| is_stream && outgoing.era == Era::Legacy);
    session.zip(outgoing.who.caller())
}

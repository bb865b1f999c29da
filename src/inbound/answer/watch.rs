//! Watches an answer while it is relayed: notes new tasks and event ids, and breaks silence.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;

use crate::{
    decide::{
        fields::coding::{
            self, Encoded,
            decoder::{DecodeFault, Decoder},
        },
        mcp::{request::target::Target, version::Era},
    },
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
    /// Reads an answer that is relayed in its encoding.
    decoder: Option<Decoder>,
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
        // Tasks and events have an owner, and an anonymous request has none to give them.
        let caller = outgoing.who.caller();
        let encoded = coding::of_answer(headers);
        let is_readable = encoded != Encoded::Unknown;
        let task = match (&outgoing.target, caller) {
            (Target::Tool(tool), Some(caller)) if outgoing.task != TaskAnswer::None && is_readable => {
                Some(TaskWatch::new(gateway, server, caller, tool, headers))
            }
            _ => None,
        };
        // The modern protocol cannot resume a stream.
        let session = outgoing.session.as_ref().filter(|_| is_stream && is_readable && outgoing.era == Era::Legacy);
        let events = session
            .zip(caller)
            .map(|(session, caller)| EventWatch::new(gateway, server, caller, session.id.as_bytes(), &outgoing.target));
        // A comment cannot be put into encoded bytes.
        let is_plain = is_stream && encoded == Encoded::Plain;
        let keep_alive = server.stream_keep_alive.filter(|_| is_plain).map(KeepAlive::new);
        let is_needed = task.is_some() || events.is_some() || keep_alive.is_some();
        let decoder = match encoded {
            Encoded::By(coding) if is_needed => Some(Decoder::new(coding)),
            _ => None,
        };
        is_needed.then(|| Box::new(Self { decoder, task, events, keep_alive }))
    }

    /// Reads a piece before it is relayed.
    pub(in crate::inbound) fn see(&mut self, piece: &Bytes) {
        let Some(mut decoder) = self.decoder.take() else { return self.read(piece) };
        let is_over = self.events.is_none() && self.task.as_ref().is_none_or(TaskWatch::is_over);
        // If the client was promised these bytes as they are, a fault in them is the client's to
        // see. What cannot be read has no task and no event.
        if is_over || self.decode(&mut decoder, piece).is_err() {
            (self.task, self.events) = (None, None);
        } else {
            self.decoder = Some(decoder);
        }
    }

    fn decode(&mut self, decoder: &mut Decoder, piece: &Bytes) -> Result<(), DecodeFault> {
        let mut rest = piece.clone();
        while let Some(part) = decoder.step(&mut rest)? {
            self.read(&part);
        }
        Ok(())
    }

    fn read(&mut self, piece: &Bytes) {
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

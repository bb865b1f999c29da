//! Looks at the answer to a call on its way, so that the task it makes is known before the client can ask for it.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use crate::{
    base::{names::ServerName, text::Text},
    decide::{
        mcp::answer::{task::Task, task_search::TaskSearch},
        token::caller::Caller,
    },
    inbound::snapshot::{Gateway, Server},
};

/// Looks at an answer on its way for the task that it makes.
pub(in crate::inbound) struct Birth {
    gateway: Arc<Gateway>,
    server: ServerName,
    caller: Arc<Caller>,
    tool: Text,
    search: TaskSearch,
}

impl Birth {
    /// Watches the answer to a call of `tool`, whose head is `headers`.
    pub(in crate::inbound) fn watch(
        gateway: &Arc<Gateway>,
        server: &Server,
        caller: &Arc<Caller>,
        tool: &Text,
        headers: &HeaderMap,
    ) -> Self {
        Self {
            gateway: Arc::clone(gateway),
            server: server.series.name.clone(),
            caller: Arc::clone(caller),
            // A text of its own: the request's bytes need not live as long as the task.
            tool: Text::from(tool.as_str()),
            search: TaskSearch::of(headers),
        }
    }

    /// A piece of the answer, before it goes on.
    pub(in crate::inbound) fn see(&mut self, piece: &Bytes) {
        let found = self.search.see(piece);
        self.remember(found);
    }

    /// The answer has ended.
    pub(in crate::inbound) fn end(&mut self) {
        let found = self.search.end();
        self.remember(found);
    }

    fn remember(&self, found: Option<Task>) {
        if let Some(task) = found {
            let now = self.gateway.clock.now();
            self.gateway.tasks.remember(&self.server, &self.caller, &self.tool, &task, now);
        }
    }
}

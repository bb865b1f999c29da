//! Finds the task in the answer to a call, before the client can ask for that task.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use crate::{
    base::{names::ServerName, text::Text},
    decide::{
        mcp::answer::{task::Task, task_search::TaskSearch},
        token::caller::Caller,
    },
    inbound::state::{gateway::Gateway, server::Server},
};

/// The watch over the answer to one call.
pub(in crate::inbound) struct TaskWatch {
    gateway: Arc<Gateway>,
    server: ServerName,
    caller: Arc<Caller>,
    tool: Text,
    search: TaskSearch,
}

impl TaskWatch {
    /// Watches the answer to a call of `tool`. `headers` are those of the answer.
    pub(in crate::inbound) fn new(
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
            // A copy, so that the task does not keep the bytes of the request.
            tool: Text::from(tool.as_str()),
            search: TaskSearch::of(headers),
        }
    }

    /// Reads a piece before it is relayed.
    pub(in crate::inbound) fn see(&mut self, piece: &Bytes) {
        let found = self.search.see(piece);
        self.remember(found);
    }

    /// Whether nothing more is searched for.
    pub(in crate::inbound) fn is_over(&self) -> bool {
        self.search.is_over()
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

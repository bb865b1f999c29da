//! Which caller made which task with which tool, so that what comes of it later is judged as the call was.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use crate::{
    base::{clock::Now, names::ServerName, text::Text},
    decide::{mcp::target::Target, refusal::Refusal, token::claims::Caller},
    inbound::snapshot::{Gateway, Server},
};

/// The tasks of all callers, bounded for each.
#[derive(Default)]
pub struct Tasks {}

impl Tasks {
    /// Turns [`Target::Tasks`] into what the caller must be allowed for it: the tools that made the tasks. Other targets stay.
    ///
    /// # Errors
    /// [`Refusal::UnknownTask`].
    pub(super) fn resolve(
        &self,
        server: &Server,
        _caller: &Caller,
        target: Target,
        _now: Now,
    ) -> Result<Target, Refusal> {
        let _ = server;
        Ok(target)
    }

    /// Whether the caller may make another.
    ///
    /// # Errors
    /// [`Refusal::TooManyTasks`].
    pub(super) fn check(&self, _server: &ServerName, _caller: &Caller, _now: Now) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether it is the caller's.
    pub(super) fn is_own(&self, _server: &ServerName, _caller: &Caller, _id: &str, _now: Now) -> bool {
        true
    }
}

/// Looks at an answer on its way for the task that it makes.
pub(super) struct Birth {}

impl Birth {
    /// Watches the answer to a call of `tool`, whose head is `headers`.
    pub(super) fn watch(
        _gateway: &Arc<Gateway>,
        _server: &Server,
        _caller: &Arc<Caller>,
        _tool: &Text,
        _headers: &HeaderMap,
    ) -> Self {
        Self {}
    }

    /// A piece of the answer, before it goes on.
    pub(super) fn see(&mut self, _piece: &Bytes) {}

    /// The answer has ended.
    pub(super) fn end(&mut self) {}
}

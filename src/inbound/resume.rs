//! From which caller's stream an event came, so that `Last-Event-ID` takes up nobody else's.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    decide::{mcp::target::Target, refusal::Refusal, token::claims::Caller},
    inbound::{
        session::Session,
        snapshot::{Gateway, Server},
    },
};

/// Where events came from, bounded for each caller.
#[derive(Default)]
pub struct Origins {}

impl Origins {
    /// Whether `caller` may take up a stream behind `event` in `session`.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`] for another caller's event; what policy says of the call whose stream it was.
    pub(super) fn check(
        &self,
        _server: &Server,
        _caller: &Caller,
        _session: &Session,
        _event: &[u8],
    ) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Notes the events of one stream as they pass.
pub(super) struct Origin {}

impl Origin {
    /// Watches the stream that answers a request for `target` in `session`.
    pub(super) fn watch(
        _gateway: &Arc<Gateway>,
        _server: &Server,
        _caller: &Arc<Caller>,
        _session: &Session,
        _target: &Target,
    ) -> Self {
        Self {}
    }

    /// A piece of the stream, before it goes on.
    pub(super) fn see(&mut self, _piece: &Bytes) {}
}

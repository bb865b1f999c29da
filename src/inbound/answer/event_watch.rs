//! Notes the event ids of one stream as they pass, with the caller who owns the stream.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    decide::{
        mcp::{answer::event_ids::EventIds, request::target::Target},
        token::caller::Caller,
    },
    inbound::state::{events::StreamOwner, gateway::Gateway, server::Server},
};

/// The watch over one event stream.
pub(in crate::inbound) struct EventWatch {
    gateway: Arc<Gateway>,
    stream: StreamOwner,
    target: Arc<Target>,
    ids: EventIds,
}

impl EventWatch {
    /// Watches a stream that answers a request for `target`. `session` is the upstream's session
    /// id.
    pub(in crate::inbound) fn new(
        gateway: &Arc<Gateway>,
        server: &Server,
        caller: &Caller,
        session: &[u8],
        target: &Target,
    ) -> Self {
        Self {
            stream: gateway.events.stream(server.series.name.as_str(), caller, session),
            gateway: Arc::clone(gateway),
            target: Arc::new(target.detached()),
            ids: EventIds::default(),
        }
    }

    /// Reads a piece before it is relayed.
    pub(in crate::inbound) fn see(&mut self, piece: &Bytes) {
        let Self { gateway, stream, target, ids } = self;
        ids.see(piece, |event| gateway.events.note(*stream, event, target));
    }
}

//! The state that lives as long as the process: snapshot in force, stores of the request path.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderValue;
use tokio::sync::watch;

use crate::{
    base::clock::Clock,
    decide::mcp::session_seal::SessionKeys,
    inbound::{
        accept::room::Room,
        state::{
            anonymous::AnonymousSessions, events::EventOwners, server::Snapshot, sessions::SessionQuota, tasks::Tasks,
            usage::Usage,
        },
    },
    observe::Observe,
    outbound::verify::Verifier,
};

/// The process-wide state; a reload swaps the snapshot inside and keeps the rest.
pub struct Gateway {
    /// The configuration in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// The source of time.
    pub clock: Arc<dyn Clock>,
    /// Caches verified tokens across reloads.
    pub verifier: Verifier,
    /// Metrics and audit lines.
    pub observe: Arc<Observe>,
    /// Bounds client connections.
    pub room: Arc<Room>,
    /// Counts what each caller holds: requests, streams, body bytes.
    pub usage: Arc<Usage>,
    /// Counts the open sessions of each caller.
    pub sessions: SessionQuota,
    /// Which caller owns each session that began without a token.
    pub anonymous: AnonymousSessions,
    /// Which caller made each task.
    pub tasks: Tasks,
    /// Which caller's stream held each event.
    pub events: EventOwners,
    /// Keys that seal the session ids and endpoints of upstreams.
    pub session_keys: SessionKeys,
    /// The gateway's name in `Via`: fixed for the process, different in each process.
    pub pseudonym: Box<str>,
    /// The value of the `Via` field with that name.
    pub via: HeaderValue,
    /// Whether this process should get requests, as `/readyz` says.
    pub is_ready: Box<dyn Fn() -> bool + Send + Sync>,
    /// Announces each new snapshot.
    pub reloaded: watch::Sender<()>,
}

impl Gateway {
    /// Takes a new configuration. Requests under way keep the old one; open streams are judged
    /// again.
    pub fn replace(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
        self.reloaded.send_replace(());
    }

    /// Announces each [`Self::replace`].
    #[must_use]
    pub fn reloads(&self) -> watch::Receiver<()> {
        self.reloaded.subscribe()
    }
}

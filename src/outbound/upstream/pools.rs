//! The connection pools of one upstream, and the dialler that fills them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    connect::Connector,
    counts::{Counts, Figures},
    h1::Own,
    h2::StreamSlot,
    idle::IdlePool,
    links::Links,
    outage::Outage,
    settings::UpstreamSettings,
    spare::Spare,
};
use crate::outbound::dial::Dialler;

/// Connections to one upstream.
///
/// An HTTP/1.1 connection carries one request at a time, so there are as many as requests. HTTP/2
/// connections are shared, so there are few.
pub(super) struct Pools {
    pub(super) connect_timeout: Duration,
    pub(super) connector: Arc<Connector>,
    pub(super) outage: Arc<Outage>,
    pub(super) counts: Arc<Counts>,
    pub(super) idle: Arc<IdlePool>,
    pub(super) links: Arc<Links>,
}

/// The connection or stream that carries one request.
pub(super) enum Leg {
    Own(Own),
    Shared(StreamSlot),
}

impl Pools {
    /// Pools without connections. `spare` may close their idle connections.
    pub(super) fn new(settings: &UpstreamSettings, dialler: Dialler, spare: &Arc<Spare>) -> Arc<Self> {
        let (counts, idle) = (Arc::<Counts>::default(), spare.idle_pool());
        let links = Arc::new(Links::new(settings.connections as usize));
        spare.add(&idle, &links);
        let connector = Arc::new(Connector {
            speaks_h2: AtomicBool::new(settings.peer.tls),
            peer: settings.peer.clone(),
            dialler,
            counts: Arc::clone(&counts),
            freed: Arc::clone(&links.freed),
            spare: Arc::clone(spare),
        });
        let outage = Outage::new(settings.server.clone());
        Arc::new(Self { connect_timeout: settings.connect_timeout, connector, outage, counts, idle, links })
    }

    /// Whether the last connection agreed on HTTP/2.
    pub(super) fn speaks_h2(&self) -> bool {
        self.connector.speaks_h2.load(Ordering::Acquire)
    }

    /// The open connections and requests.
    pub(super) fn figures(&self) -> Figures {
        self.counts.figures(self.idle.len())
    }

    /// Closes connections that have been idle for too long.
    pub(super) fn prune(&self) {
        self.idle.prune(Instant::now());
        self.links.prune();
    }
}

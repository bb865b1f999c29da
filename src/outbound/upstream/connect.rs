//! Opens a connection to an upstream, ready for requests: dial, TLS, the HTTP/2 handshake.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::{counts::Counts, h1::Own, h2::Link, spare::Spare};
use crate::{
    base::limits::upstreams::{UPSTREAM_CONNECTION_AGE, UPSTREAM_CONNECTION_AGE_JITTER},
    outbound::{
        address::AddressRule,
        dial::{DialFault, DialFaultKind, Dialler, Peer},
    },
};

/// How many idle connections are closed if there is no descriptor for a new one.
const CLOSED_FOR_A_DIAL: usize = 8;

/// Opens connections.
pub(super) struct Connector {
    pub(super) peer: Peer,
    pub(super) dialler: Dialler,
    pub(super) counts: Arc<Counts>,
    pub(super) freed: Arc<Notify>,
    pub(super) spare: Arc<Spare>,
    /// Whether the last connection agreed on HTTP/2; a guess before the first.
    pub(super) speaks_h2: AtomicBool,
}

/// A new connection.
pub(super) enum Fresh {
    Own(Own),
    Shared(Link),
}

impl Connector {
    /// Opens one connection, ready for requests, within `limit`.
    pub(super) async fn connect(&self, limit: Duration) -> Result<Fresh, DialFault> {
        let deadline = Instant::now() + limit;
        let dialled = self.dialler.dial(&self.peer, AddressRule::Configured, limit).await;
        let stream = dialled.inspect_err(|fault| {
            if fault.kind == DialFaultKind::NoDescriptors {
                // The next attempt finds a free descriptor.
                self.spare.close(CLOSED_FOR_A_DIAL);
            }
        })?;
        let is_h2 = stream.speaks_h2();
        let old_at = Instant::now() + UPSTREAM_CONNECTION_AGE + jitter(UPSTREAM_CONNECTION_AGE_JITTER);
        let fresh = if is_h2 {
            let link = timeout_at(deadline, Link::over(stream, &self.counts, &self.freed, old_at)).await;
            let late = |_| DialFault { kind: DialFaultKind::TlsTimeout, cause: io::ErrorKind::TimedOut.into() };
            link.map_err(late)?.map(Fresh::Shared)?
        } else {
            Own::over(stream, &self.counts, old_at).await.map(Fresh::Own)?
        };
        self.speaks_h2.store(is_h2, Ordering::Release);
        Ok(fresh)
    }
}

/// A random part of `most`.
pub(super) fn jitter(most: Duration) -> Duration {
    let mut part = [0; 4];
    // Without randomness, connections only age together.
    let _ = aws_lc_rs::rand::fill(&mut part);
    most.mul_f64(f64::from(u32::from_ne_bytes(part)) / f64::from(u32::MAX))
}

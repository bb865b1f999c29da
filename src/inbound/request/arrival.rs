//! A request, its connection, and the guard that marks the connection as busy.

use std::{
    mem,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http::HeaderValue;

use crate::{
    base::clock::Now,
    decide::refusal::Refusal,
    inbound::{
        accept::{
            framing::breach::Breach,
            room::{Activity, Seat},
        },
        answer::stall::OnlyAnswer,
        request::drain::UploadDrain,
        state::{gateway::Gateway, server::Snapshot},
    },
};

/// What every step of one request may read.
pub(in crate::inbound) struct Arrival<'a> {
    /// The connection of the request.
    pub(in crate::inbound) connection: &'a Connection,
    /// The configuration, the same from the first step to the last.
    pub(in crate::inbound) snapshot: &'a Snapshot,
    /// When the request arrived.
    pub(in crate::inbound) now: Now,
    /// The address of the client, for limits, audit lines and the upstream.
    pub(in crate::inbound) client: &'a ClientAddress,
}

/// The address of a client.
pub(in crate::inbound) struct ClientAddress {
    /// The address.
    pub(in crate::inbound) address: IpAddr,
    /// The same as a field value.
    pub(in crate::inbound) value: Option<HeaderValue>,
}

impl ClientAddress {
    /// The address, in both forms.
    pub(in crate::inbound) fn new(address: IpAddr) -> Self {
        Self { address, value: HeaderValue::try_from(address.to_string()).ok() }
    }
}

/// What all requests of one connection share.
pub(in crate::inbound) struct Connection {
    /// The gateway.
    pub(in crate::inbound) gateway: Arc<Gateway>,
    /// The address at the other end: of the client, or of a proxy. The PROXY header of a trusted
    /// proxy has replaced its address.
    pub(in crate::inbound) peer: ClientAddress,
    /// The server name (SNI) of the TLS handshake.
    pub(in crate::inbound) server_name: Option<Box<str>>,
    /// The path that answers probes for any `Host`.
    pub(in crate::inbound) health: Option<Arc<str>>,
    /// Records how the client broke HTTP.
    pub(in crate::inbound) breach: Arc<Breach>,
    /// Drains the upload of a refused request.
    pub(in crate::inbound) drain: UploadDrain,
    load: Arc<Load>,
}

/// The requests of one connection, for deciding how long it has been idle.
pub(in crate::inbound) struct Load {
    /// The requests under way.
    pub(in crate::inbound) activity: Arc<Activity>,
    finished: AtomicU64,
    /// The answer under way, on a connection that has one at a time.
    pub(in crate::inbound) answer: OnlyAnswer,
}

/// Marks a connection as busy, from the request's head to the last byte of its answer.
pub(in crate::inbound) struct Busy {
    load: Arc<Load>,
    is_safe: bool,
}

impl Connection {
    /// A connection without requests.
    pub(in crate::inbound) fn new(
        gateway: Arc<Gateway>,
        breach: Arc<Breach>,
        server_name: Option<Box<str>>,
        health: Option<Arc<str>>,
        seat: &Seat,
    ) -> Self {
        let peer = ClientAddress::new(breach.peer());
        let load = Arc::new(Load {
            activity: Arc::clone(seat.activity()),
            finished: AtomicU64::new(0),
            answer: OnlyAnswer::default(),
        });
        Self { gateway, peer, server_name, health, breach, drain: UploadDrain::default(), load }
    }

    /// The requests of this connection.
    pub(in crate::inbound) fn load(&self) -> &Arc<Load> {
        &self.load
    }

    /// Counts a request as under way until the guard is dropped. Its caller is not verified yet, so
    /// the connection may still be closed to make room.
    pub(in crate::inbound) fn busy(&self) -> Busy {
        self.load.activity.begin();
        Busy { load: Arc::clone(&self.load), is_safe: false }
    }
}

impl Load {
    /// The number of finished requests.
    pub(in crate::inbound) fn finished(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }
}

impl Busy {
    /// From now on the connection is not closed to make room: the caller is verified, or the
    /// request holds one of a bounded number of places.
    ///
    /// # Errors
    /// [`Refusal::OverloadedDescriptors`] if the connection is being closed already.
    pub(in crate::inbound) fn secure(&mut self) -> Result<(), Refusal> {
        if mem::replace(&mut self.is_safe, true) || self.load.activity.secure() {
            return Ok(());
        }
        Err(Refusal::OverloadedDescriptors)
    }

    /// Another guard for the same connection, which may be closed to make room.
    pub(in crate::inbound) fn another(&self) -> Self {
        self.load.activity.begin();
        Self { load: Arc::clone(&self.load), is_safe: false }
    }

    /// From now on the connection may be closed to make room: the rest of this request matters less
    /// than the client that waits for a seat.
    pub(in crate::inbound) fn expose(&mut self) {
        if mem::take(&mut self.is_safe) {
            self.load.activity.expose();
        }
    }

    /// The answer under way, on a connection that has one at a time.
    pub(in crate::inbound) fn answer(&self) -> &OnlyAnswer {
        &self.load.answer
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.load.finished.fetch_add(1, Ordering::Relaxed);
        self.load.activity.end(self.is_safe);
    }
}

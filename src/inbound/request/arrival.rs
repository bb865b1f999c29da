//! A request, the connection that it came on, and the guard that marks that connection as busy.

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

/// One request and what surrounds it.
pub(in crate::inbound) struct Arrival<'a> {
    /// The connection that it came on.
    pub(in crate::inbound) connection: &'a Connection,
    /// The configuration for the whole of the request.
    pub(in crate::inbound) snapshot: &'a Snapshot,
    /// When it came.
    pub(in crate::inbound) now: Now,
}

/// What all requests of one connection share.
pub(in crate::inbound) struct Connection {
    /// The gateway.
    pub(in crate::inbound) gateway: Arc<Gateway>,
    /// The address of the client.
    pub(in crate::inbound) peer: IpAddr,
    /// The same as a field value.
    pub(in crate::inbound) peer_value: Option<HeaderValue>,
    /// The server name (SNI) of the TLS handshake.
    pub(in crate::inbound) server_name: Option<Box<str>>,
    /// How the client broke HTTP.
    pub(in crate::inbound) breach: Arc<Breach>,
    /// The upload of a refused request that is being drained.
    pub(in crate::inbound) drain: UploadDrain,
    load: Arc<Load>,
}

/// The requests of one connection, for deciding how long it has been idle.
pub(in crate::inbound) struct Load {
    /// Its requests under way.
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
        seat: &Seat,
    ) -> Self {
        let peer = breach.peer();
        let peer_value = HeaderValue::try_from(peer.to_string()).ok();
        let load = Arc::new(Load {
            activity: Arc::clone(seat.activity()),
            finished: AtomicU64::new(0),
            answer: OnlyAnswer::default(),
        });
        Self { gateway, peer, peer_value, server_name, breach, drain: UploadDrain::default(), load }
    }

    /// Its load.
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
    /// The number of requests that are over.
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

    /// From now on the connection may be closed to make room: what is left to do is not worth a
    /// seat that another client waits for.
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

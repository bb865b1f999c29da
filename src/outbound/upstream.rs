//! Sends a permitted request to the MCP server behind us, over a pooled connection.

use std::{
    fmt::Display,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response,
    header::CONTENT_LENGTH,
    uri::{Authority, PathAndQuery, Scheme},
};
use rustls::pki_types::CertificateDer;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::{
    connect::Connector,
    counts::Counts,
    h1::Own,
    h2::{Slot, Undone},
    outage::Outage,
    shared::Shared,
    spare::Pool,
};
use crate::{
    base::{limits::UPSTREAM_REDIAL_FIRST, names::ServerName},
    decide::policy::evaluate::Permit,
    outbound::{
        Fault,
        dial::{Dialler, Peer},
    },
};

pub use answer::{Answer, BrokeOff};
pub use counts::Figures;
pub use shared::BUSY;
pub use spare::Spare;

mod alone;
mod answer;
mod connect;
mod counts;
mod h1;
mod h2;
mod outage;
mod shared;
mod spare;
#[cfg(test)]
mod tests;

/// One upstream as understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// The server that it is behind, for logs.
    pub server: ServerName,
    /// Whom to dial.
    pub peer: Peer,
    /// What `Host` says: the URL's own authority.
    pub authority: Box<str>,
    /// The request target: the URL's path and query, whatever the client wrote (SPEC F-20).
    pub path_and_query: Box<str>,
    /// A private CA instead of the public ones.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// HTTP/2 connections at once.
    pub connections: u32,
    /// For a free stream, name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// From the request to the response head; never applied to an open stream.
    pub response_timeout: Duration,
}

/// Connections to one upstream.
///
/// Each HTTP/1.1 connection carries one request at a time, and there are as many as requests.
/// HTTP/2 connections are shared, and few.
pub struct Upstream {
    settings: UpstreamSettings,
    connector: Arc<Connector>,
    outage: Arc<Outage>,
    counts: Arc<Counts>,
    host: HeaderValue,
    scheme: Scheme,
    authority: Authority,
    target: PathAndQuery,
    idle: Pool,
    shared: Shared,
}

/// What carries one request.
enum Leg {
    Own(Own),
    Shared(Slot),
}

/// A request on its way.
struct Outgoing {
    method: Method,
    target: PathAndQuery,
    headers: HeaderMap,
    body: Bytes,
}

impl Upstream {
    /// Prepares the pool; the dialler's TLS must offer both protocols by ALPN. Its idle connections
    /// are among those that `spare` closes.
    ///
    /// # Errors
    /// A setting that is no URL part; the configuration checked them already.
    pub fn new(settings: &UpstreamSettings, dialler: Dialler, spare: &Arc<Spare>) -> Result<Arc<Self>, Fault> {
        let bad = |cause: http::Error| Fault::us("upstream settings", cause);
        let counts = Arc::<Counts>::default();
        let shared = Shared::new(settings.connections as usize);
        let upstream = Arc::new(Self {
            connector: Arc::new(Connector {
                peer: settings.peer.clone(),
                dialler,
                counts: Arc::clone(&counts),
                freed: Arc::clone(&shared.freed),
                spare: Arc::clone(spare),
                speaks_h2: AtomicBool::new(settings.peer.tls),
            }),
            outage: Outage::new(settings.server.clone()),
            counts,
            host: HeaderValue::try_from(&*settings.authority).map_err(|cause| bad(cause.into()))?,
            scheme: if settings.peer.tls { Scheme::HTTPS } else { Scheme::HTTP },
            authority: Authority::try_from(&*settings.authority).map_err(|cause| bad(cause.into()))?,
            target: PathAndQuery::try_from(&*settings.path_and_query).map_err(|cause| bad(cause.into()))?,
            idle: Pool::new(Arc::clone(spare)),
            shared,
            settings: settings.clone(),
        });
        spare.add(&upstream);
        Ok(upstream)
    }

    /// What it was made from.
    #[must_use]
    pub fn settings(&self) -> &UpstreamSettings {
        &self.settings
    }

    /// What it carries now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.counts.figures(self.idle.len())
    }

    /// Sends one request and returns the answer's head with its body still to come. The permit is spent: one decision, one request.
    ///
    /// A request is sent again only where not one byte of it was written, and once where the
    /// upstream says that it did nothing with it (SPEC C-57). A connection that is refused is
    /// dialled again until `connect_timeout`.
    ///
    /// # Errors
    /// The upstream's [`Fault`]: `what` is a label of `Why`, `busy`, `timeout` where its head
    /// came too late, or `broken`.
    pub async fn send(
        self: &Arc<Self>,
        permit: Permit,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Answer>, Fault> {
        self.send_to(permit, self.target.clone(), method, headers, body).await
    }

    /// Sends one request to another path of the same origin: one that the upstream itself has named.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_to(
        self: &Arc<Self>,
        permit: Permit,
        target: PathAndQuery,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Answer>, Fault> {
        drop(permit);
        let mut outgoing = Outgoing { method, target, headers, body };
        let mut may_repeat = true;
        // Since when the call waits for a connection; most calls never do.
        let mut arrived = None;
        loop {
            let pooled = self.at_once().await;
            let is_fresh = pooled.is_none();
            let leg = match pooled {
                Some(leg) => leg,
                None => self.in_time(*arrived.get_or_insert_with(Instant::now)).await?,
            };
            let limit = self.settings.response_timeout;
            match leg {
                Leg::Own(own) => match timeout(limit, own.send(outgoing, self.host.clone())).await {
                    Ok(Ok((response, own))) => {
                        return Ok(response.map(|incoming| Answer::alone(incoming, own, Arc::clone(self))));
                    }
                    Ok(Err(Unsent { again: Some(unwritten), fault })) => {
                        if is_fresh {
                            self.pause(arrived, fault).await?;
                        }
                        outgoing = *unwritten;
                    }
                    Ok(Err(Unsent { fault, .. })) => return Err(fault),
                    Err(_) => return Err(no_head(limit)),
                },
                Leg::Shared(slot) => match self.send_shared(slot, &outgoing).await {
                    Ok(answer) => return Ok(answer),
                    Err(Undone::Unsent(fault)) => {
                        if is_fresh {
                            self.pause(arrived, fault).await?;
                        }
                    }
                    Err(Undone::Unprocessed(_)) if may_repeat => (may_repeat, arrived) = (false, None),
                    Err(Undone::Unprocessed(Unsent { fault, .. }) | Undone::Failed(Unsent { fault, .. })) => {
                        return Err(fault);
                    }
                },
            }
        }
    }

    async fn send_shared(&self, mut slot: Slot, outgoing: &Outgoing) -> Result<Response<Answer>, Undone> {
        let limit = self.settings.response_timeout;
        match timeout(limit, slot.send(outgoing, &self.scheme, &self.authority)).await {
            Ok(Ok(response)) => {
                let (head, stream) = response.into_parts();
                let announced = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
                Ok(Response::from_parts(head, Answer::shared(stream, slot, announced)))
            }
            Ok(Err(undone)) => Err(undone),
            Err(_) => {
                // A connection that answers one call too late takes no other.
                slot.retire();
                Err(Undone::Failed(Unsent { fault: no_head(limit), again: None }))
            }
        }
    }

    /// Before a request is offered to another new connection, after one that closed before it took
    /// a byte.
    async fn pause(&self, arrived: Option<Instant>, fault: Fault) -> Result<(), Fault> {
        let deadline = arrived.map(|arrived| arrived + self.settings.connect_timeout);
        match deadline.filter(|deadline| *deadline > Instant::now()) {
            Some(deadline) => {
                let _ = timeout_at(deadline, sleep(UPSTREAM_REDIAL_FIRST)).await;
                Ok(())
            }
            None => Err(fault),
        }
    }

    /// A connection that is open already.
    async fn at_once(self: &Arc<Self>) -> Option<Leg> {
        if self.speaks_h2() { self.shared_at_once().map(Leg::Shared) } else { self.idle_one().await.map(Leg::Own) }
    }

    /// A connection within `connect_timeout` of `arrived`.
    async fn in_time(self: &Arc<Self>, arrived: Instant) -> Result<Leg, Fault> {
        loop {
            let leg = if self.speaks_h2() {
                Box::pin(self.shared_in_time(arrived)).await?
            } else {
                Box::pin(self.own_in_time(arrived)).await?
            };
            if let Some(leg) = leg {
                return Ok(leg);
            }
        }
    }

    fn speaks_h2(&self) -> bool {
        self.connector.speaks_h2.load(Ordering::Acquire)
    }

    /// Closes connections that have been idle for too long; the owner of the pool calls this now and then.
    pub fn prune(&self) {
        self.idle.prune(Instant::now());
        self.shared.prune();
    }
}

fn no_head(limit: Duration) -> Fault {
    Fault::upstream("timeout", format_args!("no response head within {limit:?}"))
}

/// A panic while one of these is held leaves a list of connections, which is sound as it is.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request that got no answer; `again` holds it where not one byte of it was written.
struct Unsent {
    fault: Fault,
    again: Option<Box<Outgoing>>,
}

impl Unsent {
    fn broken(cause: impl Display) -> Self {
        Self { fault: Fault::upstream("broken", cause), again: None }
    }
}

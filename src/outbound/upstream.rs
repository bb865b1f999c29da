//! Sends a permitted request to an upstream MCP server, over a pooled connection.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response,
    header::CONTENT_LENGTH,
    uri::{Authority, PathAndQuery, Scheme},
};
use tokio::time::{Instant, sleep, timeout_at};

use self::{
    h2::{StreamSlot, Undone},
    moved::{Moved, is_absent, is_moved},
    pools::{Leg, Pools},
    request::{Unsent, UpstreamRequest},
    upload_clock::in_time,
};
use crate::{
    base::{
        limits::upstreams::{UPSTREAM_GOING_AWAY_REPEATS, UPSTREAM_REDIAL_FIRST},
        names::PublicUrl,
    },
    decide::{
        fields::query::{self, ClientQuery},
        mcp::answer::server_origin::ServerOrigin,
        pass_through::PassedPath,
        policy::evaluate::Permit,
    },
    outbound::{
        dial::Dialler,
        fault::{Fault, FaultKind},
    },
};

pub use answer::{Answer, BrokeOff};
pub use counts::Figures;
pub use request::{SenderFault, SentBody};
pub use settings::UpstreamSettings;
pub use spare::Spare;

mod alone;
mod answer;
mod body_upload;
mod connect;
mod counts;
mod h1;
mod h2;
mod heard;
mod idle;
mod links;
mod moved;
mod outage;
mod place;
mod pools;
mod request;
mod settings;
mod shared;
mod spare;
#[cfg(test)]
mod tests;
mod upload_clock;

/// One upstream and the connections to it.
pub struct Upstream {
    settings: UpstreamSettings,
    host: HeaderValue,
    scheme: Scheme,
    authority: Authority,
    target: PathAndQuery,
    moved: Moved,
    query: ClientQuery,
    pools: Arc<Pools>,
}

impl Upstream {
    /// Prepares the pool. The dialler's TLS must offer both protocols by ALPN. `told_as` is the
    /// origin of `public_url`, which the upstream is told with each request. `spare` may close its
    /// idle connections.
    ///
    /// # Errors
    /// A setting is not a valid part of a URL. The configuration has checked this already.
    pub fn new(
        settings: &UpstreamSettings,
        dialler: Dialler,
        told_as: Option<&PublicUrl>,
        spare: &Arc<Spare>,
    ) -> Result<Arc<Self>, Fault> {
        let bad = |cause: http::Error| Fault::new(FaultKind::UpstreamSettings, cause);
        Ok(Arc::new(Self {
            host: HeaderValue::try_from(&*settings.authority).map_err(|cause| bad(cause.into()))?,
            scheme: if settings.peer.tls { Scheme::HTTPS } else { Scheme::HTTP },
            authority: Authority::try_from(&*settings.authority).map_err(|cause| bad(cause.into()))?,
            target: PathAndQuery::try_from(&*settings.path_and_query).map_err(|cause| bad(cause.into()))?,
            moved: Moved::new(settings, told_as),
            query: ClientQuery::new(&settings.query, &settings.path_and_query),
            pools: Pools::new(settings, dialler, spare),
            settings: settings.clone(),
        }))
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &UpstreamSettings {
        &self.settings
    }

    /// The value of `Host` that it gets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.as_str()
    }

    /// Whether it was built from these settings and is told this public URL.
    #[must_use]
    pub fn is_for(&self, settings: &UpstreamSettings, told_as: &PublicUrl) -> bool {
        self.settings == *settings && self.moved.is_told(told_as)
    }

    /// Decides what of a client's query it receives.
    #[must_use]
    pub fn query(&self) -> &ClientQuery {
        &self.query
    }

    /// Its open connections and requests.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.pools.figures()
    }

    /// Sends one request, whose URL gets this query of the client, and returns the head of the
    /// answer with a body that is still to come. It consumes the permit: one decision, one request.
    ///
    /// A request is sent again only if no byte of it was written, and once if the upstream says
    /// that it has not processed it (SPEC C-57). A refused connection is dialled again until
    /// `connect_timeout`.
    ///
    /// # Errors
    /// [`FaultKind::Dial`], [`FaultKind::Busy`], [`FaultKind::Timeout`] if the response head came
    /// too late, or [`FaultKind::Broken`].
    pub async fn send(
        &self,
        permit: Permit,
        query: Option<&str>,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Answer>, Fault> {
        drop(permit);
        let base = self.moved.target().unwrap_or_else(|| self.target.clone());
        let is_post = method == Method::POST;
        let outgoing =
            UpstreamRequest { method, target: with_query(&base, query)?, headers, body: SentBody::Whole(body) };
        let mut again = None;
        let answer = self.exchange(outgoing, Some(&mut again)).await?;
        let status = answer.status();
        if !is_moved(status) {
            if is_absent(status) && base != self.target {
                // Perhaps the server was replaced: the next request asks the configured target.
                self.moved.give_up();
            }
            return Ok(if base == self.target { answer } else { answer.map(|body| body.moved_to(base)) });
        }
        // Rare, so its state is on the heap.
        Box::pin(self.follow(answer, base, query, (again, is_post))).await
    }

    /// Sends the request once more, if `answer` moves it from `base` to the path with or without a
    /// final slash. Such an answer says that the request was not processed (RFC 9110 §15.4.8).
    async fn follow(
        &self,
        answer: Response<Answer>,
        base: PathAndQuery,
        query: Option<&str>,
        (again, is_post): (Option<UpstreamRequest>, bool),
    ) -> Result<Response<Answer>, Fault> {
        let Some(moved) = self.moved.leads_to(&base, answer.headers()) else { return Ok(answer) };
        drop(answer);
        let Some(again) = again else {
            // From now on each request is copied, so that it can be sent to the new target. Servers
            // behind one address may differ, and no connection proves anything then.
            self.moved.distrust();
            return Err(Fault::new(FaultKind::Redirect, "a server that answered before redirects now"));
        };
        let again = UpstreamRequest { target: with_query(&moved, query)?, ..again };
        let answer = self.exchange(again, Some(&mut None)).await?;
        // Another method may be redirected where a POST is not. A target that fails is asked only
        // for the request that led to it.
        if is_post && answer.status().is_success() {
            self.moved.remember(&moved, &self.settings);
        }
        Ok(answer.map(|body| body.moved_to(moved)))
    }

    /// Where a redirect leads and why it is not followed, for the log.
    #[must_use]
    pub fn not_followed(&self, headers: &HeaderMap) -> String {
        self.moved.not_followed(&self.target, headers)
    }

    /// Forgets where the upstream has redirected: the configuration was read again.
    pub fn forget_redirect(&self) {
        self.moved.forget();
    }

    /// The names of the upstream in its own URLs; the one in its configured URL comes first.
    #[must_use]
    pub fn names(&self) -> &[ServerOrigin] {
        self.moved.names()
    }

    /// Sends one request to another path of the same origin, which the upstream itself has named.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_to(
        &self,
        permit: Permit,
        target: PathAndQuery,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Answer>, Fault> {
        self.deliver(permit, UpstreamRequest { method, target, headers, body: SentBody::Whole(body) }).await
    }

    /// Sends one request to a path of the client on the same origin, which `paths` permits.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn pass(
        &self,
        permit: Permit,
        path: &PassedPath,
        method: Method,
        headers: HeaderMap,
        body: SentBody,
    ) -> Result<Response<Answer>, Fault> {
        self.deliver(permit, UpstreamRequest { method, target: path.target().clone(), headers, body }).await
    }

    async fn deliver(&self, permit: Permit, outgoing: UpstreamRequest) -> Result<Response<Answer>, Fault> {
        drop(permit);
        self.exchange(outgoing, None).await
    }

    /// Sends one request. `again` gets the same request, if it can be sent again after a redirect
    /// of the MCP endpoint; `None` for a request to another path.
    async fn exchange(
        &self,
        mut outgoing: UpstreamRequest,
        mut again: Option<&mut Option<UpstreamRequest>>,
    ) -> Result<Response<Answer>, Fault> {
        let (epoch, mut repeats) = (self.moved.epoch(), 0);
        // When the call began to wait for a connection; most calls never wait.
        let mut arrived = None;
        let clock = outgoing.body.clock();
        loop {
            let pooled = self.at_once().await;
            let is_fresh = pooled.is_none();
            let leg = match pooled {
                Some(leg) => leg,
                None => self.in_time(*arrived.get_or_insert_with(Instant::now)).await?,
            };
            let limit = self.settings.response_timeout;
            match leg {
                Leg::Own(own) => match in_time(
                    limit,
                    clock.as_deref(),
                    own.send(outgoing, self.host.clone(), again.as_deref_mut().map(|again| (epoch, again))),
                )
                .await
                {
                    Some(Ok((response, own))) => {
                        return Ok(response.map(|incoming| Answer::alone(incoming, own, Arc::clone(&self.pools.idle))));
                    }
                    Some(Err(Unsent { again: Some(unwritten), fault })) => {
                        if is_fresh {
                            self.pause(arrived, fault).await?;
                        }
                        outgoing = *unwritten;
                    }
                    Some(Err(Unsent { fault, .. })) => return Err(fault),
                    None => return Err(no_head(limit)),
                },
                Leg::Shared(slot) => match self.send_shared(slot, &mut outgoing).await {
                    Ok(answer) => {
                        if let Some(again) = again {
                            *again = Some(outgoing);
                        }
                        return Ok(answer);
                    }
                    Err(Undone::Unsent(fault)) => {
                        if is_fresh {
                            self.pause(arrived, fault).await?;
                        }
                    }
                    Err(Undone::Unprocessed { is_going_away, .. }) if repeats < repeats_max(is_going_away) => {
                        (repeats, arrived) = (repeats + 1, None);
                    }
                    Err(
                        Undone::Unprocessed { unsent: Unsent { fault, .. }, .. } | Undone::Failed(Unsent { fault, .. }),
                    ) => {
                        return Err(fault);
                    }
                },
            }
        }
    }

    async fn send_shared(
        &self,
        mut slot: StreamSlot,
        outgoing: &mut UpstreamRequest,
    ) -> Result<Response<Answer>, Undone> {
        let limit = self.settings.response_timeout;
        let clock = outgoing.body.clock();
        match in_time(limit, clock.as_deref(), slot.send(outgoing, &self.scheme, &self.authority)).await {
            Some(Ok((response, upload))) => {
                let (head, stream) = response.into_parts();
                let announced = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
                Ok(Response::from_parts(head, Answer::shared(stream, slot, announced, upload)))
            }
            Some(Err(undone)) => Err(undone),
            None => {
                // A connection that answers one call too late gets no other call.
                slot.retire();
                Err(Undone::Failed(Unsent { fault: no_head(limit), again: None }))
            }
        }
    }

    /// Waits before a request is tried on another new connection, after a connection closed without
    /// taking a byte.
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

    /// Takes an open connection.
    async fn at_once(&self) -> Option<Leg> {
        if self.pools.speaks_h2() {
            self.pools.shared_at_once().map(Leg::Shared)
        } else {
            self.pools.idle.take().await.map(Leg::Own)
        }
    }

    /// Finds a connection within `connect_timeout` of `arrived`.
    async fn in_time(&self, arrived: Instant) -> Result<Leg, Fault> {
        loop {
            let leg = if self.pools.speaks_h2() {
                Box::pin(self.pools.shared_in_time(arrived)).await?
            } else {
                Box::pin(self.pools.own_in_time(arrived)).await?
            };
            if let Some(leg) = leg {
                return Ok(leg);
            }
        }
    }

    /// Closes connections that have been idle for too long. The owner of the pool calls this from
    /// time to time.
    pub fn prune(&self) {
        self.pools.prune();
    }
}

fn with_query(target: &PathAndQuery, query: Option<&str>) -> Result<PathAndQuery, Fault> {
    let Some(query) = query else { return Ok(target.clone()) };
    query::appended(target, query)
        .map_err(|_| Fault::new(FaultKind::UpstreamSettings, "URL and query are too long together"))
}

/// How often a request is sent again that the upstream says it did not process. Each connection of
/// a server that restarts, or that limits the requests on one connection, may be going away.
fn repeats_max(is_going_away: bool) -> u32 {
    if is_going_away { UPSTREAM_GOING_AWAY_REPEATS } else { 1 }
}

fn no_head(limit: Duration) -> Fault {
    Fault::new(FaultKind::Timeout, format_args!("no response head within {limit:?}"))
}

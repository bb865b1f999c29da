//! All that a request may need, built whole and swapped whole.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use tokio::sync::watch;

use crate::{
    authorization_server::embedded::Embedded,
    base::{clock::Clock, names::Resource},
    decide::{
        mcp::list::Hide, oauth::challenge::Challenges, origin::Sites, policy::rule::Policy, route::Routes,
        session::SessionKeys, token::claims::Caller,
    },
    inbound::{
        accept::room::Room,
        state::{events::Origins, sessions::Begun, tasks::Tasks, usage::Usage},
    },
    observe::{Observe, metrics::ServerSeries},
    outbound::{
        credential::{Credential, IdentityHeader},
        discover::Discovery,
        keys::IssuerKeys,
        upstream::Upstream,
        verify::Verifier,
    },
};

/// What lives as long as the process; the snapshot inside is swapped by a reload.
pub struct Gateway {
    /// The configuration in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Remembers proved tokens across reloads.
    pub verifier: Verifier,
    /// Counters and audit lines.
    pub observe: Arc<Observe>,
    /// Room for client connections.
    pub room: Arc<Room>,
    /// What each caller holds: requests, streams, bodies.
    pub usage: Arc<Usage>,
    /// The sessions that each caller has begun.
    pub begun: Begun,
    /// Whose task is whose.
    pub tasks: Tasks,
    /// Whose event is whose.
    pub origins: Origins,
    /// Seal what upstreams hand out.
    pub session_keys: SessionKeys,
    /// Our name in `Via`: fixed for the process, different in each.
    pub pseudonym: Box<str>,
    /// The line that we add to `Via`, with that name in it.
    pub via: HeaderValue,
    /// Told of each new snapshot.
    pub reloaded: watch::Sender<()>,
}

impl Gateway {
    /// Takes a new configuration; requests under way keep theirs, open streams are judged anew.
    pub fn replace(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
        self.reloaded.send_replace(());
    }

    /// Tells of each [`Self::replace`].
    #[must_use]
    pub fn reloads(&self) -> watch::Receiver<()> {
        self.reloaded.subscribe()
    }
}

/// The configuration in force.
pub struct Snapshot {
    /// Bounds of what all callers together may hold.
    pub limits: TotalLimits,
    /// Names that are ours.
    pub sites: Sites,
    /// Paths.
    pub routes: Routes,
    /// Servers, indexed as in `routes`.
    pub servers: Vec<Arc<Server>>,
    /// Embedded authorization servers, indexed as in `routes`.
    pub embedded: Vec<Arc<Embedded>>,
}

impl Snapshot {
    /// What `before` is now: the server of its name that is reached by its transport.
    pub(in crate::inbound) fn successor(&self, before: &Server) -> Option<&Arc<Server>> {
        let is_same = |now: &&Arc<Server>| now.series.name == before.series.name && now.transport == before.transport;
        self.servers.iter().find(is_same)
    }
}

/// One server, ready to serve.
pub struct Server {
    /// Its name and its counters.
    pub series: Arc<ServerSeries>,
    /// By which of the protocol's HTTP transports it is reached. Two servers of one name differ in this.
    pub transport: Transport,
    /// Its resource identifier.
    pub resource: Resource,
    /// Browser origins that may call it.
    pub sites: Sites,
    /// The public host and scheme, told to the upstream.
    pub public: PublicFace,
    /// Accepted in `aud` besides the resource.
    pub audiences: Vec<Box<str>>,
    /// Whose tokens it takes, preferred first.
    pub issuers: Vec<Arc<IssuerKeys>>,
    /// The metadata that it mirrors: its first issuer's.
    pub mirror: Mirror,
    /// Its rules.
    pub policy: Policy,
    /// Its challenges.
    pub challenges: Challenges,
    /// Its RFC 9728 document.
    pub metadata: Document,
    /// Where its requests go.
    pub upstream: Arc<Upstream>,
    /// What the upstream gets in place of the token.
    pub credential: Credential,
    /// Claims that the upstream gets as headers.
    pub identity_headers: Vec<IdentityHeader>,
    /// Their names, and that of the upstream's own credential: removed from what comes in.
    pub identity_names: Vec<HeaderName>,
    /// What only a proxy could say, and the operator lets clients say.
    pub passed_headers: Vec<HeaderName>,
    /// Bounds.
    pub limits: ServerLimits,
    /// What lists leave out.
    pub hide: Hide,
    /// Whether a batch of 2025-03-26 is read.
    pub batches: bool,
    /// After this time of silence an event stream gets a comment.
    pub stream_keep_alive: Option<Duration>,
    /// Whether a refused `tools/call` is answered with a result that says so, instead of a 403.
    pub deny_as_tool_error: bool,
}

/// Where the metadata of a server's first issuer is.
pub enum Mirror {
    /// At the issuer.
    Elsewhere(Arc<Discovery>),
    /// The issuer is one of our own.
    Inside(Arc<Embedded>),
}

/// A transport of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP, of 2025-03-26 and later.
    Streamable,
    /// HTTP with SSE, of 2024-11-05: one stream for all that the server says, and a path that messages are sent to.
    Sse {
        /// The public path for messages.
        messages: Box<str>,
    },
}

/// How clients reach us, as header values (P5).
pub struct PublicFace {
    /// Host and port of `public_url`.
    pub host: HeaderValue,
    /// Its scheme.
    pub scheme: HeaderValue,
}

/// A document that is made once.
pub struct Document {
    /// Its bytes.
    pub body: Bytes,
    /// Its strong validator.
    pub etag: HeaderValue,
}

/// Bounds of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Bytes of a request body.
    pub request_body: u64,
    /// JSON nesting.
    pub json_depth: u32,
    /// Open answer streams of one caller.
    pub streams_per_caller: u32,
    /// Sessions that one caller may have begun and not ended.
    pub sessions_per_caller: u32,
    /// HTTP/2 connections to the upstream.
    pub upstream_connections: u32,
    /// Requests that one caller may have under way.
    pub requests_per_caller: u32,
    /// Bytes of request bodies of one caller that are held.
    pub body_bytes_per_caller: u64,
}

/// Bounds of what all callers at all servers may hold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalLimits {
    /// Requests under way; streams do not count once they have begun.
    pub requests: u32,
    /// Bytes of request bodies.
    pub body_bytes: u64,
    /// Requests under way to embedded authorization servers, whose callers are not known.
    pub unproved: u32,
    /// Open answer streams of one caller, whatever the server allows.
    pub streams_of_caller: u32,
}

impl Server {
    /// Who issued the caller's token.
    #[must_use]
    pub fn issuer_of(&self, caller: &Caller) -> Option<&Arc<IssuerKeys>> {
        self.issuers.iter().find(|issuer| issuer.rules().name == *caller.authorization_server())
    }

    /// How far the clocks of the caller's issuer and ours may be apart.
    #[must_use]
    pub fn skew(&self, caller: &Caller) -> Duration {
        self.issuer_of(caller).map_or(Duration::ZERO, |issuer| issuer.rules().clock_skew)
    }
}

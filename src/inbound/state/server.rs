//! The snapshot of a configuration: servers with their rules, documents, limits and upstreams.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::{
    authorization_server::embedded::Embedded,
    base::{
        address_range::AddressRange,
        clock::Now,
        limits::heads::HeadBounds,
        names::{Issuer, Resource},
    },
    decide::{
        fields::origin::Sites,
        mcp::{answer::lists::Hide, denial::DenyAs},
        pass_through::PathTable,
        policy::rule::Policy,
        refusal::Refusal,
        resource_server::challenge::Challenges,
        routing::{Ending, Routes},
        token::{api_key::ApiKeys, caller::Caller, judged::judged_again, presented::Presented},
    },
    inbound::state::documents::Documents,
    observe::metrics::ServerSeries,
    outbound::{
        credential::{Credential, IdentityHeader},
        discover::Discovery,
        keys::IssuerKeys,
        upstream::Upstream,
        verify::{Trusted, Verifier},
    },
};

/// All that a request may need from the configuration. A reload swaps it whole.
pub struct Snapshot {
    /// Bounds for all callers together.
    pub limits: TotalLimits,
    /// Bounds on the head of a request: room for the longest token that a server accepts.
    pub heads: HeadBounds,
    /// Proxies that name the client of a request or a connection.
    pub trusted_proxies: Arc<[AddressRange]>,
    /// The host names of the gateway.
    pub sites: Sites,
    /// The paths that the gateway answers.
    pub routes: Routes,
    /// Servers, indexed as in `routes`.
    pub servers: Vec<Arc<Server>>,
    /// Embedded authorization servers, indexed as in `routes`.
    pub embedded: Vec<Arc<Embedded>>,
    /// The operator's documents.
    pub documents: Documents,
    /// The paths that pass through to a server, indexed as in `servers`.
    pub paths: PathTable,
}

impl Snapshot {
    /// The server in this snapshot that has the name and transport of `before`.
    pub(in crate::inbound) fn successor(&self, before: &Server) -> Option<&Arc<Server>> {
        let is_same = |now: &&Arc<Server>| now.series.name == before.series.name && now.transport == before.transport;
        self.servers.iter().find(is_same)
    }
}

/// One server, ready to serve.
pub struct Server {
    /// Its name and its counters.
    pub series: Arc<ServerSeries>,
    /// Its MCP transport. A server with `legacy_sse` is two servers with one name and two
    /// transports.
    pub transport: Transport,
    /// Its resource identifier.
    pub resource: Resource,
    /// The browser origins that may call it.
    pub sites: Sites,
    /// The public host and scheme, sent to the upstream.
    pub public: PublicFace,
    /// Values that `aud` may hold instead of the resource.
    pub audiences: Vec<Box<str>>,
    /// The issuers whose tokens it accepts, preferred first; empty if it takes API keys alone.
    pub issuers: Vec<Arc<IssuerKeys>>,
    /// The names of all issuers of the configuration, those of other servers too.
    pub known_issuers: Arc<[Issuer]>,
    /// The API keys of the configuration; each names the servers that take it.
    pub api_keys: Arc<ApiKeys>,
    /// The metadata of its first issuer, which it mirrors.
    pub mirror: Mirror,
    /// Its rules.
    pub policy: Policy,
    /// Where each rule is written: `gateway.yaml:41:9`.
    pub rule_places: Box<[Box<str>]>,
    /// What clients learn that ask at its path as configured.
    pub published: PublishedAt,
    /// What clients learn that ask with the other [`Ending`] of its path.
    pub published_otherwise: PublishedAt,
    /// The MCP server that its requests go to.
    pub upstream: Arc<Upstream>,
    /// The credential that the upstream gets instead of the caller's token.
    pub credential: Credential,
    /// Claims that the upstream gets as header fields.
    pub identity_headers: Vec<IdentityHeader>,
    /// The names of these header fields and of the upstream's credential: removed from client
    /// requests.
    pub identity_names: Vec<HeaderName>,
    /// Proxy header fields that the operator lets clients send.
    pub passed_headers: Vec<HeaderName>,
    /// Bounds for this server.
    pub limits: ServerLimits,
    /// Which items are hidden in lists.
    pub hide: Hide,
    /// Whether lists say which scopes each tool needs (`securitySchemes`).
    pub advertise_scopes: bool,
    /// Whether it accepts the batches of 2025-03-26.
    pub batches: bool,
    /// After this time of silence an event stream gets a comment.
    pub stream_keep_alive: Option<Duration>,
    /// How a refused `tools/call` is answered.
    pub deny_as: DenyAs,
}

/// The same caller by the changed settings of `issuer`; `verified_by` are the earlier ones.
fn judged_under(issuer: &IssuerKeys, verified_by: &IssuerKeys, caller: &Caller, now: Now) -> Option<Caller> {
    // If the issuer now introspects, an opaque token is soon introspected again.
    let is_known = match caller.introspected() {
        Some(_) => issuer.introspector().is_some(),
        None => issuer.signs() && issuer.has_keys_of(verified_by),
    };
    let again = judged_again(caller, issuer.rules(), now).ok().filter(|_| is_known)?;
    let has_less = caller.scopes().iter().any(|scope| !again.scopes().contains(scope));
    (again.principal() == caller.principal() && !has_less).then_some(again)
}

/// Where to get the metadata of a server's first issuer.
pub enum Mirror {
    /// At the issuer.
    Elsewhere(Arc<Discovery>),
    /// At the embedded authorization server.
    Inside(Arc<Embedded>),
    /// It has no issuer, and no route leads to its metadata.
    Nothing,
}

impl Mirror {
    /// Where the metadata of `issuer` is, which may be one of the `embedded` servers.
    #[must_use]
    pub fn of(issuer: &IssuerKeys, embedded: &[Arc<Embedded>]) -> Self {
        match embedded.iter().find(|embedded| embedded.settings.name == issuer.rules().name) {
            Some(embedded) => Self::Inside(Arc::clone(embedded)),
            None => Self::Elsewhere(Arc::clone(issuer.discovery())),
        }
    }
}

/// An MCP transport over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP, of 2025-03-26 and later.
    Streamable,
    /// HTTP with SSE, of 2024-11-05: one event stream from the server, one path for messages to it.
    Sse {
        /// The public path for messages.
        messages: Box<str>,
    },
}

/// The public host and scheme of a server, as header values (P5).
pub struct PublicFace {
    /// Host and port of `public_url`.
    pub host: HeaderValue,
    /// Its scheme.
    pub scheme: HeaderValue,
}

/// What clients learn from one spelling of a server's path. They compare it with the URL that they
/// asked (RFC 9728 §3.3).
#[derive(Clone)]
pub struct PublishedAt {
    /// The `WWW-Authenticate` challenges, which name the document.
    pub challenges: Challenges,
    /// The protected resource metadata (RFC 9728).
    pub metadata: MetadataDocument,
}

/// A metadata document, rendered once.
#[derive(Clone)]
pub struct MetadataDocument {
    /// Its bytes.
    pub body: Bytes,
    /// Its strong entity tag.
    pub etag: HeaderValue,
}

/// Bounds of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Bytes of a request body.
    pub request_body: u64,
    /// Bytes of an access token.
    pub token: u64,
    /// Levels of JSON nesting.
    pub json_depth: u32,
    /// Open event streams of one caller.
    pub streams_per_caller: u32,
    /// Open sessions of one caller.
    pub sessions_per_caller: u32,
    /// HTTP/2 connections to the upstream.
    pub upstream_connections: u32,
    /// Requests under way of one caller.
    pub requests_per_caller: u32,
    /// Bytes held in request bodies of one caller.
    pub body_bytes_per_caller: u64,
}

/// Bounds of what all callers hold together at all servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalLimits {
    /// Requests under way; an event stream no longer counts once it has begun.
    pub requests: u32,
    /// Bytes of request bodies.
    pub body_bytes: u64,
    /// Requests under way to embedded authorization servers, whose callers are not verified.
    pub unverified: u32,
    /// Open event streams of one caller at one server, even if that server's own limit is higher.
    pub streams_of_caller: u32,
}

impl Server {
    /// What clients learn that ask at this spelling of the path.
    #[must_use]
    pub fn published(&self, ending: Ending) -> &PublishedAt {
        match ending {
            Ending::Configured => &self.published,
            Ending::Other => &self.published_otherwise,
        }
    }

    /// Steps 2 and 3 of the gate, after the credential was found: who presents it, if it is genuine
    /// and for this server. `peer` is the client's address, if there is one.
    ///
    /// An API key is told by its prefix, before anything else is looked at: it is never sent to an
    /// issuer.
    ///
    /// # Errors
    /// [`Refusal::Token`], [`Refusal::KeysUnavailable`] or [`Refusal::IntrospectionUnavailable`].
    pub async fn verify(
        &self,
        verifier: &Verifier,
        presented: Presented<'_>,
        peer: Option<IpAddr>,
        now: Now,
    ) -> Result<Arc<Caller>, Refusal> {
        if presented.is_api_key() {
            return self.api_keys.verify(presented, &self.series.name, now);
        }
        let trusted = Trusted { issuers: &self.issuers, known: &self.known_issuers };
        let caller = verifier.verify(presented, trusted, peer, now).await?;
        caller.is_for(&self.resource, &self.audiences)?;
        Ok(caller)
    }

    /// The caller as it is now, if this server would still accept the credential of `caller`, which
    /// the server `before` of an earlier configuration accepted.
    ///
    /// Where the settings of the issuer have changed, the token is judged anew: another claim may
    /// be required now, or its client may have been removed (P7). It is not accepted here if its
    /// keys now come from another place, or if it would now be another caller or one with less
    /// scope; but the client may present it again.
    #[must_use]
    pub fn still_trusts(&self, before: &Self, caller: &Arc<Caller>, now: Now) -> Option<Arc<Caller>> {
        if caller.has_api_key() {
            return self.api_keys.still_hold(caller, &self.series.name).then(|| Arc::clone(caller));
        }
        let named = caller.claims().get("iss").and_then(Value::as_str).unwrap_or(caller.issuer().as_str());
        let is_named = |issuer: &&Arc<IssuerKeys>| issuer.rules().issuers.iter().any(|one| one.as_str() == named);
        let (issuer, verified_by) = (self.issuers.iter().find(is_named)?, before.issuer_of(caller)?);
        let caller = if issuer.id() == verified_by.id() {
            Arc::clone(caller)
        } else {
            Arc::new(judged_under(issuer, verified_by, caller, now)?)
        };
        caller.is_for(&self.resource, &self.audiences).is_ok().then_some(caller)
    }

    /// The issuer of the caller's token.
    #[must_use]
    pub fn issuer_of(&self, caller: &Caller) -> Option<&Arc<IssuerKeys>> {
        self.issuers.iter().find(|issuer| issuer.rules().name == *caller.authorization_server())
    }

    /// The clock skew that is allowed for the caller's issuer.
    #[must_use]
    pub fn skew(&self, caller: &Caller) -> Duration {
        self.issuer_of(caller).map_or(Duration::ZERO, |issuer| issuer.rules().clock_skew)
    }
}

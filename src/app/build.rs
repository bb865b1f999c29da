//! Builds a snapshot from settings; a reload keeps unchanged keys, metadata and connections.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use rustls::ClientConfig;

use crate::{
    app::{asking, beside, descriptors, forward_proxy::forward_proxies, route_words::in_words},
    authorization_server::{
        embedded::{Embedded, State},
        settings::EmbeddedSettings,
    },
    base::{
        clock::Clock,
        names::{Issuer, PublicUrl},
    },
    config::{LegacySse, ServerSettings, Settings},
    decide::{
        fields::origin::Sites,
        mcp::denial::DenyAs,
        pass_through::PathTable,
        resource_server::{
            challenge::Challenges,
            resource_metadata::{ResourceMetadata, etag, published_order},
        },
        routing::{RouteEntry, Routes, messages_path, other_ending},
        token::api_key::ApiKeys,
    },
    inbound::{
        accept::room::ConnectionBounds,
        state::server::{MetadataDocument, Mirror, PublicFace, PublishedAt, Server, Snapshot, Transport},
    },
    observe::Observe,
    outbound::{
        credential::Credential,
        dial::Dialler,
        fault::Fault,
        fetch::{Fetch, Roots, client_tls, private_tls, public_tls},
        keys::{IssuerKeys, IssuerSettings, LocalKeys},
        resolve::Resolver,
        upstream::{Spare, Upstream, UpstreamSettings},
    },
};

/// Builds snapshots; holds what all of them share.
pub struct Builder {
    observe: Arc<Observe>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) fetch: Fetch,
    roots: Roots,
    public_tls: Arc<ClientConfig>,
    resolver: Arc<Resolver>,
    /// Idle connections to all upstreams.
    pub spare: Arc<Spare>,
}

/// The parts that outlive a snapshot, so that a reload loses neither keys nor connections.
#[derive(Default)]
pub struct BuiltParts {
    /// Issuers, in the order of the settings.
    pub issuers: Vec<Arc<IssuerKeys>>,
    /// Upstreams, in the order of the snapshot's servers.
    pub upstreams: Vec<Arc<Upstream>>,
    /// The embedded authorization servers, in the order of the settings.
    pub states: Vec<EmbeddedParts>,
}

/// The parts of an embedded authorization server. They stay for as long as the settings continue
/// it ([`EmbeddedSettings::continues`]).
#[derive(Clone)]
pub struct EmbeddedParts {
    /// Its settings in the configuration in force.
    pub settings: EmbeddedSettings,
    /// The keys with which the gateway verifies its tokens.
    pub issuer: Arc<IssuerKeys>,
    /// Its state.
    pub state: Arc<State>,
}

impl BuiltParts {
    /// Tells what outlives a reload that the settings of these parts are in force.
    pub fn follow(&self) {
        for kept in &self.states {
            kept.state.follow(&kept.settings);
        }
    }

    /// Why stores that were not among the parts `before` must not be used, one sentence each.
    pub async fn refused_stores(&self, before: &Self) -> Vec<String> {
        let mut refused = Vec::new();
        for kept in &self.states {
            let is_new = !before.states.iter().any(|one| Arc::ptr_eq(&one.state, &kept.state));
            if is_new && let Some(why) = kept.state.refusal().await {
                refused.push(format!("authorization_servers.{}.embedded.{why}", kept.settings.name));
            }
        }
        refused
    }
}

impl Builder {
    /// Reads the trust roots (built in, `SSL_CERT_FILE`, `SSL_CERT_DIR`) and the forward proxies.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(observe: Arc<Observe>, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let roots = asking::trust_roots()?;
        let resolver = Resolver::system();
        let dialler = Dialler { tls: client_tls(roots.clone(), false), resolver: Arc::clone(&resolver) };
        let fetch = Fetch::new(dialler).through(forward_proxies()?);
        let public_tls = client_tls(roots.clone(), true);
        Ok(Self { observe, clock, fetch, public_tls, roots, resolver, spare: Arc::default() })
    }

    /// The trust roots.
    pub(super) fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Builds the snapshot that `settings` describe; `before` are the parts of the previous one.
    ///
    /// # Errors
    /// What cannot be built, one sentence each. The configuration was checked before, so these are
    /// rare.
    pub fn build(&self, settings: &Settings, before: &BuiltParts) -> Result<(Snapshot, BuiltParts), Vec<String>> {
        let endpoints = endpoints(&settings.servers);
        let upstreams = each(&endpoints, |endpoint| self.upstream(endpoint.upstream, &settings.public_url, before))?;
        let states = self.states(settings, before)?;
        let issuers = settings.authorization_servers.iter().map(|issuer| self.issuer(issuer, before, &states));
        let parts = BuiltParts { issuers: issuers.collect(), upstreams, states };
        let embedded: Vec<Arc<Embedded>> = (settings.embedded.iter().zip(&parts.states))
            .map(|(settings, kept)| Arc::new(Embedded { settings: settings.clone(), state: Arc::clone(&kept.state) }))
            .collect();
        let entries: Vec<RouteEntry<'_>> = endpoints.iter().map(ServerEndpoint::route).collect();
        let issuers: Vec<&str> = settings.embedded.iter().map(|embedded| &*embedded.path).collect();
        let mut routes = Routes::new(&entries, &issuers).map_err(|fault| {
            vec![in_words(&fault, settings, |index| endpoints.get(index).map(|one| &*one.server.name))]
        })?;
        for (index, _) in endpoints.iter().enumerate().filter(|(_, one)| one.server.authorization_servers.is_empty()) {
            routes.remove_documents(index);
        }
        let shared = SharedParts {
            settings,
            issuers: &parts.issuers,
            embedded: &embedded,
            known_issuers: parts.issuers.iter().flat_map(|issuer| issuer.rules().issuers.iter().cloned()).collect(),
            api_keys: Arc::new(ApiKeys::new(&settings.api_keys)),
        };
        let sites = Sites::new::<&str>(settings.public_url.origin(), &[])
            .map_err(|fault| vec![format!("public_url: {fault}")])?
            .with_hosts(&settings.hosts);
        let mut upstreams = parts.upstreams.iter();
        let servers = each(&endpoints, |endpoint| {
            let upstream = upstreams.next().ok_or_else(|| "no upstream".to_owned())?;
            self.server(&shared, endpoint, upstream).map(Arc::new)
        })?;
        // Without the limit on open files, which the caller applies.
        let limits = descriptors::totals(settings.limits, ConnectionBounds::NONE);
        let trusted_proxies = settings.trusted_proxies.as_slice().into();
        let documents = beside::documents(&settings.documents);
        let paths = PathTable::new(settings.servers.iter().map(|server| &*server.paths));
        let heads = settings.head_bounds();
        Ok((Snapshot { limits, heads, trusted_proxies, sites, routes, servers, embedded, documents, paths }, parts))
    }

    /// The embedded authorization servers. Where the settings continue an earlier server, its
    /// parts stay; otherwise new parts are built.
    fn states(&self, settings: &Settings, before: &BuiltParts) -> Result<Vec<EmbeddedParts>, Vec<String>> {
        let (mut states, mut wrong) = (Vec::new(), Vec::new());
        for embedded in &settings.embedded {
            let same = before.states.iter().find(|kept| embedded.continues(&kept.settings));
            let issuer = settings.authorization_servers.iter().find(|issuer| issuer.rules.name == embedded.name);
            let kept = match (same, issuer) {
                (Some(kept), _) => Ok(EmbeddedParts { settings: embedded.clone(), ..kept.clone() }),
                (None, Some(issuer)) => self.begin(embedded, issuer),
                (None, None) => Err(": not among the authorization servers".to_owned()),
            };
            match kept {
                Ok(kept) => states.push(kept),
                Err(why) => wrong.push(format!("authorization_servers.{}.embedded{why}", embedded.name)),
            }
        }
        if wrong.is_empty() { Ok(states) } else { Err(wrong) }
    }

    /// A new embedded authorization server. It publishes its keys to the gateway in memory.
    fn begin(&self, settings: &EmbeddedSettings, issuer: &IssuerSettings) -> Result<EmbeddedParts, String> {
        let local: Arc<LocalKeys> = Arc::default();
        let clock = Arc::clone(&self.clock);
        let state =
            State::new(settings, self.fetch.clone(), self.roots.clone(), Arc::clone(&clock), Arc::clone(&local))?;
        let issuer = IssuerKeys::embedded(issuer.clone(), local, &self.fetch, clock);
        Ok(EmbeddedParts { settings: settings.clone(), issuer, state })
    }

    fn issuer(&self, settings: &IssuerSettings, before: &BuiltParts, states: &[EmbeddedParts]) -> Arc<IssuerKeys> {
        let embedded = states.iter().map(|kept| &kept.issuer);
        let same = embedded.chain(&before.issuers).find(|issuer| issuer.settings() == settings);
        let (fetch, clock) = (&self.fetch, &self.clock);
        same.map_or_else(|| IssuerKeys::after(settings.clone(), &before.issuers, fetch, Arc::clone(clock)), Arc::clone)
    }

    fn upstream(
        &self,
        settings: &UpstreamSettings,
        told_as: &PublicUrl,
        before: &BuiltParts,
    ) -> Result<Arc<Upstream>, String> {
        if let Some(same) = before.upstreams.iter().find(|upstream| upstream.is_for(settings, told_as)) {
            same.forget_redirect();
            return Ok(Arc::clone(same));
        }
        let wrong = |fault: Fault| format!("upstream.tls: {fault}");
        let tls = match (&settings.ca, &settings.client_certificate) {
            (None, None) => Arc::clone(&self.public_tls),
            (Some(ca), own) => private_tls(ca, own.as_ref(), true).map_err(wrong)?,
            (None, Some(own)) => public_tls(self.roots.clone(), own, true).map_err(wrong)?,
        };
        Upstream::new(settings, Dialler { tls, resolver: Arc::clone(&self.resolver) }, Some(told_as), &self.spare)
            .map_err(|fault| fault.to_string())
    }

    fn server(
        &self,
        shared: &SharedParts<'_>,
        endpoint: &ServerEndpoint<'_>,
        upstream: &Arc<Upstream>,
    ) -> Result<Server, String> {
        let (server, public_url) = (endpoint.server, &shared.settings.public_url);
        let issuers: Vec<Arc<IssuerKeys>> = server
            .authorization_servers
            .iter()
            .filter_map(|index| shared.issuers.get(*index))
            .map(Arc::clone)
            .collect();
        let preferred = issuers.first();
        let published = published(shared.settings, server, &issuers, endpoint.path)?;
        let other = other_ending(endpoint.path).unwrap_or(endpoint.path.into());
        let published_otherwise = self::published(shared.settings, server, &issuers, &other)?;
        let origins: Vec<&str> = server.allowed_origins.iter().filter_map(|origin| origin.to_str().ok()).collect();
        let authority = public_url.origin().split_once("://").map_or("", |(_, authority)| authority);
        Ok(Server {
            series: self.observe.metrics.series(&server.name),
            transport: match endpoint.legacy {
                false => Transport::Streamable,
                true => Transport::Sse { messages: messages_path(endpoint.path).into() },
            },
            mirror: preferred.map_or(Mirror::Nothing, |preferred| Mirror::of(preferred, shared.embedded)),
            published,
            published_otherwise,
            sites: Sites::new(public_url.origin(), &origins)
                .map_err(|fault| format!("servers.{}.{fault}", server.name))?,
            public: PublicFace {
                host: HeaderValue::try_from(authority)
                    .map_err(|_| "public_url cannot be sent as a header".to_owned())?,
                scheme: HeaderValue::from_static(if public_url.is_https() { "https" } else { "http" }),
            },
            resource: public_url.resource(endpoint.path),
            // Both endpoints of a server have the same targets and rules: a token for one is valid
            // at the other.
            audiences: server
                .audiences
                .iter()
                .cloned()
                .chain(endpoint.other.into_iter().flat_map(|path| both_endings(public_url, path)))
                .collect(),
            issuers,
            known_issuers: Arc::clone(&shared.known_issuers),
            api_keys: Arc::clone(&shared.api_keys),
            policy: server.policy.clone(),
            rule_places: server.rule_places.0.clone().into(),
            upstream: Arc::clone(upstream),
            credential: server.credential.clone(),
            identity_names: reserved(server),
            passed_headers: server.pass_headers.clone(),
            identity_headers: server.identity_headers.clone(),
            limits: server.limits,
            hide: server.hide,
            advertise_scopes: server.advertise_scopes,
            batches: server.batches,
            stream_keep_alive: server.stream_keep_alive,
            // Answers come on the stream; no client reads a result in the answer to a message.
            deny_as: if endpoint.legacy { DenyAs::Challenge } else { server.deny_as },
        })
    }
}

/// What clients learn at this spelling of a server's path.
fn published(
    settings: &Settings,
    server: &ServerSettings,
    issuers: &[Arc<IssuerKeys>],
    path: &str,
) -> Result<PublishedAt, String> {
    let issuers: Vec<Issuer> = issuers.iter().filter_map(|issuer| issuer.rules().issuers.first()).cloned().collect();
    let first_scope = server.first_challenge.as_deref().unwrap_or_default();
    let scopes_supported = published_order(&server.scopes_supported, first_scope);
    let document = ResourceMetadata {
        resource: &settings.public_url.resource(path),
        authorization_servers: &issuers,
        scopes_supported: &scopes_supported,
        name: &server.name,
    };
    let document = document.to_json();
    let path = if path == "/" { "" } else { path };
    let url = format!("{}/.well-known/oauth-protected-resource{path}", settings.public_url.origin());
    let challenges = match issuers.as_slice() {
        [] => Challenges::without_metadata(&server.known_scopes),
        _ => Challenges::new(&url, first_scope, &server.known_scopes),
    };
    Ok(PublishedAt {
        challenges: challenges.map_err(|fault| format!("servers.{}: {fault}", server.name))?.beside(&scopes_supported),
        metadata: MetadataDocument { etag: etag(&document), body: Bytes::from(document) },
    })
}

/// The resource at `path`, spelled with and without a slash at its end.
fn both_endings(public_url: &PublicUrl, path: &str) -> impl Iterator<Item = Box<str>> {
    let spelled = |path: &str| Box::from(public_url.resource(path).as_str());
    [Some(spelled(path)), other_ending(path).map(|path| spelled(&path))].into_iter().flatten()
}

/// What the servers of one snapshot share.
struct SharedParts<'a> {
    settings: &'a Settings,
    issuers: &'a [Arc<IssuerKeys>],
    embedded: &'a [Arc<Embedded>],
    known_issuers: Arc<[Issuer]>,
    api_keys: Arc<ApiKeys>,
}

/// Headers that only the gateway may send to the upstream: identity headers and its credential.
fn reserved(server: &ServerSettings) -> Vec<HeaderName> {
    let identity = server.identity_headers.iter().map(|header| header.name.clone());
    let credential = match &server.credential {
        Credential::Header(name, _) => Some(name.clone()),
        Credential::Strip | Credential::Forward => None,
    };
    identity.chain(credential).collect()
}

/// One public endpoint of a server.
struct ServerEndpoint<'a> {
    server: &'a ServerSettings,
    path: &'a str,
    upstream: &'a UpstreamSettings,
    /// Whether it speaks the HTTP+SSE transport of MCP 2024-11-05.
    legacy: bool,
    /// The path of the server's other endpoint.
    other: Option<&'a str>,
}

/// All endpoints: the main endpoint of each server in order, then the `legacy_sse` endpoints.
fn endpoints(servers: &[ServerSettings]) -> Vec<ServerEndpoint<'_>> {
    let own = servers.iter().map(|server| ServerEndpoint {
        server,
        path: &server.path,
        upstream: &server.upstream,
        legacy: false,
        other: server.legacy_sse.as_ref().map(|legacy| &*legacy.path),
    });
    let legacy = servers.iter().filter_map(|server| {
        let LegacySse { path, upstream } = server.legacy_sse.as_ref()?;
        Some(ServerEndpoint { server, path, upstream, legacy: true, other: Some(&server.path) })
    });
    own.chain(legacy).collect()
}

impl<'a> ServerEndpoint<'a> {
    fn route(&self) -> RouteEntry<'a> {
        RouteEntry { path: self.path, root: self.server.root && !self.legacy, legacy: self.legacy }
    }
}

/// Calls `make` for each endpoint; returns all results, or all errors.
fn each<T>(
    endpoints: &[ServerEndpoint<'_>],
    mut make: impl FnMut(&ServerEndpoint<'_>) -> Result<T, String>,
) -> Result<Vec<T>, Vec<String>> {
    let (mut made, mut wrong) = (Vec::new(), Vec::new());
    for endpoint in endpoints {
        match make(endpoint) {
            Ok(one) => made.push(one),
            Err(why) => wrong.push(format!("servers.{}: {why}", endpoint.server.name)),
        }
    }
    if wrong.is_empty() { Ok(made) } else { Err(wrong) }
}

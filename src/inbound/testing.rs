//! A gateway in front of one scripted upstream, for unit tests of the request path.

use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    task::JoinSet,
};

use crate::{
    base::{
        clock::{Clock, Now, testing::HandClock},
        limits::heads::HeadBounds,
        names::ServerName,
        secret::Secret,
    },
    decide::{
        fields::{crossing, origin::Sites, query::QueryRule},
        mcp::{answer::lists::Hide, denial::DenyAs, request::target::Target, session_seal::SessionKeys, version::Era},
        policy::{
            evaluate::{Permit, evaluate},
            glob::Glob,
            rule::{Access, Policy, Rule, Subject},
        },
        resource_server::challenge::Challenges,
        routing::{RouteEntry, Routes},
        token::{
            caller::Caller,
            requester::Requester,
            testing::{P256, claims, now, rules, with},
        },
    },
    inbound::{
        accept::{
            framing::breach::Breach,
            room::{ConnectionBounds, Room, Seat},
        },
        answer::{
            filter::plan::ListPlan,
            outgoing::{Outgoing, TaskAnswer},
        },
        legacy_sse::Endpoint,
        request::{
            arrival::{Arrival, Connection},
            service,
        },
        state::{
            anonymous::AnonymousSessions,
            events::EventOwners,
            gateway::Gateway,
            server::{
                MetadataDocument, Mirror, PublicFace, PublishedAt, Server, ServerLimits, Snapshot, TotalLimits,
                Transport,
            },
            sessions::SessionQuota,
            tasks::Tasks,
        },
    },
    observe::{Observe, audit::Audit, metrics::Metrics, record::Record},
    outbound::{
        credential::Credential,
        dial::{Dialler, Peer},
        fetch::{
            client_tls,
            testing::{Site, fetch_trusting},
            tls_roots,
        },
        keys::{IssuerKeys, IssuerSettings, KeySource, LocalKeys},
        resolve::Resolver,
        upstream::{Upstream, UpstreamSettings},
        verify::Verifier,
    },
};

/// The path of the server, and of its upstream.
pub(super) const PATH: &str = "/mcp";

/// A change of the server at a reload.
pub(super) type Change = fn(&mut Server);

/// A gateway with one server.
pub(super) struct TestGateway {
    pub(super) gateway: Arc<Gateway>,
    /// The server of the first snapshot.
    pub(super) server: Arc<Server>,
    pub(super) site: Site,
    pub(super) clock: Arc<HandClock>,
    pub(super) local: Arc<LocalKeys>,
    upstream: Arc<Upstream>,
    issuer: Arc<IssuerKeys>,
    snapshot: Arc<Snapshot>,
    connection: Connection,
    _seat: Seat,
    _keys: JoinSet<()>,
}

/// A rule: the tools that match `tools` need `scopes`.
pub(super) fn rule(tools: &str, scopes: &[&str]) -> Rule {
    Rule {
        subject: Subject::Tools(vec![Glob::new(tools)]),
        scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
        any_scope: Vec::new(),
        claims: Vec::new(),
        deny: false,
        report_only: false,
        public: false,
    }
}

/// Every caller may use `safe`; `danger` needs the scope `danger`.
pub(super) fn policy() -> Policy {
    Policy {
        connect: Vec::new(),
        access: Access::Rules(vec![rule("safe", &[]), rule("danger", &["danger"])]),
        implies: Vec::new(),
    }
}

/// A verified caller with these scopes.
pub(super) fn caller(scopes: &[&str]) -> Arc<Caller> {
    Arc::new(Caller::for_tests("alice", scopes, json!({"jti": "family.1"})))
}

impl TestGateway {
    pub(super) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// A gateway whose server is changed by `change`.
    pub(super) async fn with(change: impl FnOnce(&mut Server)) -> Self {
        let (site, clock, metrics, local) =
            (Site::plain().await, HandClock::at(now()), Metrics::new(), Arc::<LocalKeys>::default());
        local.publish(Bytes::from(json!({"keys": [P256.jwk()]}).to_string()));
        let mut rules = rules();
        rules.issuers.push("https://login.example".into());
        let settings = IssuerSettings {
            rules,
            keys: KeySource::Embedded,
            refetch_floor: Duration::from_secs(30),
            introspection: None,
            reach: crate::outbound::reach::IssuerReach::default(),
            asked_as: crate::decide::resource_server::issuer_metadata::AskedAs::ResourceServer,
        };
        let issuer = IssuerKeys::embedded(settings, Arc::clone(&local), &fetch_trusting(&[]), clock.clone());
        let mut keys = JoinSet::new();
        keys.spawn(Arc::clone(&issuer).keep_fresh());
        let upstream = upstream(&site);
        let audit = Audit::start(true, Box::new(io::sink()), metrics.audit_dropped()).unwrap();
        let observe = Observe::new(Arc::clone(&metrics), audit, clock.clone() as Arc<dyn Clock>);
        let room = Room::new(ConnectionBounds::NONE, Arc::default(), &metrics);
        let server = server(&metrics, &upstream, &issuer, change);
        let snapshot = Arc::new(snapshot(&server));
        let gateway = Arc::new(Gateway {
            is_ready: Box::new(|| true),
            snapshot: ArcSwap::new(Arc::clone(&snapshot)),
            clock: clock.clone(),
            verifier: Verifier::new(),
            observe,
            room,
            usage: Arc::default(),
            sessions: SessionQuota::default(),
            anonymous: AnonymousSessions::new(&Secret::new(vec![9; 32])),
            tasks: Tasks::default(),
            events: EventOwners::default(),
            session_keys: SessionKeys::new(&[Secret::new(vec![7; 32])]),
            pseudonym: "gw".into(),
            via: crossing::via(http::Version::HTTP_11, "gw").unwrap(),
            reloaded: tokio::sync::watch::Sender::default(),
        });
        let peer = Ipv4Addr::LOCALHOST.into();
        let breach = Breach::new(&gateway.observe, &metrics.listener("l"), peer);
        let seat = gateway.room.try_seat(peer).unwrap();
        let connection = Connection::new(Arc::clone(&gateway), breach, None, None, &seat);
        Self { gateway, server, site, clock, local, upstream, issuer, snapshot, connection, _seat: seat, _keys: keys }
    }

    /// Reloads with a changed server; without `change`, with no server.
    pub(super) fn reload(&self, change: Option<Change>) {
        let mut next = snapshot(&self.server);
        next.servers = change
            .map(|change| server(&self.gateway.observe.metrics, &self.upstream, &self.issuer, change))
            .into_iter()
            .collect();
        self.gateway.replace(next);
    }

    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    pub(super) fn arrival(&self) -> Arrival<'_> {
        Arrival {
            connection: &self.connection,
            snapshot: &self.snapshot,
            now: self.now(),
            client: &self.connection.peer,
        }
    }

    /// The connection that requests come on.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn record(&self) -> Record {
        Record::open(&self.gateway.observe, self.now(), Ipv4Addr::LOCALHOST.into())
    }

    /// A permitted call of `safe`, changed by `change`.
    pub(super) fn outgoing(&self, change: impl FnOnce(&mut Outgoing)) -> (Outgoing, Permit) {
        let caller = caller(&[]);
        let limits = self.server.limits;
        let place = self.gateway.usage.enter(&ServerName::from("s"), limits, &caller, self.snapshot.limits).unwrap();
        let target = Target::Tool("safe".into());
        let permit = evaluate(&self.server.policy, &caller, &target).unwrap();
        let mut outgoing = Outgoing {
            who: Requester::Verified(caller),
            body: Bytes::from_static(b"{}"),
            era: Era::Legacy,
            endpoint: Endpoint::Streamable,
            session: None,
            message_path: None,
            query: None,
            lists: ListPlan { filtered: None, guarded: None },
            task: TaskAnswer::None,
            target,
            begins: false,
            lives_on: false,
            place,
        };
        change(&mut outgoing);
        (outgoing, permit)
    }

    /// A token for this server, with these scopes.
    pub(super) fn token(&self, scope: &str) -> String {
        P256.token("ES256", &json!({}), &with(&claims(), &json!({ "scope": scope })))
    }

    /// Sends `request` on a new connection, and returns all bytes that come back.
    pub(super) async fn answer(&self, request: &str) -> String {
        let (mut client, stream) = duplex(64 * 1024);
        let service = service_fn(|request: Request<Incoming>| service::answer(&self.connection, request));
        let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let talk = async {
            client.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            String::from_utf8(answer).unwrap()
        };
        let (_, answer) = tokio::join!(served, talk);
        answer
    }

    /// A POST to the server, after which the connection closes.
    pub(super) fn post(&self, fields: &str, body: &str) -> String {
        request(&Method::POST, fields, body)
    }
}

/// A request to the server, after which the connection closes. `fields` end their lines with CRLF.
pub(super) fn request(method: &Method, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {PATH} HTTP/1.1\r\nHost: gw.example\r\nConnection: close\r\nAccept: application/json, \
         text/event-stream\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{fields}\r\n{body}"
    )
}

fn upstream(site: &Site) -> Arc<Upstream> {
    let authority: Box<str> = site.address.to_string().into();
    let settings = UpstreamSettings {
        server: ServerName::from("s"),
        peer: Peer { host: "127.0.0.1".into(), port: site.address.port(), tls: false },
        authority,
        path_and_query: PATH.into(),
        aliases: Vec::new(),
        query: QueryRule::Forward,
        ca: None,
        client_certificate: None,
        connections: 2,
        connect_timeout: Duration::from_millis(500),
        response_timeout: Duration::from_secs(5),
    };
    let dialler = Dialler { tls: client_tls(tls_roots(&[]).unwrap(), true), resolver: Resolver::system() };
    Upstream::new(&settings, dialler, None, &Arc::default()).unwrap()
}

fn server(
    metrics: &Metrics,
    upstream: &Arc<Upstream>,
    issuer: &Arc<IssuerKeys>,
    change: impl FnOnce(&mut Server),
) -> Arc<Server> {
    let mut server = Server {
        series: metrics.series(&ServerName::from("s")),
        transport: Transport::Streamable,
        resource: "https://gw.example/mcp".into(),
        sites: sites(),
        public: PublicFace { host: HeaderValue::from_static("gw.example"), scheme: HeaderValue::from_static("https") },
        audiences: Vec::new(),
        issuers: vec![Arc::clone(issuer)],
        known_issuers: Arc::default(),
        api_keys: Arc::default(),
        mirror: Mirror::Elsewhere(Arc::clone(issuer.discovery())),
        policy: policy(),
        rule_places: Box::default(),
        published: published("/mcp"),
        published_otherwise: published("/mcp/"),
        upstream: Arc::clone(upstream),
        credential: Credential::Strip,
        identity_headers: Vec::new(),
        identity_names: Vec::new(),
        passed_headers: Vec::new(),
        limits: ServerLimits {
            request_body: 64 * 1024,
            token: 32 * 1024,
            json_depth: 64,
            streams_per_caller: 8,
            sessions_per_caller: 2,
            upstream_connections: 2,
            requests_per_caller: 8,
            body_bytes_per_caller: 1024 * 1024,
        },
        hide: Hide::Unauthorized,
        advertise_scopes: false,
        batches: false,
        stream_keep_alive: None,
        deny_as: DenyAs::Auto,
    };
    change(&mut server);
    Arc::new(server)
}

fn published(path: &str) -> PublishedAt {
    let url = format!("https://gw.example/.well-known/oauth-protected-resource{path}");
    PublishedAt {
        challenges: Challenges::new(&url, &[], &[]).unwrap(),
        metadata: MetadataDocument { body: Bytes::from_static(b"{}"), etag: HeaderValue::from_static("\"1\"") },
    }
}

fn snapshot(server: &Arc<Server>) -> Snapshot {
    let entry = RouteEntry { path: PATH, root: false, legacy: false };
    Snapshot {
        documents: Default::default(),
        paths: Default::default(),
        limits: TotalLimits { requests: 64, body_bytes: 8 * 1024 * 1024, unverified: 8, streams_of_caller: 8 },
        heads: HeadBounds::default(),
        trusted_proxies: Arc::default(),
        sites: sites(),
        routes: Routes::new(&[entry], &[]).unwrap(),
        servers: vec![Arc::clone(server)],
        embedded: Vec::new(),
    }
}

fn sites() -> Sites {
    let no_origins: [&str; 0] = [];
    Sites::new("https://gw.example", &no_origins).unwrap()
}

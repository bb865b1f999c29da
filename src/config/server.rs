//! Reads `servers`: each MCP server's path, upstream, rules and limits.

use std::{cell::RefCell, path::PathBuf, time::Duration};

use http::HeaderValue;

use crate::{
    base::names::{Scope, ServerName},
    config::{
        LegacySse, ServerSettings, identity,
        implied::implied,
        keys::{
            limits::{
                BODIES_PER_CALLER, CONNECTIONS, NESTING, REQUEST_BODY, REQUESTS_PER_CALLER, SESSIONS, STREAMS, TOKEN,
            },
            server::{BATCHES, CHALLENGE_SCOPE, ChallengeScope, DENY_AS, HIDE, KEEP_ALIVE_MAX, KEEP_ALIVE_MIN},
        },
        origin, paths,
        place::{Place, Written},
        reader::{Entry, Field, Fields},
        rules::{self, NeededScope},
        upstream, value,
    },
    decide::{
        fields::query::{QueryRule, pinned_alone},
        pass_through::PathEntry,
        policy::{
            glob::Glob,
            rule::{Access, Policy},
        },
        routing::is_server_path,
    },
    inbound::state::server::ServerLimits,
    outbound::{dial::Peer, upstream::UpstreamSettings},
};

/// `offline_access` requests a refresh token. It permits nothing here and must not be advertised
/// (SPEC A-10).
const OFFLINE_ACCESS: &str = "offline_access";

/// A server as written. Other sections are compared with it even if parts of it are wrong.
#[derive(Default)]
pub(super) struct WrittenServer {
    /// Its name, valid or not: API keys refer to it.
    pub(super) name: Box<str>,
    pub(super) path: Option<Written<Box<str>>>,
    pub(super) root: Option<Place>,
    /// Whether `root` is written, true or false.
    pub(super) says_root: bool,
    /// Scopes that the server or its rules need.
    pub(super) needed: Vec<NeededScope>,
    /// The place of `authorization_servers: []`.
    pub(super) no_authorization_server: Option<Place>,
    pub(super) upstream: Option<Written<Peer>>,
    pub(super) audiences: Vec<Written<Box<str>>>,
    pub(super) paths: Vec<Written<PathEntry>>,
    pub(super) legacy_path: Option<Written<Box<str>>>,
    pub(super) legacy_upstream: Option<Written<Peer>>,
    /// The reference of `credential.header.value`.
    pub(super) credential: Option<Box<str>>,
    /// The file of the upstream's private CA.
    pub(super) ca: Option<PathBuf>,
    pub(super) settings: Option<ServerSettings>,
}

/// `servers`.
pub(super) fn servers(field: &Field<'_>, authorization_servers: &[Box<str>]) -> Vec<WrittenServer> {
    let entries = field.entries("servers by name").unwrap_or_default();
    if entries.is_empty() && field.is_map() {
        field.reading.problem(&field.place, "an empty map", "at least one server");
    }
    field.reading.entries.borrow_mut().servers = entries.iter().map(|entry| entry.name.into()).collect();
    let read = |entry: &Entry<'_>| {
        let name = value::name(entry);
        let mut server = WrittenServer { name: entry.name.into(), ..WrittenServer::default() };
        let settings =
            entry.value.section("servers.*", |fields| settings(fields, name, authorization_servers, &mut server));
        WrittenServer { settings, ..server }
    };
    entries.iter().map(read).collect()
}

/// Asks for all keys before the first `?`, so that every mistake is reported.
fn settings(
    fields: &mut Fields<'_>,
    name: Option<Box<str>>,
    authorization_servers: &[Box<str>],
    written: &mut WrittenServer,
) -> Option<ServerSettings> {
    written.path = fields.need("path", "the server's public path, such as /weather/mcp").and_then(|field| path(&field));
    let root = fields.get("root");
    written.says_root = root.is_some();
    written.root = root.filter(|field| field.bool() == Some(true)).map(|field| field.place);
    let mut upstream = match fields.need("upstream", "a map with the `url` of the MCP server") {
        Some(field) => upstream::upstream(&field, name.as_deref()),
        None => upstream::WrittenUpstream::default(),
    };
    (written.upstream, written.ca) = (upstream.peer, upstream.ca);
    written.paths = fields.get("paths").map(|field| paths::paths(&field)).unwrap_or_default();
    let issuers = match fields.get("authorization_servers") {
        Some(field) if field.is_list() && field.list("").is_some_and(|names| names.is_empty()) => {
            written.no_authorization_server = Some(field.place);
            Vec::new()
        }
        Some(field) => indexes(&field, authorization_servers),
        None => (0..authorization_servers.len()).collect(),
    };
    if let Some(field) = fields.get("audiences") {
        written.audiences = value::texts(&field, "an audience");
    }
    let scopes = scope_keys(fields);
    let needed = RefCell::new(scopes.needed);
    let access = rules::access(fields, &scopes.connect, &scopes.implies, &needed);
    written.needed = needed.into_inner();
    let hide = value::word(fields, &HIDE);
    let advertise_scopes = fields.flag("advertise_scopes");
    let deny_as = value::word(fields, &DENY_AS);
    let (credential, identity_headers) = identity::towards_upstream(fields);
    for passed in &upstream.pass_headers {
        identity::check_passed(fields, passed, credential.as_ref(), &identity_headers);
    }
    let allowed_origins: Vec<HeaderValue> =
        fields.get("allowed_origins").map(|field| origin::origins(&field)).unwrap_or_default();
    let limits = match fields.get("limits") {
        Some(field) => field.section("servers.*.limits", |fields| Some(limits(fields))),
        None => Some(LIMITS),
    };
    if let (Some(upstream), Some(limits)) = (&mut upstream.settings, &limits) {
        upstream.connections = limits.upstream_connections;
    }
    let batches = value::word(fields, &BATCHES);
    let stream_keep_alive = fields.get("stream_keep_alive").and_then(|field| keep_alive(&field));
    let legacy_sse = fields.get("legacy_sse");
    let legacy_sse = legacy_sse.and_then(|field| legacy(&field, upstream.settings.as_ref(), written));

    let (access, rule_places) = access?;
    let known_scopes = known_scopes(&scopes.connect, &access);
    let (credential, reference) = credential?;
    written.credential = reference;
    Some(ServerSettings {
        name: ServerName::from(&*name?),
        path: written.path.as_ref()?.value.clone(),
        root: written.root.is_some(),
        upstream: upstream.settings?,
        paths: written.paths.iter().map(|entry| entry.value.clone()).collect(),
        authorization_servers: issuers,
        audiences: written.audiences.iter().map(|audience| audience.value.clone()).collect(),
        scopes_supported: advertised(if scopes.supported.is_empty() { &known_scopes } else { &scopes.supported }),
        first_challenge: first_challenge(scopes.challenge, &scopes.connect, &known_scopes),
        known_scopes,
        policy: Policy { connect: scopes.connect, access, implies: scopes.implies },
        rule_places,
        hide,
        advertise_scopes,
        deny_as,
        credential,
        identity_headers,
        pass_headers: upstream.pass_headers.into_iter().map(|name| name.value).collect(),
        allowed_origins,
        limits: limits?,
        batches,
        stream_keep_alive,
        legacy_sse,
    })
}

/// The keys of a server about scopes.
struct ScopeKeys {
    connect: Vec<Scope>,
    supported: Vec<Scope>,
    challenge: Option<ChallengeScope>,
    implies: Vec<(Scope, Vec<Glob>)>,
    needed: Vec<NeededScope>,
}

fn scope_keys(fields: &mut Fields<'_>) -> ScopeKeys {
    let mut scopes = |key, of_offline_access| {
        let Some(field) = fields.get(key) else { return Vec::new() };
        let scopes = value::scopes(&field);
        for scope in scopes.iter().filter(|scope| scope.value.as_str() == OFFLINE_ACCESS) {
            field.reading.warning(&scope.place, "\"offline_access\"", of_offline_access);
        }
        scopes
    };
    let connect =
        scopes("scopes", "no offline_access: it asks for a refresh token, and access tokens need not carry it");
    let supported =
        scopes("scopes_supported", "no offline_access: it is left out of the metadata (clients ask for it themselves)");
    let needed = connect.iter().chain(&supported).filter(|scope| scope.value.as_str() != OFFLINE_ACCESS);
    let needed = needed.map(|scope| vec![scope.clone()]).collect();
    let bare = |scopes: Vec<Written<Scope>>| scopes.into_iter().map(|scope| scope.value).collect();
    let (connect, supported) = (bare(connect), bare(supported));
    let challenge = fields.get("challenge_scope").and_then(|field| field.word(CHALLENGE_SCOPE));
    let implies = fields.get("scope_implies").map(|field| implied(&field)).unwrap_or_default();
    ScopeKeys { connect, supported, challenge, implies, needed }
}

/// `stream_keep_alive`: `off`, or how long a stream may be idle.
fn keep_alive(field: &Field<'_>) -> Option<Duration> {
    if matches!(field.scalar_text(), Some("off" | "false")) {
        return None;
    }
    value::duration_of(field, (KEEP_ALIVE_MIN, KEEP_ALIVE_MAX), "off, or ")
}

/// The default of `limits`.
const LIMITS: ServerLimits = ServerLimits {
    request_body: REQUEST_BODY.default,
    token: TOKEN.default,
    json_depth: NESTING.default,
    streams_per_caller: STREAMS.default,
    sessions_per_caller: SESSIONS.default,
    upstream_connections: CONNECTIONS.default,
    requests_per_caller: REQUESTS_PER_CALLER.default,
    body_bytes_per_caller: BODIES_PER_CALLER.default,
};

fn limits(fields: &mut Fields<'_>) -> ServerLimits {
    ServerLimits {
        request_body: value::size(fields, &REQUEST_BODY),
        token: value::size(fields, &TOKEN),
        json_depth: value::integer(fields, &NESTING),
        streams_per_caller: value::integer(fields, &STREAMS),
        sessions_per_caller: value::integer(fields, &SESSIONS),
        upstream_connections: value::integer(fields, &CONNECTIONS),
        requests_per_caller: value::integer(fields, &REQUESTS_PER_CALLER),
        body_bytes_per_caller: value::size(fields, &BODIES_PER_CALLER),
    }
}

/// A public path. Routing compares it byte by byte, so it must have one spelling only, but for a
/// slash at its end (SPEC F-20, A-06).
fn path(field: &Field<'_>) -> Option<Written<Box<str>>> {
    let text = field.text("a path such as /weather/mcp")?;
    let expected = if !text.starts_with('/') {
        "a path that begins with /"
    } else if text.contains("//") || text.split('/').any(|segment| matches!(segment, "." | "..")) {
        "a path without empty segments, . and .."
    } else if text.split('/').any(|segment| segment == ".well-known") {
        "a path outside /.well-known/, where the gateway answers itself"
    } else if !is_server_path(text) {
        // Clients write other characters in two ways, as they are and percent-encoded.
        "a path of letters, digits, / and -._~@:+, which every client writes in the same way"
    } else {
        return Some(Written { value: text.into(), place: field.place.clone() });
    };
    field.wrong(expected)
}

/// Names of authorization servers as indexes.
fn indexes(field: &Field<'_>, names: &[Box<str>]) -> Vec<usize> {
    let items = field.distinct("names of authorization servers").unwrap_or_default();
    let index = |item: &Field<'_>| {
        let text = item.text("the name of an authorization server")?;
        let found = names.iter().position(|name| **name == *text);
        found.or_else(|| item.wrong_word("a name under `authorization_servers`", names.iter().map(AsRef::as_ref)))
    };
    items.iter().filter_map(index).collect()
}

/// The scopes of the first 401. An empty `scope` parameter must be left out (RFC 6750 §3).
fn first_challenge(written: Option<ChallengeScope>, connect: &[Scope], known: &[Scope]) -> Option<Vec<Scope>> {
    let default = if connect.is_empty() { ChallengeScope::All } else { ChallengeScope::Baseline };
    let scopes = match written.unwrap_or(default) {
        ChallengeScope::Baseline => advertised(connect),
        ChallengeScope::All => advertised(known),
        ChallengeScope::Omit => return None,
    };
    (!scopes.is_empty()).then_some(scopes)
}

/// The scopes that metadata and challenges may name.
pub(super) fn advertised(scopes: &[Scope]) -> Vec<Scope> {
    scopes.iter().filter(|scope| scope.as_str() != OFFLINE_ACCESS).cloned().collect()
}

fn known_scopes(connect: &[Scope], access: &Access) -> Vec<Scope> {
    let mut known = connect.to_vec();
    if let Access::Rules(rules) = access {
        known.extend(rules.iter().flat_map(|rule| rule.scopes.iter().chain(&rule.any_scope)).cloned());
    }
    known.sort();
    known.dedup();
    known
}

/// `legacy_sse`: `off`, or the paths of the HTTP+SSE transport of MCP 2024-11-05.
fn legacy(field: &Field<'_>, beside: Option<&UpstreamSettings>, written: &mut WrittenServer) -> Option<LegacySse> {
    if !field.is_map() {
        let is_off = matches!(field.scalar_text(), Some("off" | "false"));
        const EXPECTED: &str = "off, or a map with `path` and `upstream`";
        return match field.scalar_text() {
            _ if is_off => None,
            Some("no" | "No" | "NO" | "none") => field.wrong_near(EXPECTED, "off"),
            _ => field.wrong(EXPECTED),
        };
    }
    field.section("servers.*.legacy_sse", |fields| {
        let path = fields.need("path", "the public path of the event stream, such as /weather/sse");
        written.legacy_path = path.and_then(|field| match self::path(&field) {
            // At `/`, its metadata documents would be those of the whole host.
            Some(path) if &*path.value == "/" => field.wrong("a path below /, such as /weather/sse"),
            path => path,
        });
        let at = fields.need("upstream", "the URL of the upstream's event stream");
        let url = at.as_ref().and_then(upstream::url)?;
        let peer = Peer { host: url.host.clone(), port: url.port, tls: url.https };
        if let (Some(beside), Some(field)) = (beside, &at) {
            let alone = pinned_alone(&beside.path_and_query, &url.path_and_query);
            if beside.query != QueryRule::Drop && !alone.is_empty() {
                field.warn(&format!(
                    "the parameters of upstream.url here as well ({}), or upstream.query: drop, because clients could set them on this stream",
                    alone.join(", ")
                ));
            }
        }
        written.legacy_upstream = at.map(|field| Written { value: peer.clone(), place: field.place });
        let beside = beside?;
        let upstream = UpstreamSettings {
            server: beside.server.clone(),
            ca: beside.ca.clone().filter(|_| peer.tls),
            client_certificate: beside.client_certificate.clone().filter(|_| peer.tls),
            connections: beside.connections,
            peer,
            authority: url.authority.into(),
            path_and_query: url.path_and_query,
            aliases: beside.aliases.clone(),
            query: beside.query.clone(),
            connect_timeout: beside.connect_timeout,
            response_timeout: beside.response_timeout,
        };
        Some(LegacySse { path: written.legacy_path.as_ref()?.value.clone(), upstream })
    })
}

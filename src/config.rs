//! From a YAML file to checked settings. No lower layer knows the file format.

mod accepted_clients;
mod accounts;
mod acme;
mod api_keys;
mod check;
mod claims;
pub mod demo_account;
mod documents;
mod embedded;
pub mod environment;
pub mod explain;
pub mod file;
mod file_bytes;
pub mod flags;
mod hints;
mod identity;
mod implied;
mod introspection;
pub mod issuer;
mod issuer_slips;
mod issuer_url;
mod key_set_file;
mod keys;
pub mod listen;
mod named_file;
mod origin;
mod paths;
mod pem;
mod pem_contents;
mod place;
pub mod places;
pub mod problem;
mod reach;
mod reader;
mod reading;
pub mod reference;
mod regular;
pub mod remaining;
mod rules;
pub mod schema;
pub mod secret;
pub mod server;
mod slips;
pub mod source;
mod totals;
mod tree;
mod units;
mod unreadable;
pub mod upstream;
mod value;
mod yaml;

#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::{
    authorization_server::settings::{EmbeddedSettings, StoreSettings},
    base::{
        address_range::AddressRange,
        limits::heads::HeadBounds,
        names::{PublicUrl, Scope, ServerName},
        secret::Secret,
    },
    decide::{
        fields::origin::HostName,
        mcp::{answer::lists::Hide, denial::DenyAs},
        pass_through::PathEntry,
        policy::rule::Policy,
        token::api_key::ApiKeyEntry,
    },
    inbound::state::server::ServerLimits,
    outbound::{
        acme::settings::AcmeSettings,
        credential::{Credential, IdentityHeader},
        keys::IssuerSettings,
        upstream::UpstreamSettings,
    },
};

/// The whole file: parsed, checked, with every default filled in. Plain data.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The public URL of the gateway.
    pub public_url: PublicUrl,
    /// Names of the gateway in `Host`, besides that of `public_url`.
    pub hosts: Vec<HostName>,
    /// Proxies that name the client of a request or a connection.
    pub trusted_proxies: Vec<AddressRange>,
    /// Public listeners; never empty.
    pub listen: Vec<ListenSettings>,
    /// Where /healthz, /readyz and /metrics are served.
    pub admin: SocketAddr,
    /// All authorization servers, in the file's order.
    pub authorization_servers: Vec<IssuerSettings>,
    /// The embedded ones among them, in the file's order.
    pub embedded: Vec<EmbeddedSettings>,
    /// API keys, in the order of their file.
    pub api_keys: Vec<ApiKeyEntry>,
    /// All servers, in the file's order.
    pub servers: Vec<ServerSettings>,
    /// Limits of all callers together.
    pub limits: Totals,
    /// Documents of the operator, in the file's order.
    pub documents: Vec<DocumentSettings>,
    /// Keys of session ids: the first seals, all open.
    pub session_keys: Vec<Secret>,
    /// How to log.
    pub log: LogSettings,
    /// How long a drain may take.
    pub drain_timeout: Duration,
    /// Files that these settings were read from: the YAML, CAs, secrets. Certificates and key sets
    /// are watched elsewhere.
    pub files: Vec<PathBuf>,
    /// References and file names as written, for `explain`.
    pub provenance: Provenance,
}

/// References and file names as written, in place of the secrets and contents that the settings
/// hold. `explain` prints them; no decision uses them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// References of the session keys, in their order.
    pub session_keys: Vec<Box<str>>,
    /// `profile` of each authorization server, in their order.
    pub profiles: Vec<Option<Box<str>>>,
    /// The reference of `introspection.client_secret` of each authorization server.
    pub introspection: Vec<Option<Box<str>>>,
    /// The file of `keys`.
    pub api_keys: Option<PathBuf>,
    /// Those of each embedded authorization server, in their order.
    pub embedded: Vec<EmbeddedProvenance>,
    /// Those of each server, in their order.
    pub servers: Vec<ServerProvenance>,
}

/// References and file names of one embedded authorization server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbeddedProvenance {
    /// The file of `login.accounts`.
    pub accounts: Option<PathBuf>,
    /// The reference of `login.oidc.client_secret`.
    pub client_secret: Option<Box<str>>,
    /// The reference of `registration.token`.
    pub token: Option<Box<str>>,
    /// The reference of `secret` or the file of `jwks` of each client, in their order.
    pub clients: Vec<Option<Box<str>>>,
    /// The reference of `store.redis`, or the URL itself.
    pub redis: Option<Box<str>>,
}

impl Settings {
    /// Bounds on the head of a request, with room for the longest token that a server accepts.
    #[must_use]
    pub fn head_bounds(&self) -> HeadBounds {
        let longest = self.servers.iter().map(|server| server.limits.token).max().unwrap_or_default();
        HeadBounds::of_token(usize::try_from(longest).unwrap_or(usize::MAX))
    }

    /// The same settings, but without a store file or a connection to Redis: for commands that do
    /// not serve.
    #[must_use]
    pub fn without_stores(mut self) -> Self {
        self.embedded.iter_mut().for_each(|embedded| embedded.store = StoreSettings::Memory);
        self
    }
}

/// References and file names of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerProvenance {
    /// The reference of `credential.header.value`.
    pub credential: Option<Box<str>>,
    /// The file of `upstream.ca`.
    pub ca: Option<PathBuf>,
}

/// One public listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenSettings {
    /// The address to listen on.
    pub address: SocketAddr,
    /// Where its certificate comes from; `None` for plaintext.
    pub tls: Option<ListenTls>,
    /// Whether each connection must begin with a PROXY header of a trusted proxy.
    pub proxy_protocol: bool,
    /// The path that answers probes for any `Host`.
    pub health: Option<Box<str>>,
}

/// Where the certificate of a listener comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenTls {
    /// From files.
    Files(TlsFiles),
    /// From a CA, by ACME.
    Acme(Box<AcmeSettings>),
}

/// PEM files of a listener, read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Where the rules of a server are written: `gateway.yaml:41:9`. Two files that say the same are
/// equal wherever they say it.
#[derive(Clone, Debug, Default)]
pub struct RulePlaces(pub Vec<Box<str>>);

impl PartialEq for RulePlaces {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// One server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSettings {
    /// Its name.
    pub name: ServerName,
    /// Its public path.
    pub path: Box<str>,
    /// Whether its metadata documents are also served at the root of `/.well-known/`.
    pub root: bool,
    /// Where requests are sent.
    pub upstream: UpstreamSettings,
    /// Paths beside the MCP endpoint that pass through.
    pub paths: Vec<PathEntry>,
    /// Indexes into [`Settings::authorization_servers`], preferred first; empty for a server that
    /// takes API keys alone.
    pub authorization_servers: Vec<usize>,
    /// Accepted in `aud` besides the resource itself.
    pub audiences: Vec<Box<str>>,
    /// `scopes` and `access` or `rules`.
    pub policy: Policy,
    /// Where its rules are written.
    pub rule_places: RulePlaces,
    /// `scopes_supported` of the metadata; by default every scope that the server names.
    pub scopes_supported: Vec<Scope>,
    /// Scopes of the first 401; `None` leaves the parameter out.
    pub first_challenge: Option<Vec<Scope>>,
    /// Every scope that this server names, sorted.
    pub known_scopes: Vec<Scope>,
    /// Which items lists hide.
    pub hide: Hide,
    /// Whether lists say which scopes each tool needs.
    pub advertise_scopes: bool,
    /// How a refused tools/call is answered.
    pub deny_as: DenyAs,
    /// What the upstream receives in place of the token.
    pub credential: Credential,
    /// Claims that the upstream receives as headers.
    pub identity_headers: Vec<IdentityHeader>,
    /// Headers that pass from clients although they are removed by default.
    pub pass_headers: Vec<HeaderName>,
    /// Browser origins besides `public_url`'s own, as written.
    pub allowed_origins: Vec<HeaderValue>,
    /// Its limits.
    pub limits: ServerLimits,
    /// Whether batches of MCP 2025-03-26 are accepted.
    pub batches: bool,
    /// After this time without an event, an event stream gets a comment.
    pub stream_keep_alive: Option<Duration>,
    /// The HTTP+SSE transport of MCP 2024-11-05, if it is also served.
    pub legacy_sse: Option<LegacySse>,
}

/// `legacy_sse:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacySse {
    /// The public path of its event stream; messages go to `/messages` below it.
    pub path: Box<str>,
    /// Where the upstream's event stream is. Timeouts and CA are those of the server's own
    /// upstream.
    pub upstream: UpstreamSettings,
}

/// One of `documents:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentSettings {
    /// Its path.
    pub path: Box<str>,
    /// Its media type.
    pub content_type: HeaderValue,
    /// Its bytes.
    pub bytes: Bytes,
    /// The file that the bytes were read from; `None` for a text.
    pub file: Option<PathBuf>,
}

/// `limits:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Requests in progress: as written, or as many as the memory limit allows.
    pub requests: u32,
    /// Whether `requests` is written. If not, the limit on open files may allow fewer.
    pub is_requests_written: bool,
    /// Bytes of request bodies.
    pub body_bytes: u64,
}

/// `log:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// JSON lines, or text for people.
    pub json: bool,
    /// The least severe level that is logged.
    pub level: tracing::Level,
}

//! From YAML to settings: as written, checked whole, as understood. Nobody below knows that YAML exists.

mod accounts;
mod check;
mod embedded;
pub mod environment;
pub mod explain;
pub mod file;
mod identity;
pub mod issuer;
pub mod issuer_defaults;
mod issuer_url;
mod limits;
pub mod listen;
mod origin;
mod place;
pub mod problem;
mod reader;
mod reading;
mod rules;
pub mod schema;
pub mod secret;
pub mod server;
mod tree;
pub mod upstream;
mod value;

#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};

use crate::{
    authorization_server::settings::{EmbeddedSettings, Login, StoreSettings},
    base::{
        names::{AuthorizationServerName, PublicUrl, Scope, ServerName},
        secret::Secret,
    },
    decide::{mcp::list::Hide, policy::rule::Policy},
    inbound::state::server::ServerLimits,
    outbound::{
        credential::{Credential, IdentityHeader},
        keys::{IssuerSettings, KeySource, LocalKeys},
        upstream::UpstreamSettings,
    },
};

/// The whole file as understood: compiled, defaulted, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What clients type.
    pub public_url: PublicUrl,
    /// Public listeners; never empty.
    pub listen: Vec<ListenSettings>,
    /// Where /healthz, /readyz and /metrics are.
    pub admin: SocketAddr,
    /// All authorization servers, in the file's order.
    pub authorization_servers: Vec<IssuerSettings>,
    /// Those of them that are inside, in the file's order.
    pub embedded: Vec<EmbeddedSettings>,
    /// All servers, in the file's order.
    pub servers: Vec<ServerSettings>,
    /// Bounds of what all callers together may hold.
    pub limits: Totals,
    /// First seals, all open.
    pub session_keys: Vec<Secret>,
    /// How to log.
    pub log: LogSettings,
    /// How long a drain may take.
    pub drain_timeout: Duration,
    /// Files that these settings were read from (the YAML, CAs, secrets; not certificates and key sets, which have watchers of their own).
    pub files: Vec<PathBuf>,
    /// What was written where these settings hold something else, for `explain`.
    pub provenance: Provenance,
}

/// What was written where the settings hold something else: printed by `explain`, used by nothing that decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// References of the session keys, in their order.
    pub session_keys: Vec<Box<str>>,
    /// `profile` of each authorization server, in their order.
    pub profiles: Vec<Option<Box<str>>>,
    /// What was written in each embedded authorization server, in their order.
    pub embedded: Vec<EmbeddedProvenance>,
    /// The same for each server, in their order.
    pub servers: Vec<ServerProvenance>,
}

/// What was written in one embedded authorization server.
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
    /// The keys of the embedded authorization server of this name.
    #[must_use]
    pub fn local_keys(&self, name: &AuthorizationServerName) -> Option<&Arc<LocalKeys>> {
        let mut named = self.authorization_servers.iter().filter(|issuer| issuer.rules.name == *name);
        named.find_map(|issuer| match &issuer.keys {
            KeySource::Local(keys) => Some(keys),
            KeySource::Discover | KeySource::Url(_) | KeySource::File(_) => None,
        })
    }

    /// Takes over from `before` the keys of every embedded authorization server that goes on: one that is the same issuer, keeps its
    /// things in the same place, and asks the same IdP. Another is a new one: what the one before remembers stays behind with it.
    pub fn go_on_from(&mut self, before: &Self) {
        for embedded in &self.embedded {
            let is_same = |other: &&EmbeddedSettings| {
                let same_login = match (&other.login, &embedded.login) {
                    (Login::Accounts(_), Login::Accounts(_)) => true,
                    (Login::Oidc(other), Login::Oidc(ours)) => other == ours,
                    _ => false,
                };
                same_login
                    && other.name == embedded.name
                    && other.issuer == embedded.issuer
                    && other.store == embedded.store
                    && other.seal_keys == embedded.seal_keys
            };
            let Some(keys) = before.embedded.iter().find(is_same).and_then(|same| before.local_keys(&same.name)) else {
                continue;
            };
            for issuer in self.authorization_servers.iter_mut().filter(|issuer| issuer.rules.name == embedded.name) {
                issuer.keys = KeySource::Local(Arc::clone(keys));
            }
        }
    }

    /// The same, but nothing is written or dialled: for commands that serve nobody.
    #[must_use]
    pub fn without_stores(mut self) -> Self {
        self.embedded.iter_mut().for_each(|embedded| embedded.store = StoreSettings::Memory);
        self
    }
}

/// What was written in one server.
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
    /// Where.
    pub address: SocketAddr,
    /// Certificate chain and key files (PEM); `None` for plaintext.
    pub tls: Option<TlsFiles>,
}

/// PEM files of a listener, read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// One server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSettings {
    /// Its name.
    pub name: ServerName,
    /// Its public path.
    pub path: Box<str>,
    /// Whether its documents are also at the root forms.
    pub root: bool,
    /// Where requests go.
    pub upstream: UpstreamSettings,
    /// Indexes into [`Settings::authorization_servers`], preferred first; never empty.
    pub authorization_servers: Vec<usize>,
    /// Accepted in `aud` besides the resource itself.
    pub audiences: Vec<Box<str>>,
    /// `scopes` and `access` or `rules`.
    pub policy: Policy,
    /// `scopes_supported` of the metadata: as written, else every scope the server names.
    pub scopes_supported: Vec<Scope>,
    /// Scopes of the first 401; `None` leaves the parameter out.
    pub first_challenge: Option<Vec<Scope>>,
    /// Every scope that this server names, sorted.
    pub known_scopes: Vec<Scope>,
    /// What lists hide.
    pub hide: Hide,
    /// How a refused tools/call looks.
    pub deny_as: DenyAs,
    /// What the upstream gets in place of the token.
    pub credential: Credential,
    /// Claims that the upstream gets as headers.
    pub identity_headers: Vec<IdentityHeader>,
    /// Headers that are usually removed, and reach the upstream as clients write them.
    pub pass_headers: Vec<HeaderName>,
    /// Browser origins besides `public_url`'s own, as written.
    pub allowed_origins: Vec<HeaderValue>,
    /// Bounds.
    pub limits: ServerLimits,
    /// Whether batches of 2025-03-26 are read.
    pub batches: bool,
    /// After this time of silence an event stream gets a comment.
    pub stream_keep_alive: Option<Duration>,
    /// The transport of 2024-11-05 beside the other, where it is served.
    pub legacy_sse: Option<LegacySse>,
}

/// `legacy_sse:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacySse {
    /// The public path of its event stream; messages go to `/messages` below it.
    pub path: Box<str>,
    /// Where the upstream's event stream is; timeouts and CA are those of the server's own upstream.
    pub upstream: UpstreamSettings,
}

/// `deny_as:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenyAs {
    /// 403 with a challenge.
    Challenge,
    /// 200 with an `isError` result, for clients that drop the 403.
    ToolError,
}

/// `limits:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Requests under way: what is written, or as many as the memory limit allows.
    pub requests: u32,
    /// Whether that is written. If not, the limit on open files may allow fewer.
    pub is_requests_written: bool,
    /// Bytes of request bodies.
    pub body_bytes: u64,
}

/// `log:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// JSON lines, or text for people.
    pub json: bool,
    /// The least level written.
    pub level: tracing::Level,
}

//! The authorization server inside: logs people in, asks them what a client may do, and issues short-lived tokens for our own servers.
//!
//! ```text
//!  GET  authorize   issuer/authorize   which client, back to where, what for     → login or consent page
//!  POST login       issuer/login       who is it? (local accounts)               → consent page
//!  POST consent     issuer/consent     what may the client do?                   → code, or the company's IdP
//!  GET  callback    issuer/bridge      the company's IdP says who it is          → code
//!  POST token       issuer/token       code, refresh token or client's own proof → access token (issuer/signing)
//!  POST register    issuer/register    RFC 7591        issuer/documents   Client ID Metadata Documents
//!  POST revoke, introspect             issuer/revoke   RFC 7009, RFC 7662
//! ```
//! What must be remembered lies in [`store`], everything secret in it hashed or sealed.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, request::Parts};

use crate::{
    base::{
        clock::{Clock, Now},
        names::{AuthorizationServerName, Issuer, Scope},
        secret::Secret,
    },
    decide::{
        authorization_server::{client::Client, people::GrantRule, request::Protected},
        routing::IssuerEndpoint,
    },
    issuer::{
        accounts::Accounts, arrivals::Arrivals, documents::Documents, keep::Outage, revocations::Revocations,
        seal::Sealer, signing::SigningKeys, store::Store, throttle::Throttle,
    },
    outbound::{
        fetch::{Fetch, Roots},
        keys::LocalKeys,
    },
};

pub mod accounts;
mod arrivals;
mod authorize;
mod bridge;
mod clients;
mod consent;
mod cookie;
pub mod documents;
mod event;
mod flow;
mod keep;
mod login;
mod metadata;
mod page;
mod posted;
mod register;
mod reply;
mod revocations;
mod revoke;
pub mod seal;
pub mod signing;
pub mod store;
#[cfg(test)]
mod testing;
pub mod throttle;
mod token;

pub use reply::{Answer, Sent};

/// One embedded authorization server as understood.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedSettings {
    /// Its name in the configuration.
    pub name: AuthorizationServerName,
    /// `public_url` + `path`.
    pub issuer: Issuer,
    /// Its public path.
    pub path: Box<str>,
    /// How people log in.
    pub login: Login,
    /// Which clients may come without having been written here.
    pub registration: Registration,
    /// Those that were.
    pub clients: Vec<Client>,
    /// Who may get which scopes.
    pub grants: Vec<GrantRule>,
    /// Our servers that take its tokens.
    pub resources: Vec<Protected>,
    /// How long an access token holds.
    pub access_token_ttl: Duration,
    /// How long a refresh token holds unused, and all that come of one consent together.
    pub refresh_token_ttl: Duration,
    /// Claims of the person that go into access tokens besides `sub`: `groups`, or claims of the IdP.
    pub token_claims: Vec<Box<str>>,
    /// What scopes mean, in words for the consent page.
    pub scope_descriptions: Vec<(Scope, Box<str>)>,
    /// Where everything is kept.
    pub store: store::StoreSettings,
    /// Seal what is kept secret; the first seals, all open. Empty with the memory store alone.
    pub seal_keys: Vec<Secret>,
}

/// `login:`.
#[derive(Clone, Debug, PartialEq)]
pub enum Login {
    /// Accounts of our own.
    Accounts(Accounts),
    /// The company's OpenID Connect provider.
    Oidc(OidcSettings),
}

/// The company's IdP, to which we are a confidential client.
#[derive(Clone, Debug, PartialEq)]
pub struct OidcSettings {
    /// Its issuer.
    pub issuer: Issuer,
    /// Our id there.
    pub client_id: Box<str>,
    /// Our secret there.
    pub client_secret: Secret,
    /// What we ask it for; `openid` is always among them.
    pub scopes: Vec<Scope>,
    /// Whether it may be asked over `http://` that is not loopback.
    pub allow_http: bool,
}

/// `registration:`.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// RFC 7591.
    pub dynamic: Dynamic,
    /// Hosts whose Client ID Metadata Documents are taken: exact names, `*.example.com`, or `*`; empty for none.
    pub document_hosts: Vec<Box<str>>,
    /// Whether a document may lie on this machine: for tests of a whole machine.
    pub allow_loopback_documents: bool,
}

/// `registration.dynamic:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dynamic {
    /// Anybody may register.
    Open,
    /// Whoever has this initial access token.
    Token(Secret),
    /// Nobody.
    Off,
}

/// One embedded authorization server at work. A reload makes another with the same [`State`].
pub struct Embedded {
    /// As configured.
    pub settings: EmbeddedSettings,
    /// What outlives a reload.
    pub state: Arc<State>,
}

/// What outlives a reload.
pub struct State {
    /// Everything that must be remembered.
    pub store: Store,
    /// Seals what the store must not show.
    pub sealer: Sealer,
    /// Keys that sign tokens.
    pub keys: SigningKeys,
    /// Client ID Metadata Documents.
    pub documents: Documents,
    /// Who tries too often.
    pub throttle: Throttle,
    /// Discovery and keys of the company's IdP.
    pub bridge: Option<bridge::Bridge>,
    /// For documents of strangers and of the IdP.
    pub fetch: Fetch,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// What was revoked before its time.
    revocations: Revocations,
    /// Families whose newest token has reached its holder.
    arrivals: Arrivals,
    /// Whether the store is away.
    outage: Outage,
}

/// One request to the authorization server. The body has been read whole.
pub struct Asked<'a> {
    /// Which of its paths.
    pub endpoint: IssuerEndpoint,
    /// The head.
    pub head: &'a Parts,
    /// The body.
    pub body: Bytes,
    /// Who is at the other end of the connection.
    pub peer: IpAddr,
    /// When it came.
    pub now: Now,
}

impl Embedded {
    /// Answers one request.
    pub async fn answer(&self, asked: Asked<'_>) -> Answer {
        use IssuerEndpoint as E;
        // What is boxed is seldom and long: it must not grow the future of every idle connection.
        match (asked.endpoint, &asked.head.method) {
            (E::Metadata, &Method::GET | &Method::HEAD) => metadata::document(self, &asked),
            (E::Jwks, &Method::GET | &Method::HEAD) => metadata::keys(self, &asked),
            (E::Authorize, &Method::GET) => Box::pin(authorize::begin(self, &asked)).await,
            (E::Login, &Method::GET) => Box::pin(login::show(self, &asked)).await,
            (E::Login, &Method::POST) => Box::pin(login::attempt(self, &asked)).await,
            (E::Consent, &Method::GET) => Box::pin(consent::show(self, &asked)).await,
            (E::Consent, &Method::POST) => Box::pin(consent::decide(self, &asked)).await,
            (E::Callback, &Method::GET) => Box::pin(bridge::callback(self, &asked)).await,
            (E::Token, &Method::POST) => token::issue(self, &asked).await,
            (E::Register, &Method::POST) => register::register(self, &asked).await,
            (E::Revoke, &Method::POST) => revoke::revoke(self, &asked).await,
            (E::Introspect, &Method::POST) => revoke::introspect(self, &asked).await,
            (_, &Method::OPTIONS) => reply::preflight(&asked),
            _ => reply::method_not_allowed(&asked),
        }
    }

    /// The absolute URL of one of its endpoints.
    #[must_use]
    pub fn url(&self, endpoint: IssuerEndpoint) -> String {
        format!("{}{}", self.settings.issuer, endpoint.suffix())
    }

    /// Whether browsers reach it by TLS: cookies are `Secure` and have the `__Host-` prefix then.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.settings.issuer.starts_with("https://")
    }
}

impl State {
    /// Opens the store, and makes all else that outlives a reload. What is signed is published by `local`.
    ///
    /// # Errors
    /// What is wrong with the store, or with the machine.
    pub fn new(
        settings: &EmbeddedSettings,
        fetch: Fetch,
        roots: Roots,
        clock: Arc<dyn Clock>,
        local: Arc<LocalKeys>,
    ) -> Result<Arc<Self>, String> {
        let store = Store::open(&settings.store, roots, Arc::clone(&clock)).map_err(|fault| fault.to_string())?;
        let bridge = match &settings.login {
            Login::Accounts(_) => None,
            Login::Oidc(oidc) => Some(bridge::Bridge::new(oidc.clone(), fetch.clone(), Arc::clone(&clock))),
        };
        Ok(Arc::new(Self {
            store,
            sealer: Sealer::new(&settings.seal_keys)?,
            keys: SigningKeys::new(Arc::clone(&local)),
            documents: Documents::default(),
            throttle: Throttle::default(),
            bridge,
            fetch,
            clock,
            revocations: Revocations::new(local),
            arrivals: Arrivals::default(),
            outage: Outage::default(),
        }))
    }
}

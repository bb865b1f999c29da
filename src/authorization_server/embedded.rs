//! One embedded authorization server: its settings, its state, and the requests to it.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{header::CONTENT_TYPE, request::Parts};

use crate::{
    authorization_server::{
        client::documents::ClientDocuments,
        delivery::Deliveries,
        grant::revocations::Revocations,
        keys::{seal::Sealer, signing::SigningKeys},
        person::{bridge::Bridge, passwords::PasswordThreads},
        renewals::Renewals,
        settings::{EmbeddedSettings, Login},
        store::Store,
        throttle::Throttle,
        upkeep::failing::FailingTasks,
    },
    base::{
        clock::{Clock, Now},
        media,
    },
    decide::{
        authorization_server::{
            error::{Code, OAuthError},
            form::Form,
        },
        routing::IssuerEndpoint,
    },
    outbound::{
        fetch::{Fetch, Roots},
        keys::LocalKeys,
    },
};

/// One embedded authorization server. A reload makes another with the same [`State`].
pub struct Embedded {
    /// As configured.
    pub settings: EmbeddedSettings,
    /// What outlives a reload.
    pub state: Arc<State>,
}

/// What outlives a reload.
pub struct State {
    /// Flows, sign-in sessions, codes, families, clients, consents, keys and revocations.
    pub store: Store,
    /// Seals secrets in the store.
    pub sealer: Sealer,
    /// Keys that sign tokens.
    pub keys: SigningKeys,
    /// Client ID Metadata Documents.
    pub documents: ClientDocuments,
    /// Rate limits.
    pub throttle: Throttle,
    /// Threads that check passwords.
    pub passwords: PasswordThreads,
    /// The company IdP, if users log in there.
    pub bridge: Option<Bridge>,
    /// Fetches client documents and asks the IdP.
    pub fetch: Fetch,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Access tokens and families revoked before they expired.
    pub(crate) revocations: Revocations,
    /// Refresh tokens that were delivered and not yet recorded as such.
    pub(crate) deliveries: Deliveries,
    /// Exchanges with the company IdP that are under way.
    pub(crate) renewals: Renewals,
    /// Upkeep tasks that fail at the moment.
    pub(crate) failing: FailingTasks,
}

/// One request to the embedded server, with its whole body.
pub struct Asked<'a> {
    /// Which endpoint.
    pub endpoint: IssuerEndpoint,
    /// The head.
    pub head: &'a Parts,
    /// The body.
    pub body: Bytes,
    /// The address at the other end of the connection.
    pub peer: IpAddr,
    /// When it arrived.
    pub now: Now,
}

impl Embedded {
    /// The absolute URL of one of its endpoints.
    #[must_use]
    pub fn url(&self, endpoint: IssuerEndpoint) -> String {
        format!("{}{}", self.settings.issuer, endpoint.suffix())
    }

    /// Whether browsers reach it by TLS; then cookies are `Secure` and have the `__Host-` prefix.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.settings.issuer.starts_with("https://")
    }
}

impl State {
    /// Opens the store and creates the rest of the state. Signing keys and revocations are
    /// published to `local`, with which the gateway verifies tokens.
    ///
    /// # Errors
    /// What is wrong with the store, or that the system has no randomness.
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
            Login::Oidc(oidc) => Some(Bridge::new(oidc.clone(), fetch.clone(), Arc::clone(&clock))),
        };
        Ok(Arc::new(Self {
            store,
            sealer: Sealer::new(&settings.seal_keys)?,
            keys: SigningKeys::new(Arc::clone(&local)),
            documents: ClientDocuments::default(),
            throttle: Throttle::default(),
            passwords: PasswordThreads::default(),
            bridge,
            fetch,
            clock,
            revocations: Revocations::new(local),
            deliveries: Deliveries::default(),
            renewals: Renewals::default(),
            failing: FailingTasks::default(),
        }))
    }

    /// Follows a reload that continues this authorization server.
    pub fn follow(&self, settings: &EmbeddedSettings) {
        if let (Some(bridge), Login::Oidc(oidc)) = (&self.bridge, &settings.login) {
            bridge.follow(oidc);
        }
    }

    /// What the operator must know: that the company IdP refuses the gateway, or why an upkeep task
    /// fails at the moment. The usual cause of that is an unreachable store.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let refused = self.bridge.as_ref().and_then(Bridge::trouble);
        match (self.failing.first(), refused) {
            (Some(failing), Some(refused)) => Some(format!("{refused}; {failing}")),
            (failing, refused) => failing.or(refused),
        }
    }

    /// Waits until the exchanges with the company IdP that are under way have ended: their new
    /// refresh tokens exist only in this process until they are stored.
    pub async fn finished(&self) {
        self.renewals.finished().await;
    }
}

impl Asked<'_> {
    /// Whether the body is labelled with this media type.
    pub(crate) fn is(&self, essence: &str) -> bool {
        let value = self.head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| media::is(value.as_bytes(), essence))
    }

    /// The body as a form. JSON text is refused: a page of another site can make a browser post it
    /// as `text/plain` (SPEC E-20).
    pub(crate) fn form(&self) -> Result<Form, OAuthError> {
        if !self.is(media::FORM) {
            return Err(Code::InvalidRequest.because("the body must be application/x-www-form-urlencoded"));
        }
        Form::read(&self.body)
    }

    /// The parameters of the query.
    pub(crate) fn query(&self) -> Result<Form, OAuthError> {
        Form::read(self.head.uri.query().unwrap_or_default().as_bytes())
    }
}

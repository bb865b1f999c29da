//! An OpenID Connect provider as the company IdP: its metadata and keys, kept fresh (SPEC D-04).
//!
//! The embedded server is an OpenID Connect client there, with its own PKCE, state and nonce. The
//! IdP's tokens never reach an MCP client (SPEC E-40…E-43).

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::{health::IdpHealth, sign_in::unavailable};
use crate::{
    authorization_server::settings::OidcSettings,
    base::clock::Clock,
    decide::{
        authorization_server::{error::OAuthError, idp_metadata},
        resource_server::issuer_metadata::{self, AskedAs, ServerMetadata},
        token::rules::{AcceptedClients, TokenRules},
    },
    outbound::{
        fault::{Fault, FaultKind},
        fetch::Fetch,
        keys::{IssuerKeys, IssuerSettings, KeyState},
    },
};

mod exchange;
mod id_token;
mod proof;
mod renewal;
mod sign_in;
mod userinfo;

/// How far the clocks of the IdP and the gateway may differ.
const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// The minimum time between two fetches of the IdP's keys for an unknown key.
const REFETCH_FLOOR: Duration = Duration::from_secs(10);

/// The company's OpenID Connect provider.
pub(crate) struct OidcBridge {
    link: ArcSwap<OidcLink>,
    /// Notified when `link` has other keys.
    relinked: Notify,
    fetch: Fetch,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) health: IdpHealth,
}

/// The IdP as configured last: a reload may change everything but its name and the client.
pub(crate) struct OidcLink {
    /// As configured.
    pub(crate) settings: OidcSettings,
    keys: Arc<IssuerKeys>,
    /// Connects in the way of `settings.reach`.
    fetch: Fetch,
}

impl OidcLink {
    fn new(settings: OidcSettings, fetch: &Fetch, clock: &Arc<dyn Clock>) -> Self {
        let rules = TokenRules {
            name: "login.oidc".into(),
            profile: "generic",
            issuers: vec![settings.issuer.clone()],
            algorithms: settings.algorithms.clone(),
            token_types: Vec::new(),
            marks: &[],
            clients: AcceptedClients::Unset,
            required_claims: Vec::new(),
            subject_claims: Vec::new(),
            clock_skew: CLOCK_SKEW,
            scope_claims: Vec::new(),
            client_claims: &[],
            machine_marks: &[],
            scope_prefixes: Vec::new(),
        };
        let of_keys = IssuerSettings {
            rules,
            keys: settings.jwks.clone(),
            refetch_floor: REFETCH_FLOOR,
            introspection: None,
            reach: settings.reach.clone(),
            asked_as: AskedAs::OpenIdClient,
        };
        let keys = IssuerKeys::new(of_keys, fetch, Arc::clone(clock));
        let fetch = fetch.reaching(&settings.reach);
        Self { settings, keys, fetch }
    }

    /// Looks once at the metadata, and says in the log whether users can sign in. Otherwise the
    /// first user would be the first to notice.
    async fn probe(&self) {
        let _ = self.keys.discovery().document().await;
        // The keys are fetched after the metadata.
        let _ = self.keys.current_or_first(self.keys.now()).await;
        match self.trouble() {
            None => tracing::info!(issuer = %self.settings.issuer, "the company IdP was found"),
            Some(trouble) => tracing::error!(issuer = %self.settings.issuer, "{trouble}"),
        }
    }

    /// Why no user can sign in, by metadata and keys.
    fn trouble(&self) -> Option<String> {
        let discovery = self.keys.discovery();
        let status = self.keys.status();
        let why = if let Some(fault) = discovery.fault() {
            format!("the metadata of the IdP cannot be fetched: {fault}")
        } else if let Some(document) = discovery.last_good() {
            let metadata = issuer_metadata::read(&document, &self.settings.issuer).ok()?;
            match (
                idp_metadata::trouble(&metadata, &self.settings.algorithms, self.settings.browsers_may_use_http()),
                status.state,
            ) {
                (Some(why), _) => why,
                (None, KeyState::Usable) => return None,
                (None, _) => format!("the IdP's keys cannot be used: {}", status.last_error?),
            }
        } else {
            return None;
        };
        Some(format!("login.oidc: no user can sign in: {why}"))
    }
}

impl OidcBridge {
    /// Without metadata: [`Self::keep_fresh`] fetches it.
    pub(super) fn new(settings: OidcSettings, fetch: Fetch, clock: Arc<dyn Clock>) -> Self {
        let link = ArcSwap::from_pointee(OidcLink::new(settings, &fetch, &clock));
        Self { link, relinked: Notify::new(), fetch, clock, health: IdpHealth::new("login.oidc") }
    }

    /// The IdP as configured last.
    pub(crate) fn link(&self) -> Arc<OidcLink> {
        self.link.load_full()
    }

    /// Follows a reload. Only settings of the same IdP are taken, because sessions are those of
    /// that IdP.
    pub(super) fn follow(&self, settings: &OidcSettings) {
        let link = self.link();
        if !settings.is_same_idp(&link.settings) {
            return;
        }
        if settings.has_same_keys(&link.settings) {
            let (keys, fetch) = (Arc::clone(&link.keys), link.fetch.clone());
            self.link.store(Arc::new(OidcLink { settings: settings.clone(), keys, fetch }));
        } else {
            self.link.store(Arc::new(OidcLink::new(settings.clone(), &self.fetch, &self.clock)));
            self.relinked.notify_one();
        }
    }

    /// Keeps metadata and keys fresh for as long as it is polled.
    pub(super) async fn keep_fresh(&self) {
        loop {
            let link = self.link();
            tokio::select! {
                ((), ()) = async { tokio::join!(Arc::clone(&link.keys).keep_fresh(), link.probe()) } => {}
                () = self.relinked.notified() => {}
            }
        }
    }

    /// Why no user can sign in, by metadata and keys.
    pub(super) fn trouble(&self) -> Option<String> {
        self.link().trouble()
    }

    /// Successful and failed fetches of its metadata.
    pub(super) fn metadata_fetches(&self) -> (u64, u64) {
        self.link().keys.discovery().fetches()
    }

    /// The IdP's metadata.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    async fn metadata(&self) -> Result<ServerMetadata, OAuthError> {
        let link = self.link();
        let document = link.keys.discovery().document().await.map_err(|fault| unavailable(&fault))?;
        issuer_metadata::read(&document, &link.settings.issuer)
            .map_err(|fault| unavailable(&Fault::new(FaultKind::Metadata, fault)))
    }
}

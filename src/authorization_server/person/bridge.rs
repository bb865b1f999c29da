//! The company IdP where users log in: its metadata and keys, kept fresh (SPEC D-04, D-56).
//!
//! The embedded server is an OpenID Connect client there, with its own PKCE, state and nonce. The
//! IdP's tokens never reach an MCP client (SPEC E-40…E-43).

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::{
    authorization_server::settings::OidcSettings,
    base::clock::Clock,
    decide::{
        authorization_server::error::{Code, OAuthError},
        resource_server::issuer_metadata::{self, ServerMetadata},
        token::rules::TokenRules,
    },
    outbound::{
        fault::{Fault, FaultKind},
        fetch::Fetch,
        keys::{IssuerKeys, IssuerSettings},
    },
};

use health::{IdpFigures, IdpHealth};

pub(crate) mod exchange;
pub mod health;
pub(crate) mod id_token;
pub(crate) mod session;

/// How far the clocks of the IdP and the gateway may differ.
const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// The minimum time between two fetches of the IdP's keys for an unknown key.
const REFETCH_FLOOR: Duration = Duration::from_secs(10);

/// The company IdP.
pub struct Bridge {
    link: ArcSwap<IdpLink>,
    /// Notified when `link` has other keys.
    relinked: Notify,
    fetch: Fetch,
    clock: Arc<dyn Clock>,
    health: IdpHealth,
}

/// The IdP as configured last: a reload may change everything but its name and the client.
pub(crate) struct IdpLink {
    /// As configured.
    pub(crate) settings: OidcSettings,
    keys: Arc<IssuerKeys>,
    /// Connects in the way of `settings.reach`.
    fetch: Fetch,
}

impl IdpLink {
    fn new(settings: OidcSettings, fetch: &Fetch, clock: &Arc<dyn Clock>) -> Self {
        let rules = TokenRules {
            name: "login.oidc".into(),
            issuers: vec![settings.issuer.clone()],
            algorithms: settings.algorithms.clone(),
            token_types: Vec::new(),
            clock_skew: CLOCK_SKEW,
            scope_claims: Vec::new(),
            client_claims: Vec::new(),
            scope_prefixes: Vec::new(),
        };
        let of_keys = IssuerSettings {
            rules,
            keys: settings.jwks.clone(),
            refetch_floor: REFETCH_FLOOR,
            reach: settings.reach.clone(),
        };
        let keys = IssuerKeys::new(of_keys, fetch, Arc::clone(clock));
        let fetch = fetch.reaching(&settings.reach);
        Self { settings, keys, fetch }
    }
}

impl Bridge {
    /// Without metadata: [`Self::keep_fresh`] fetches it.
    #[must_use]
    pub fn new(settings: OidcSettings, fetch: Fetch, clock: Arc<dyn Clock>) -> Self {
        let link = ArcSwap::from_pointee(IdpLink::new(settings, &fetch, &clock));
        Self { link, relinked: Notify::new(), fetch, clock, health: IdpHealth::default() }
    }

    /// The IdP as configured last.
    pub(crate) fn link(&self) -> Arc<IdpLink> {
        self.link.load_full()
    }

    /// Follows a reload. Only settings of the same IdP are taken, because sessions are those of
    /// that IdP.
    pub(crate) fn follow(&self, settings: &OidcSettings) {
        let link = self.link();
        if !settings.is_same_idp(&link.settings) {
            return;
        }
        if settings.has_same_keys(&link.settings) {
            let (keys, fetch) = (Arc::clone(&link.keys), link.fetch.clone());
            self.link.store(Arc::new(IdpLink { settings: settings.clone(), keys, fetch }));
        } else {
            self.link.store(Arc::new(IdpLink::new(settings.clone(), &self.fetch, &self.clock)));
            self.relinked.notify_one();
        }
    }

    /// Keeps metadata and keys fresh for as long as it is polled.
    pub async fn keep_fresh(&self) {
        loop {
            let keys = Arc::clone(&self.link().keys);
            tokio::select! {
                () = keys.keep_fresh() => {}
                () = self.relinked.notified() => {}
            }
        }
    }

    /// What the operator must do, so that users can sign in.
    pub(crate) fn troubles(&self) -> Vec<String> {
        self.health.troubles()
    }

    /// What the IdP answered since the start.
    #[must_use]
    pub fn figures(&self) -> IdpFigures {
        self.health.figures()
    }

    /// The IdP's metadata.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(crate) async fn metadata(&self) -> Result<ServerMetadata, OAuthError> {
        let link = self.link();
        let document = link.keys.discovery().document().await.map_err(|fault| unavailable(&fault))?;
        issuer_metadata::read(&document, &link.settings.issuer)
            .map_err(|fault| unavailable(&Fault::new(FaultKind::Metadata, format_args!("{fault:?}"))))
    }
}

/// The IdP cannot be asked. The client does not learn the cause; the log has it (SPEC D-34).
pub(crate) fn unavailable(fault: &Fault) -> OAuthError {
    tracing::warn!(%fault, "the company IdP cannot be asked");
    Code::TemporarilyUnavailable.because("the company's identity provider cannot be asked now; try again later")
}

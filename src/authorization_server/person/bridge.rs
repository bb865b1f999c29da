//! The company IdP where users log in: its metadata and keys, kept fresh (SPEC D-04, D-56).
//!
//! The embedded server is an OpenID Connect client there, with its own PKCE, state and nonce. The
//! IdP's tokens never reach an MCP client (SPEC E-40…E-43).

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;

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
        keys::{IssuerKeys, IssuerSettings, KeySource},
    },
};

use health::{IdpFigures, IdpHealth};

pub(crate) mod exchange;
pub mod health;
mod id_token;
pub(crate) mod session;

/// Algorithms of ID tokens: asymmetric. Every IdP supports RS256 (OpenID Connect Core §15.1).
const ALGORITHMS: [jsonwebtoken::Algorithm; 4] = [
    jsonwebtoken::Algorithm::RS256,
    jsonwebtoken::Algorithm::PS256,
    jsonwebtoken::Algorithm::ES256,
    jsonwebtoken::Algorithm::EdDSA,
];
/// How far the clocks of the IdP and the gateway may differ.
const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// The minimum time between two fetches of the IdP's keys for an unknown key.
const REFETCH_FLOOR: Duration = Duration::from_secs(10);

/// The company IdP.
pub struct Bridge {
    /// As configured last: a reload may change the secret and the scopes.
    settings: ArcSwap<OidcSettings>,
    keys: Arc<IssuerKeys>,
    fetch: Fetch,
    clock: Arc<dyn Clock>,
    health: IdpHealth,
}

impl Bridge {
    /// Without metadata: [`Self::keep_fresh`] fetches it.
    #[must_use]
    pub fn new(settings: OidcSettings, fetch: Fetch, clock: Arc<dyn Clock>) -> Self {
        let rules = TokenRules {
            name: "login.oidc".into(),
            issuers: vec![settings.issuer.clone()],
            algorithms: ALGORITHMS.to_vec(),
            token_types: Vec::new(),
            clock_skew: CLOCK_SKEW,
            scope_claims: Vec::new(),
            client_claims: Vec::new(),
            scope_prefixes: Vec::new(),
        };
        let of_keys = IssuerSettings {
            rules,
            keys: KeySource::Discover,
            refetch_floor: REFETCH_FLOOR,
            allow_http: settings.allow_http,
        };
        let keys = IssuerKeys::new(of_keys, fetch.clone(), Arc::clone(&clock));
        Self { settings: ArcSwap::from_pointee(settings), keys, fetch, clock, health: IdpHealth::default() }
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> Arc<OidcSettings> {
        self.settings.load_full()
    }

    /// Follows a reload. Only settings of the same IdP are taken: keys, metadata and sessions are
    /// those of that IdP.
    pub(crate) fn follow(&self, settings: &OidcSettings) {
        if settings.is_same_idp(&self.settings.load()) {
            self.settings.store(Arc::new(settings.clone()));
        }
    }

    /// Keeps metadata and keys fresh for as long as it is polled.
    pub async fn keep_fresh(&self) {
        Arc::clone(&self.keys).keep_fresh().await;
    }

    /// What the operator must do, while the IdP refuses the gateway.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.health.trouble()
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
        let document = self.keys.discovery().document().await.map_err(|fault| unavailable(&fault))?;
        issuer_metadata::read(&document, &self.settings.load().issuer)
            .map_err(|fault| unavailable(&Fault::new(FaultKind::Metadata, format_args!("{fault:?}"))))
    }
}

/// The IdP cannot be asked. The client does not learn the cause; the log has it (SPEC D-34).
pub(crate) fn unavailable(fault: &Fault) -> OAuthError {
    tracing::warn!(%fault, "the company IdP cannot be asked");
    Code::TemporarilyUnavailable.because("the company's identity provider cannot be asked now; try again later")
}

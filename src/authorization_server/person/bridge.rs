//! The company IdP where users log in: an OpenID Connect provider, or GitHub.

use std::sync::Arc;

use crate::{
    authorization_server::settings::Login, base::clock::Clock, decide::authorization_server::error::OAuthError,
    outbound::fetch::Fetch,
};

use github::GitHubBridge;
use health::{IdpFigures, IdpHealth};
use oidc::OidcBridge;
use session::{Believed, IdpSession, Refreshed};
use sign_in::{IdpAnswer, IdpRequest, IdpSignIn, LoginFault};

pub(crate) mod github;
pub mod health;
pub(crate) mod oidc;
pub(crate) mod session;
pub(crate) mod sign_in;

/// The company IdP.
pub struct Bridge(Kind);

enum Kind {
    Oidc(Box<OidcBridge>),
    GitHub(Box<GitHubBridge>),
}

impl Bridge {
    /// The IdP of `login`; `None` with local accounts. [`Self::keep_fresh`] asks it first.
    #[must_use]
    pub fn new(login: &Login, fetch: &Fetch, clock: &Arc<dyn Clock>) -> Option<Self> {
        let (fetch, clock) = (fetch.clone(), Arc::clone(clock));
        Some(Self(match login {
            Login::Accounts(_) => return None,
            Login::Oidc(oidc) => Kind::Oidc(Box::new(OidcBridge::new((**oidc).clone(), fetch, clock))),
            Login::GitHub(github) => Kind::GitHub(Box::new(GitHubBridge::new((**github).clone(), fetch, clock))),
        }))
    }

    /// Follows a reload. Only settings of the same IdP are taken, because sessions are those of
    /// that IdP.
    pub(crate) fn follow(&self, login: &Login) {
        match (&self.0, login) {
            (Kind::Oidc(bridge), Login::Oidc(oidc)) => bridge.follow(oidc),
            (Kind::GitHub(bridge), Login::GitHub(github)) => bridge.follow(github),
            _ => {}
        }
    }

    /// Keeps what is known of the IdP fresh for as long as it is polled.
    pub async fn keep_fresh(&self) {
        match &self.0 {
            // Its state is on the heap: it lasts as long as the process.
            Kind::Oidc(bridge) => Box::pin(bridge.keep_fresh()).await,
            Kind::GitHub(bridge) => bridge.keep_fresh().await,
        }
    }

    /// The address at the IdP for the browser.
    ///
    /// # Errors
    /// `temporarily_unavailable`; `login_required` if the IdP could not do without a page, and none
    /// may be shown.
    pub(crate) async fn departure(&self, to: &IdpRequest<'_>) -> Result<String, OAuthError> {
        match &self.0 {
            Kind::Oidc(bridge) => bridge.departure(to).await,
            Kind::GitHub(bridge) => bridge.departure(to),
        }
    }

    /// The user of the IdP's answer.
    ///
    /// # Errors
    /// Why no user is logged in.
    pub(crate) async fn arrived(&self, arrival: &IdpAnswer<'_>) -> Result<IdpSignIn, LoginFault> {
        match &self.0 {
            Kind::Oidc(bridge) => bridge.arrived(arrival).await,
            Kind::GitHub(bridge) => bridge.arrived(arrival).await,
        }
    }

    /// Asks the IdP whether the session is still alive; `None` if it is over. The caller must store
    /// the answer's session before anything else: the IdP may not accept the old token again.
    ///
    /// # Errors
    /// `temporarily_unavailable` if the IdP cannot be asked, or refuses the gateway.
    pub(crate) async fn refresh(&self, session: IdpSession) -> Result<Option<Refreshed>, OAuthError> {
        match &self.0 {
            Kind::Oidc(bridge) => bridge.refresh(session).await,
            Kind::GitHub(bridge) => bridge.refresh(session).await,
        }
    }

    /// What the answer to a refresh says about the user.
    ///
    /// # Errors
    /// `temporarily_unavailable`: the answer cannot be used, or something cannot be asked now. That
    /// is not the user's fault, so the session stays.
    pub(crate) async fn believe(&self, refreshed: Refreshed) -> Result<Believed, OAuthError> {
        match &self.0 {
            Kind::Oidc(bridge) => bridge.believe(refreshed).await,
            Kind::GitHub(bridge) => bridge.believe(refreshed).await,
        }
    }

    /// What the operator must do, so that users can sign in.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let of_metadata = match &self.0 {
            Kind::Oidc(bridge) => bridge.trouble(),
            Kind::GitHub(bridge) => bridge.trouble(),
        };
        of_metadata.into_iter().chain(self.health().troubles()).collect()
    }

    /// The claims of a user do not fit into the store.
    pub(crate) fn cannot_keep(&self, why: String) {
        self.health().remark("claims", why, self.clock().now().mono);
    }

    /// What the operator must know although users can sign in.
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.health().remarks(self.clock().now().mono)
    }

    /// Successful and failed fetches of its metadata; GitHub has none.
    #[must_use]
    pub fn metadata_fetches(&self) -> (u64, u64) {
        match &self.0 {
            Kind::Oidc(bridge) => bridge.metadata_fetches(),
            Kind::GitHub(_) => (0, 0),
        }
    }

    /// Whether users can sign in, as far as is known.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.troubles().is_empty()
    }

    /// What the IdP answered since the start.
    #[must_use]
    pub fn figures(&self) -> IdpFigures {
        self.health().figures()
    }

    /// The configured client at an OpenID Connect provider, as followed last.
    #[cfg(test)]
    pub(crate) fn client_id(&self) -> Box<str> {
        match &self.0 {
            Kind::Oidc(bridge) => bridge.link().settings.client_id.clone(),
            Kind::GitHub(bridge) => bridge.link().settings.client_id.clone(),
        }
    }

    fn clock(&self) -> &dyn Clock {
        match &self.0 {
            Kind::Oidc(bridge) => &*bridge.clock,
            Kind::GitHub(bridge) => &*bridge.clock,
        }
    }

    fn health(&self) -> &IdpHealth {
        match &self.0 {
            Kind::Oidc(bridge) => &bridge.health,
            Kind::GitHub(bridge) => &bridge.health,
        }
    }
}

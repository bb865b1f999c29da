//! GitHub as the company IdP: its address for browsers, its tokens, and who a user is there.
//!
//! An OAuth app of GitHub gives access tokens that do not expire, so the session of a user is that
//! token. A GitHub App gives refresh tokens, if its user tokens expire. Either way GitHub is asked
//! at each refresh who the user is. GitHub's tokens never reach an MCP client.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{sync::Notify, time::sleep};

use super::{health::IdpHealth, sign_in::IdpRequest};
use crate::{
    authorization_server::settings::GitHubSettings,
    base::clock::Clock,
    decide::authorization_server::{
        error::{Code, OAuthError},
        form,
        pkce::Challenge,
    },
    outbound::{
        address::AddressRule,
        fetch::{Fetch, Plaintext, Wanted},
    },
};

mod api;
mod renewal;
mod sign_in;
mod token;

/// Half of the first pause while no user can sign in; each is twice as long as the last.
const PROBE_AGAIN: Duration = Duration::from_secs(1);
/// The longest pause then, and the shortest time between two looks otherwise.
const PROBE_PAUSE: Duration = Duration::from_secs(60);

/// GitHub, or a GitHub Enterprise Server.
pub(crate) struct GitHubBridge {
    link: ArcSwap<GitHubLink>,
    /// Notified when `link` has another secret or another way to GitHub.
    relinked: Notify,
    /// Notified when there is a reason to look at GitHub again.
    suspected: Notify,
    /// What the last look found.
    trouble: Mutex<Option<String>>,
    /// Users about whom GitHub does not say what decides; at most two, none after a success.
    refused_users: Mutex<Vec<u64>>,
    fetch: Fetch,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) health: IdpHealth,
}

/// GitHub as configured last.
pub(crate) struct GitHubLink {
    /// As configured.
    pub(crate) settings: GitHubSettings,
    fetch: Fetch,
}

impl GitHubLink {
    fn new(settings: GitHubSettings, fetch: &Fetch) -> Self {
        let fetch = fetch.reaching(&settings.reach);
        Self { settings, fetch }
    }

    /// A URL of GitHub. The configuration names its host.
    fn wanted<'u>(&self, url: &'u str, bytes_max: usize) -> Wanted<'u> {
        let plaintext = if self.settings.reach.allow_http { Plaintext::Permitted } else { Plaintext::Loopback };
        Wanted { url, rule: AddressRule::Configured, plaintext, bytes_max }
    }
}

impl GitHubBridge {
    /// [`Self::keep_fresh`] asks GitHub first.
    pub(super) fn new(settings: GitHubSettings, fetch: Fetch, clock: Arc<dyn Clock>) -> Self {
        let link = ArcSwap::from_pointee(GitHubLink::new(settings, &fetch));
        Self {
            link,
            relinked: Notify::new(),
            suspected: Notify::new(),
            trouble: Mutex::default(),
            refused_users: Mutex::default(),
            fetch,
            clock,
            health: IdpHealth::new("login.github"),
        }
    }

    /// GitHub as configured last.
    pub(crate) fn link(&self) -> Arc<GitHubLink> {
        self.link.load_full()
    }

    /// Follows a reload. Only settings of the same app are taken.
    pub(super) fn follow(&self, settings: &GitHubSettings) {
        let before = self.link();
        if !settings.is_same_idp(&before.settings) {
            return;
        }
        let is_reached_otherwise =
            settings.client_secret != before.settings.client_secret || settings.reach != before.settings.reach;
        self.link.store(Arc::new(GitHubLink::new(settings.clone(), &self.fetch)));
        if is_reached_otherwise {
            self.relinked.notify_one();
        }
    }

    /// Looks whether users can sign in: at the start, until GitHub answers, when secret or way have
    /// changed, and when something failed, once a minute at most.
    pub(super) async fn keep_fresh(&self) {
        let mut wait = PROBE_AGAIN;
        loop {
            let found = self.probe().await.err();
            let pause = match &found {
                Some(_) => wait.saturating_mul(2).min(PROBE_PAUSE),
                None => PROBE_PAUSE,
            };
            wait = if found.is_some() { pause } else { PROBE_AGAIN };
            self.found(found);
            tokio::select! {
                () = self.relinked.notified() => wait = PROBE_AGAIN,
                () = async {
                    sleep(pause).await;
                    if self.trouble().is_none() {
                        self.suspected.notified().await;
                    }
                } => {}
            }
        }
    }

    /// Something failed: GitHub is looked at again soon.
    fn suspect(&self) {
        self.suspected.notify_one();
    }

    /// Why no user can sign in, as far as is known without one.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what a look found. Logged when it begins, changes or ends.
    fn found(&self, trouble: Option<String>) {
        let mut known = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != trouble {
            match &trouble {
                Some(trouble) => tracing::error!("{trouble}"),
                None => tracing::info!("users can sign in at GitHub again"),
            }
            *known = trouble;
        }
    }

    fn refused_users(&self) -> MutexGuard<'_, Vec<u64>> {
        self.refused_users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address for the browser.
    ///
    /// # Errors
    /// `login_required` if no page may be shown: GitHub cannot say who is signed in without one.
    pub(super) fn departure(&self, to: &IdpRequest<'_>) -> Result<String, OAuthError> {
        if to.prompt.split(' ').any(|word| word == "none") {
            return Err(Code::LoginRequired.because("prompt=none, but GitHub always shows a page"));
        }
        let link = self.link();
        let settings = &link.settings;
        let (scope, challenge) = (settings.scopes().join(" "), Challenge::of(&to.expected.verifier));
        let mut parameters = vec![
            ("client_id", &*settings.client_id),
            ("redirect_uri", to.callback),
            ("scope", &*scope),
            ("state", to.state),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        // GitHub knows neither `login` nor `max_age`: its choice of accounts comes closest.
        let chooses =
            to.max_age.is_some() || to.prompt.split(' ').any(|word| matches!(word, "login" | "select_account"));
        parameters.extend(chooses.then_some(("prompt", "select_account")));
        parameters.extend(to.hint().map(|hint| ("login", hint)));
        if !settings.admitted.is_empty() {
            // A new account is in no organization.
            parameters.push(("allow_signup", "false"));
        }
        Ok(format!("{}/login/oauth/authorize?{}", settings.place.web, form::encode(&parameters)))
    }
}

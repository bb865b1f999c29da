//! One issuer's keys: fetched ahead of need, kept while the issuer is away, shared by all requests.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use arc_swap::ArcSwapOption;
use serde_json::Value;
use tokio::{sync::watch, time::timeout};

use crate::{
    base::{
        clock::{Clock, Now},
        limits::fetch::FETCH_TIMEOUT,
        names::Issuer,
    },
    decide::{
        refusal::Refusal,
        token::{caller::Caller, rules::TokenRules},
    },
    outbound::{
        discover::{Discovery, Start},
        fault::Fault,
        fetch::{Fetch, Plaintext},
        keys::{demand::Demand, source::DocumentSource},
    },
};

mod demand;
mod local;
pub mod newer;
mod published;
mod refresh;
mod settings;
mod source;
#[cfg(test)]
mod tests;

pub use local::LocalKeys;
pub use published::{IssuerId, Published};
pub use settings::{IssuerSettings, KeySource};

/// One issuer's keys. Only [`Self::keep_fresh`] fetches; a request can do no more than ask it to,
/// and wait ([`newer::Newer`]).
pub struct IssuerKeys {
    id: IssuerId,
    settings: IssuerSettings,
    source: DocumentSource,
    discovery: Arc<Discovery>,
    clock: Arc<dyn Clock>,
    published: ArcSwapOption<Published>,
    demand: Demand,
    progress: watch::Sender<Progress>,
    fetches_ok: AtomicU64,
    fetches_failed: AtomicU64,
}

/// How an issuer's keys are, for /readyz and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// Whether there are keys to verify with.
    pub state: KeyState,
    /// Why the last attempt failed; `None` after a good one.
    pub last_error: Option<String>,
    /// Usable keys.
    pub keys: usize,
    /// Keys of the document that were skipped.
    pub skipped: usize,
    /// Attempts that went well.
    pub fetches_ok: u64,
    /// Attempts that failed.
    pub fetches_failed: u64,
}

/// Whether tokens of an issuer can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// No fetch has brought a key set yet.
    Missing,
    /// There are keys in force.
    Usable,
    /// The issuer has not confirmed its keys for [`crate::base::limits::fetch::JWKS_STALE_MAX`].
    TooOld,
    /// The issuer's key set has no usable key.
    Withdrawn,
}

/// How far the fetching has come.
#[derive(Clone, Default)]
struct Progress {
    /// Attempts that have ended, one after the other.
    attempts: u64,
    /// Why the last one failed.
    fault: Option<Arc<Fault>>,
}

impl IssuerKeys {
    /// The keys of the issuer in `settings`; none are there before [`Self::keep_fresh`] runs.
    #[must_use]
    pub fn new(settings: IssuerSettings, fetch: Fetch, clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::embedded(settings, Arc::default(), fetch, clock)
    }

    /// Like [`Self::new`]; where the issuer is embedded, its keys are those that are published in
    /// `local`.
    #[must_use]
    pub fn embedded(settings: IssuerSettings, local: Arc<LocalKeys>, fetch: Fetch, clock: Arc<dyn Clock>) -> Arc<Self> {
        let plaintext = if settings.allow_http { Plaintext::Permitted } else { Plaintext::Loopback };
        let start = if settings.keys == KeySource::Discover { Start::AtOnce } else { Start::WhenAsked };
        // The configuration ensures that there is one; metadata of an empty name is never found.
        let issuer = settings.rules.issuers.first().cloned().unwrap_or_else(|| Issuer::from(""));
        let discovery = Arc::new(Discovery::new(issuer, plaintext, start, fetch.clone()));
        let source = DocumentSource::new(&settings.keys, local, plaintext, fetch, Arc::clone(&discovery));
        Arc::new(Self {
            id: IssuerId::new(),
            demand: Demand::new(settings.refetch_floor, &settings.keys),
            settings,
            source,
            discovery,
            clock,
            published: ArcSwapOption::empty(),
            progress: watch::Sender::default(),
            fetches_ok: AtomicU64::new(0),
            fetches_failed: AtomicU64::new(0),
        })
    }

    /// Its identity: a reload that changes the settings makes a new one.
    #[must_use]
    pub fn id(&self) -> &IssuerId {
        &self.id
    }

    /// Its settings. A reload that changes them makes another [`IssuerKeys`].
    #[must_use]
    pub fn settings(&self) -> &IssuerSettings {
        &self.settings
    }

    /// What its tokens must be like.
    #[must_use]
    pub fn rules(&self) -> &TokenRules {
        &self.settings.rules
    }

    /// Its metadata, kept fresh along with the keys.
    #[must_use]
    pub fn discovery(&self) -> &Arc<Discovery> {
        &self.discovery
    }

    /// The keys in force, unless the issuer has not confirmed them for
    /// [`crate::base::limits::fetch::JWKS_STALE_MAX`].
    #[must_use]
    pub fn current(&self, now: Now) -> Option<Arc<Published>> {
        self.published.load_full().filter(|published| published.is_usable(now))
    }

    /// The generation of [`Self::current`], for the path that needs no more.
    #[must_use]
    pub fn generation(&self, now: Now) -> Option<u64> {
        self.published
            .load()
            .as_ref()
            .filter(|published| published.is_usable(now))
            .map(|published| published.generation)
    }

    /// The keys in force. Waits for the first attempt only.
    ///
    /// # Errors
    /// [`Refusal::KeysUnavailable`]: after a 401 the client would drop its token because of an
    /// outage (SPEC A-39).
    pub async fn current_or_first(&self, now: Now) -> Result<Arc<Published>, Refusal> {
        if let Some(published) = self.current(now) {
            return Ok(published);
        }
        self.wait_for(|progress| progress.attempts > 0).await;
        // Read the clock again: the keys may have been fetched while this waited.
        let now = self.clock.now();
        self.current(now).ok_or_else(|| self.unavailable(now))
    }

    /// What the embedded authorization server writes, where this is its issuer.
    #[must_use]
    pub fn local(&self) -> Option<&Arc<LocalKeys>> {
        self.source.local()
    }

    /// Whether the token of `caller` was revoked before it expired. Only revocations by the
    /// embedded authorization server are known. A token without `jti` cannot be revoked, so it is
    /// not one of its tokens, and counts as revoked.
    #[must_use]
    pub fn is_revoked(&self, caller: &Caller) -> bool {
        let Some(local) = self.local() else { return false };
        caller.claims().get("jti").and_then(Value::as_str).is_none_or(|jti| local.is_revoked(jti))
    }

    async fn wait_for(&self, reached: impl FnMut(&Progress) -> bool) -> bool {
        timeout(FETCH_TIMEOUT, self.progress.subscribe().wait_for(reached)).await.is_ok()
    }

    fn unavailable(&self, now: Now) -> Refusal {
        demand::unavailable_until(self.demand.next(now.mono), now)
    }

    fn state(&self, now: Now) -> KeyState {
        match self.published.load().as_deref() {
            None => KeyState::Missing,
            Some(published) if published.is_usable(now) => KeyState::Usable,
            Some(published) if published.set.is_empty() => KeyState::Withdrawn,
            Some(_) => KeyState::TooOld,
        }
    }

    /// How the keys are.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        let published = self.published.load();
        let set = published.as_ref().map(|published| &published.set);
        KeyStatus {
            state: self.state(self.clock.now()),
            last_error: self.progress.borrow().fault.as_ref().map(ToString::to_string),
            keys: set.map_or(0, |set| set.len()),
            skipped: set.map_or(0, |set| set.skipped()),
            fetches_ok: self.fetches_ok.load(Relaxed),
            fetches_failed: self.fetches_failed.load(Relaxed),
        }
    }
}

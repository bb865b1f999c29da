//! One issuer's keys: fetched ahead of need, kept in an outage, shared by all requests.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use arc_swap::ArcSwapOption;
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
        introspect::Introspector,
        keys::{demand::Demand, source::DocumentSource},
    },
};

mod demand;
mod local;
pub mod newer;
mod published;
mod refresh;
mod revoked;
mod settings;
mod source;
#[cfg(test)]
mod tests;

pub use local::LocalKeys;
pub use published::{IssuerId, Published};
pub use settings::{IssuerSettings, KeySource};

/// One issuer's keys. Only [`Self::keep_fresh`] fetches; a request can only ask for a fetch, and
/// wait ([`newer::Newer`]).
pub struct IssuerKeys {
    id: IssuerId,
    settings: IssuerSettings,
    source: DocumentSource,
    introspector: Option<Introspector>,
    discovery: Arc<Discovery>,
    clock: Arc<dyn Clock>,
    published: ArcSwapOption<Published>,
    demand: Demand,
    progress: watch::Sender<Progress>,
    fetches_ok: AtomicU64,
    fetches_failed: AtomicU64,
}

/// The state of an issuer's keys, for `/readyz` and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// Whether tokens can be verified.
    pub state: KeyState,
    /// Why the last attempt failed; `None` if it succeeded.
    pub last_error: Option<String>,
    /// Usable keys.
    pub keys: usize,
    /// Keys of the document that were skipped.
    pub skipped: usize,
    /// Successful attempts.
    pub fetches_ok: u64,
    /// Failed attempts.
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

/// The progress of the fetches.
#[derive(Clone, Default)]
struct Progress {
    /// The number of ended attempts.
    attempts: u64,
    /// Why the last attempt failed.
    fault: Option<Arc<Fault>>,
}

impl IssuerKeys {
    /// The keys of the issuer in `settings`. There are none before [`Self::keep_fresh`] runs.
    #[must_use]
    pub fn new(settings: IssuerSettings, fetch: &Fetch, clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::embedded(settings, Arc::default(), fetch, clock)
    }

    /// As [`Self::new`], after a reload that changed the settings. If one of `before` has its keys
    /// from the same place, its keys and metadata stay in force until the first attempt: an edit of
    /// another setting must not refuse every token while the issuer is not reachable.
    #[must_use]
    pub fn after(settings: IssuerSettings, before: &[Arc<Self>], fetch: &Fetch, clock: Arc<dyn Clock>) -> Arc<Self> {
        let same = before.iter().find(|before| settings.reads_as(&before.settings));
        Self::build(settings, Arc::default(), same.map(|same| &**same), fetch, clock)
    }

    /// As [`Self::new`], for an embedded issuer, which publishes its keys in `local`.
    #[must_use]
    pub fn embedded(
        settings: IssuerSettings,
        local: Arc<LocalKeys>,
        fetch: &Fetch,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Self::build(settings, local, None, fetch, clock)
    }

    fn build(
        settings: IssuerSettings,
        local: Arc<LocalKeys>,
        before: Option<&Self>,
        fetch: &Fetch,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let fetch = fetch.reaching(&settings.reach);
        let plaintext = if settings.reach.allow_http { Plaintext::Permitted } else { Plaintext::Loopback };
        let finds_endpoint = settings.introspection.as_ref().is_some_and(|introspection| introspection.url.is_none());
        let is_needed = settings.keys == KeySource::Discover || finds_endpoint;
        let start = if is_needed { Start::AtOnce } else { Start::WhenAsked };
        // The configuration ensures that there is an issuer. Metadata of an empty name is never
        // found.
        let issuer = settings.rules.issuers.first().cloned().unwrap_or_else(|| Issuer::from(""));
        let discovery = Discovery::new(issuer, plaintext, start, fetch.clone())
            .asked_as(settings.asked_as)
            .written_as(settings.rules.issuers.clone());
        let discovery = Arc::new(match before {
            Some(before) => discovery.after(&before.discovery),
            None => discovery,
        });
        let introspector = settings.introspection.clone().map(|introspection| {
            let (rules, discovery, clock) = (settings.rules.clone(), Arc::clone(&discovery), Arc::clone(&clock));
            Introspector::new(introspection, rules, plaintext, fetch.clone(), discovery, clock)
        });
        let source = DocumentSource::new(&settings.keys, local, plaintext, fetch, Arc::clone(&discovery));
        Arc::new(Self {
            id: IssuerId::new(),
            demand: Demand::new(settings.refetch_floor, &settings.keys),
            settings,
            source,
            introspector,
            discovery,
            published: ArcSwapOption::new(before.and_then(|before| before.current(clock.now()))),
            clock,
            progress: watch::Sender::default(),
            fetches_ok: AtomicU64::new(0),
            fetches_failed: AtomicU64::new(0),
        })
    }

    /// Its identity. A reload that changes the settings makes a new one.
    #[must_use]
    pub fn id(&self) -> &IssuerId {
        &self.id
    }

    /// The time by its clock.
    #[must_use]
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// Its settings. A reload that changes them makes new [`IssuerKeys`].
    #[must_use]
    pub fn settings(&self) -> &IssuerSettings {
        &self.settings
    }

    /// Whether tokens that were verified with the keys of `before` need no other keys: both read
    /// them from the same place.
    #[must_use]
    pub fn has_keys_of(&self, before: &Self) -> bool {
        let is_same_server = match (self.local(), before.local()) {
            (Some(now), Some(before)) => Arc::ptr_eq(now, before),
            (now, before) => now.is_none() && before.is_none(),
        };
        is_same_server && self.settings.reads_as(&before.settings)
    }

    /// The requirements for its tokens.
    #[must_use]
    pub fn rules(&self) -> &TokenRules {
        &self.settings.rules
    }

    /// What introspects its opaque tokens, if it issues any.
    #[must_use]
    pub fn introspector(&self) -> Option<&Introspector> {
        self.introspector.as_ref()
    }

    /// Whether it signs tokens. Otherwise every token of it is introspected.
    #[must_use]
    pub fn signs(&self) -> bool {
        self.settings.keys != KeySource::Nowhere
    }

    /// Its metadata, kept fresh together with the keys.
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

    /// The generation of [`Self::current`], for a caller that needs only this.
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
    /// [`Refusal::KeysUnavailable`]: with a 401 the client would drop its token because of an
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

    /// The keys and revocations of the embedded authorization server; `None` for any other issuer.
    #[must_use]
    pub fn local(&self) -> Option<&Arc<LocalKeys>> {
        self.source.local()
    }

    /// Whether the token of `caller` no longer counts although it has not expired. This is known of
    /// an embedded authorization server only.
    #[must_use]
    pub fn is_withdrawn(&self, caller: &Caller) -> bool {
        self.local().is_some_and(|local| local.is_withdrawn(caller))
    }

    async fn wait_for(&self, reached: impl FnMut(&Progress) -> bool) -> bool {
        timeout(FETCH_TIMEOUT, self.progress.subscribe().wait_for(reached)).await.is_ok()
    }

    fn unavailable(&self, now: Now) -> Refusal {
        let refusal = demand::unavailable_until(self.demand.next(now.mono), now);
        match (refusal, self.discovery.lines_to_write()) {
            // With other keys than those of the metadata, tokens are refused for another reason.
            (Refusal::KeysUnavailable { retry_after_secs }, Some(lines))
                if self.settings.keys == KeySource::Discover =>
            {
                Refusal::OtherIssuer { lines, retry_after_secs }
            }
            (refusal, _) => refusal,
        }
    }

    fn state(&self, now: Now) -> KeyState {
        if !self.signs() {
            let is_ready = self.introspector.as_ref().is_some_and(Introspector::is_ready);
            return if is_ready { KeyState::Usable } else { KeyState::Missing };
        }
        match self.published.load().as_deref() {
            None => KeyState::Missing,
            Some(published) if published.is_usable(now) => KeyState::Usable,
            Some(published) if published.set.is_empty() => KeyState::Withdrawn,
            Some(_) => KeyState::TooOld,
        }
    }

    fn last_error(&self) -> Option<String> {
        let of_keys = self.progress.borrow().fault.as_ref().map(ToString::to_string);
        of_keys.or_else(|| self.discovery.fault().filter(|_| !self.signs()).map(|fault| fault.to_string()))
    }

    /// The state of the keys.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        let published = self.published.load();
        let set = published.as_ref().map(|published| &published.set);
        KeyStatus {
            state: self.state(self.clock.now()),
            last_error: self.last_error(),
            keys: set.map_or(0, |set| set.len()),
            skipped: set.map_or(0, |set| set.skipped()),
            fetches_ok: self.fetches_ok.load(Relaxed),
            fetches_failed: self.fetches_failed.load(Relaxed),
        }
    }
}

//! Keeps each issuer's keys: fetched once for all, refreshed ahead of need, kept when the issuer is away.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use moka::sync::Cache;
use tokio::{
    select,
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use crate::{
    base::{
        clock::{Clock, Now},
        limits::{FETCH_TIMEOUT, UNKNOWN_KIDS_MAX},
        names::Issuer,
    },
    decide::{
        refusal::{Refusal, TokenFault},
        token::{
            jwk::{KeySet, KeySetFault},
            jwt::TokenRules,
        },
    },
    outbound::{
        Fault,
        discover::{Discovery, Start},
        fetch::{Fetch, Plaintext},
    },
};

mod local;
mod published;
mod source;
#[cfg(test)]
mod tests;

pub use local::LocalKeys;
pub(in crate::outbound) use published::sha256;
pub use published::{IssuerId, Published};
use source::{Document, Source};

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// From `jwks_uri` of the issuer's metadata.
    Discover,
    /// From this URL.
    Url(Box<str>),
    /// From this file, read again when it changes.
    File(PathBuf),
    /// From the authorization server inside.
    Local(Arc<LocalKeys>),
}

/// One authorization server as understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// What its tokens must be like; the first of `rules.issuers` is the issuer we publish and discover.
    pub rules: TokenRules,
    /// Where its keys are.
    pub keys: KeySource,
    /// An unknown key id causes at most one fetch in this time.
    pub refetch_floor: Duration,
    /// Whether an `http://` issuer that is not loopback may be asked.
    pub allow_http: bool,
}

/// One issuer's keys. Only [`Self::keep_fresh`] fetches; a request can do no more than ask it to, and wait.
pub struct IssuerKeys {
    id: IssuerId,
    settings: IssuerSettings,
    source: Source,
    discovery: Arc<Discovery>,
    clock: Arc<dyn Clock>,
    published: ArcSwapOption<Published>,
    /// Key ids that a fetch has shown to be unknown, and when.
    unknown: Cache<Box<str>, Duration>,
    asked: watch::Sender<Asked>,
    progress: watch::Sender<Progress>,
    fetches_ok: AtomicU64,
    fetches_failed: AtomicU64,
}

/// How an issuer's keys are, for /readyz and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// Whether there are keys to verify with.
    pub ready: bool,
    /// Why the last attempt failed; `None` after a good one.
    pub last_error: Option<String>,
    /// Usable keys.
    pub keys: usize,
    /// Keys of the document that were skipped.
    pub skipped: usize,
    /// When the keys in force were last confirmed, since 1970.
    pub fetched_at: Option<Duration>,
    /// Attempts that went well.
    pub fetches_ok: u64,
    /// Attempts that failed.
    pub fetches_failed: u64,
}

/// What requests have asked for.
#[derive(Clone, Copy, Default)]
struct Asked {
    /// How many times an unknown key id has made us ask.
    count: u64,
    /// The last time.
    at: Option<Duration>,
}

/// How far the fetching has come.
#[derive(Clone, Default)]
struct Progress {
    attempts: u64,
    /// [`Asked::count`] as it was when the last attempt began: that many questions are answered.
    answered: u64,
    fault: Option<Arc<Fault>>,
    next: Duration,
}

impl IssuerKeys {
    /// The keys of the issuer in `settings`; none are there before [`Self::keep_fresh`] runs.
    #[must_use]
    pub fn new(settings: IssuerSettings, fetch: Fetch, clock: Arc<dyn Clock>) -> Arc<Self> {
        let plaintext = if settings.allow_http { Plaintext::Permitted } else { Plaintext::Loopback };
        let start = if settings.keys == KeySource::Discover { Start::AtOnce } else { Start::WhenAsked };
        // The configuration has made sure that there is one; an empty name only finds nothing.
        let issuer = settings.rules.issuers.first().cloned().unwrap_or_else(|| Issuer::from(""));
        let discovery = Arc::new(Discovery::new(issuer, plaintext, start, fetch.clone(), Arc::clone(&clock)));
        let source = Source::new(&settings.keys, plaintext, fetch, Arc::clone(&discovery));
        Arc::new(Self {
            id: IssuerId::new(),
            unknown: Cache::builder().max_capacity(UNKNOWN_KIDS_MAX).time_to_live(settings.refetch_floor).build(),
            settings,
            source,
            discovery,
            clock,
            published: ArcSwapOption::empty(),
            asked: watch::Sender::default(),
            progress: watch::Sender::default(),
            fetches_ok: AtomicU64::new(0),
            fetches_failed: AtomicU64::new(0),
        })
    }

    /// What tells it from every other.
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

    /// The keys in force, unless the issuer has not confirmed them for [`crate::base::limits::JWKS_STALE_MAX`].
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

    /// The keys in force; waits for the very first attempt and for no other.
    ///
    /// # Errors
    /// [`Refusal::KeysUnavailable`]: a client that loses its token over our outage would be worse off (SPEC A-39).
    pub async fn current_or_first(&self, now: Now) -> Result<Arc<Published>, Refusal> {
        if let Some(published) = self.current(now) {
            return Ok(published);
        }
        self.wait_for(|progress| progress.attempts > 0).await;
        // Read the clock again: keys that came while we waited are not from the future.
        let now = self.clock.now();
        self.current(now).ok_or_else(|| self.unavailable(now))
    }

    /// Keys newer than `seen_generation`, which has no key `kid`. However many requests name unknown keys, one fetch serves
    /// them all, and no other is made for their sake within `refetch_floor` (SPEC B-42, B-43; attack 75).
    ///
    /// # Errors
    /// [`TokenFault::UnknownKey`] where the issuer was asked and has no other keys; [`Refusal::KeysUnavailable`] where it
    /// could not be asked, so that nobody knows.
    pub async fn for_unknown_key(
        &self,
        kid: Option<&str>,
        seen_generation: u64,
        now: Now,
    ) -> Result<Arc<Published>, Refusal> {
        if let Some(newer) = self.newer_than(seen_generation, now) {
            return Ok(newer);
        }
        if kid.is_some_and(|kid| self.is_known_to_be_unknown(kid, now)) {
            return Err(self.verdict(now));
        }
        let Some(question) = self.question(now) else { return Err(self.verdict(now)) };
        let is_answered = self.wait_for(|progress| progress.answered >= question).await;
        let now = self.clock.now();
        if let Some(newer) = self.newer_than(seen_generation, now) {
            return Ok(newer);
        }
        if !is_answered {
            return Err(self.unavailable(now));
        }
        let verdict = self.verdict(now);
        if let (Some(kid), Refusal::Token(TokenFault::UnknownKey)) = (kid, &verdict) {
            self.unknown.insert(kid.into(), now.mono);
        }
        Err(verdict)
    }

    fn newer_than(&self, seen_generation: u64, now: Now) -> Option<Arc<Published>> {
        self.current(now).filter(|published| published.generation != seen_generation)
    }

    fn is_known_to_be_unknown(&self, kid: &str, now: Now) -> bool {
        self.unknown.get(kid).is_some_and(|since| now.mono < since.saturating_add(self.settings.refetch_floor))
    }

    /// The question whose answer to wait for: one that is open, or a new one if the floor permits it.
    fn question(&self, now: Now) -> Option<u64> {
        // A file is looked at all the time.
        if matches!(self.settings.keys, KeySource::File(_) | KeySource::Local(_)) {
            return None;
        }
        let answered = self.progress.borrow().answered;
        let mut question = None;
        self.asked.send_if_modified(|asked| {
            let is_open = asked.count > answered;
            let is_too_soon = asked.at.is_some_and(|at| now.mono < at.saturating_add(self.settings.refetch_floor));
            if !is_open && !is_too_soon {
                *asked = Asked { count: asked.count.saturating_add(1), at: Some(now.mono) };
                question = Some(asked.count);
                return true;
            }
            question = is_open.then_some(asked.count);
            false
        });
        question
    }

    async fn wait_for(&self, reached: impl FnMut(&Progress) -> bool) -> bool {
        timeout(FETCH_TIMEOUT, self.progress.subscribe().wait_for(reached)).await.is_ok()
    }

    /// What an unknown key means by the last attempt: the issuer does not have it, or could not say.
    fn verdict(&self, now: Now) -> Refusal {
        let is_certain = self.progress.borrow().fault.is_none() && self.current(now).is_some();
        if is_certain { Refusal::Token(TokenFault::UnknownKey) } else { self.unavailable(now) }
    }

    fn unavailable(&self, now: Now) -> Refusal {
        let wait = self.progress.borrow().next.saturating_sub(now.mono);
        Refusal::KeysUnavailable { retry_after_secs: wait.as_secs().saturating_add(1) }
    }

    /// Fetches now and again for as long as it is polled; its owner stops it by dropping the future.
    pub async fn keep_fresh(self: Arc<Self>) {
        tokio::join!(self.discovery.keep_fresh(), self.keep_keys_fresh());
    }

    async fn keep_keys_fresh(&self) {
        let mut asked = self.asked.subscribe();
        let mut news = self.source.news();
        let mut failures = 0;
        loop {
            let answering = asked.borrow_and_update().count;
            let (wait, fault) = match self.refresh().await {
                Ok(wait) => {
                    failures = 0;
                    self.fetches_ok.fetch_add(1, Relaxed);
                    (wait, None)
                }
                Err(fault) => {
                    failures += 1;
                    self.fetches_failed.fetch_add(1, Relaxed);
                    self.lament(&fault, failures);
                    (self.source.retry_in(failures), Some(Arc::new(fault)))
                }
            };
            let next = self.clock.now().mono.saturating_add(wait);
            self.progress.send_modify(|progress| {
                *progress =
                    Progress { attempts: progress.attempts.saturating_add(1), answered: answering, fault, next };
            });
            select! {
                () = sleep(wait) => {}
                // The sender lives as long as `self`, so this is a question and never an end.
                _ = asked.changed() => {}
                // Keys of our own are in force as soon as they are made.
                () = Source::changed(&mut news) => {}
                // Keys that could not be found without the metadata may be found with it.
                () = self.discovery.attempted(), if failures > 0 && self.settings.keys == KeySource::Discover => {}
            }
        }
    }

    /// One attempt; how long to wait before the next.
    async fn refresh(&self) -> Result<Duration, Fault> {
        let fetched = self.clock.now();
        let Document { body, wait } = self.source.read().await?;
        let digest = sha256(&body);
        let before = self.published.load_full();
        let published = match before.filter(|before| before.digest == digest && !before.set.is_empty()) {
            Some(before) => Published { fetched, ..(*before).clone() },
            None => self.accept(&body, digest, fetched)?,
        };
        self.published.store(Some(Arc::new(published)));
        Ok(wait)
    }

    /// Other keys than before. A broken document keeps the good one in force. A whole one without a usable key does not: the
    /// issuer has withdrawn its keys, and whoever holds a stolen one must not be served from memory (SPEC B-44, attack 89).
    fn accept(&self, document: &[u8], digest: [u8; 32], fetched: Now) -> Result<Published, Fault> {
        let generation = self.published.load().as_ref().map_or(0, |before| before.generation).saturating_add(1);
        let set = match KeySet::read(document) {
            Ok(set) => Arc::new(set),
            Err(fault) => {
                if fault == KeySetFault::NoUsableKey {
                    let set = Arc::default();
                    self.published.store(Some(Arc::new(Published { set, generation, fetched, digest })));
                }
                return Err(self.source.fault(format_args!("not a usable key set: {fault:?}")));
            }
        };
        info!(
            authorization_server = %self.rules().name, keys = set.len(), skipped = set.skipped(), generation,
            "new keys"
        );
        Ok(Published { set, generation, fetched, digest })
    }

    fn lament(&self, fault: &Fault, failures: u32) {
        let authorization_server = &self.rules().name;
        let now = self.clock.now();
        let age = self.published.load().as_ref().map(|before| before.age(now).as_secs());
        match age {
            // Once for each outage; the retries are for whoever looks closer.
            _ if failures > 1 => debug!(%authorization_server, %fault, failures, "keys still cannot be fetched"),
            Some(age_secs) => warn!(%authorization_server, %fault, age_secs, "serving stale keys"),
            None => warn!(%authorization_server, %fault, "no keys yet: tokens of this issuer get 503"),
        }
    }

    /// How the keys are.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        let published = self.published.load();
        let set = published.as_ref().map(|published| &published.set);
        KeyStatus {
            ready: self.current(self.clock.now()).is_some(),
            last_error: self.progress.borrow().fault.as_ref().map(ToString::to_string),
            keys: set.map_or(0, |set| set.len()),
            skipped: set.map_or(0, |set| set.skipped()),
            fetched_at: published.as_ref().map(|published| published.fetched.wall),
            fetches_ok: self.fetches_ok.load(Relaxed),
            fetches_failed: self.fetches_failed.load(Relaxed),
        }
    }
}

//! Fetches one issuer's keys ahead of need, and sooner for a token with an unknown key.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{select, time::sleep};
use tracing::{debug, info, warn};

use crate::{
    base::{clock::Now, digest::sha256},
    decide::token::jwk::{KeySet, KeySetFault, UnusedKey},
    outbound::{
        fault::Fault,
        keys::{
            IssuerKeys, KeySource, KeyState, Progress, Published,
            demand::Cause,
            source::{DocumentSource, KeyDocument},
        },
    },
};

/// Keys that a fault explains.
const KEYS_EXPLAINED_MAX: usize = 4;

impl IssuerKeys {
    /// Fetches again and again. Its owner stops it by dropping the future.
    pub async fn keep_fresh(self: Arc<Self>) {
        match self.settings.keys {
            KeySource::Nowhere => self.discovery.keep_fresh().await,
            _ => {
                tokio::join!(self.discovery.keep_fresh(), self.keep_keys_fresh());
            }
        }
    }

    async fn keep_keys_fresh(&self) {
        let mut news = self.source.news();
        let mut failures = 0;
        let mut told = None;
        let mut cause = Cause::Schedule;
        loop {
            self.demand.begin(cause, self.clock.now().mono);
            let (wait, fault) = match self.refresh().await {
                Ok(wait) => {
                    (failures, told) = (0, None);
                    self.fetches_ok.fetch_add(1, Relaxed);
                    (wait, None)
                }
                Err(fault) => {
                    failures += 1;
                    self.fetches_failed.fetch_add(1, Relaxed);
                    told = Some(self.log_failure(&fault, failures, told));
                    (self.source.retry_in(failures), Some(Arc::new(fault)))
                }
            };
            self.demand.rest_until(self.clock.now().mono.saturating_add(wait));
            self.progress.send_modify(|progress| {
                *progress = Progress { attempts: progress.attempts.saturating_add(1), fault };
            });
            cause = select! {
                () = self.demand.due(&*self.clock) => Cause::Ticket,
                () = sleep(wait) => Cause::Schedule,
                // Embedded keys are in force as soon as they are made.
                () = DocumentSource::changed(&mut news) => Cause::Schedule,
                // The new metadata may name the URL of the keys.
                () = self.discovery.attempted(), if failures > 0 && self.settings.keys == KeySource::Discover => {
                    Cause::Schedule
                }
            };
        }
    }

    /// Makes one attempt. Returns the time to wait before the next.
    async fn refresh(&self) -> Result<Duration, Fault> {
        let fetched = self.clock.now();
        let KeyDocument { body, wait } = self.source.read().await?;
        let digest = sha256(&body);
        let before = self.published.load_full();
        let published = match before.filter(|before| before.digest == digest && !before.set.is_empty()) {
            Some(before) => Published { fetched, ..(*before).clone() },
            None => self.accept(&body, digest, fetched)?,
        };
        self.published.store(Some(Arc::new(published)));
        Ok(wait)
    }

    /// Accepts a changed document. An invalid document keeps the previous keys in force. A valid
    /// document without a usable key does not: the issuer has withdrawn its keys, and a stolen key
    /// must not stay valid (SPEC B-44, attack 89).
    fn accept(&self, document: &[u8], digest: [u8; 32], fetched: Now) -> Result<Published, Fault> {
        let before = self.published.load_full();
        let generation = before.as_ref().map_or(0, |before| before.generation).saturating_add(1);
        let set = KeySet::examine(document)
            .map_err(|fault| self.source.fault(format_args!("the key set cannot be used: {fault}")))?;
        if set.is_empty() {
            let fault = self.source.fault(no_usable_key(&set));
            self.published.store(Some(Arc::new(Published { set: Arc::default(), generation, fetched, digest })));
            return Err(fault);
        }
        self.log_unused(&set, before.as_ref().map_or(&[], |before| before.set.unused()));
        let set = Arc::new(set);
        if let Some(before) = before.filter(|before| before.set.has_the_keys_of(&set)) {
            return Ok(Published { set, generation: before.generation, fetched, digest });
        }
        info!(
            authorization_server = %self.rules().name, keys = set.len(), skipped = set.skipped(), generation,
            "new keys"
        );
        Ok(Published { set, generation, fetched, digest })
    }

    /// A token that was signed with one of these keys is refused as one with an unknown key. Keys
    /// that were `told` before are not logged again.
    fn log_unused(&self, set: &KeySet, told: &[UnusedKey]) {
        let authorization_server = &self.rules().name;
        for key in set.unused().iter().filter(|key| !told.iter().any(|one| one.is_like(key))) {
            let (name, why) = (key.name(), key.why());
            match key.is_odd() {
                true => warn!(
                    %authorization_server, key = name, why,
                    "a key of the issuer is not used: tokens that it signed get 401"
                ),
                false => info!(%authorization_server, key = name, why, "a key of the issuer is not for tokens"),
            }
        }
    }

    /// Warns once for each outage, and again when it gets worse. `told` is the state in the last
    /// warning. Other retries are logged at `debug`.
    fn log_failure(&self, fault: &Fault, failures: u32, told: Option<KeyState>) -> KeyState {
        let authorization_server = &self.rules().name;
        let now = self.clock.now();
        let state = self.state(now);
        let age_secs = self.published.load().as_ref().map_or(0, |before| before.age(now).as_secs());
        match state {
            _ if told == Some(state) => debug!(%authorization_server, %fault, failures, "keys still cannot be fetched"),
            KeyState::Usable => warn!(%authorization_server, %fault, age_secs, "serving stale keys"),
            KeyState::Missing => warn!(%authorization_server, %fault, "no keys yet: tokens of this issuer get 503"),
            KeyState::TooOld => warn!(
                %authorization_server, %fault, age_secs,
                "the keys are too old: every token of this issuer gets 503 until the key set can be fetched"
            ),
            KeyState::Withdrawn => warn!(
                %authorization_server, %fault,
                "the issuer has withdrawn all its keys: every token of this issuer gets 503 until its key set has a \
                 usable key; look at the signing keys of the issuer"
            ),
        }
        state
    }
}

/// Says why no key of `set` can be used, key by key.
fn no_usable_key(set: &KeySet) -> String {
    let fault = KeySetFault::NoUsableKey;
    let keys: Vec<String> = set.unused().iter().take(KEYS_EXPLAINED_MAX).map(ToString::to_string).collect();
    match keys.is_empty() {
        true => format!("the key set cannot be used: {fault}"),
        false => format!("the key set cannot be used: {fault} ({})", keys.join("; ")),
    }
}

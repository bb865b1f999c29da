//! Keeps a certificate by ACME: orders it, renews it, and tries again after a failure.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::rand;
use tokio::time::{sleep, timeout};

use super::{
    cache,
    client::CaClient,
    failure::Failed,
    held::{AcmeHeld, IssuedCertificate, remaining, span},
    order,
    settings::AcmeSettings,
    suggestion,
};
use crate::{
    base::{
        clock::Clock,
        limits::operating::{ACME_ATTEMPT_TIMEOUT, ACME_CACHE_LOOKED_AT_EVERY, ACME_DUE_LOOKED_AT_EVERY},
    },
    decide::acme::schedule::{AttemptFailure, JITTER_PARTS, pause, renewal},
    outbound::{fetch::Fetch, reach::IssuerReach},
};

/// The pause where the clock of this machine is wrong: CAs limit how often they issue the same
/// certificate.
const CLOCK_WAIT: Duration = Duration::from_secs(12 * 3600);

/// What `check` says of a cache that the gateway could not use: it creates nothing.
#[must_use]
pub fn cache_trouble(settings: &AcmeSettings) -> Option<String> {
    cache::unusable(&settings.cache).map(|why| format!("{}: {why}", settings.cache.display()))
}

/// Keeps the certificate until it is dropped.
pub async fn keep(held: Arc<AcmeHeld>, fetch: Fetch, clock: Arc<dyn Clock>) {
    let reach = IssuerReach { ca: held.settings().ca.clone(), ..IssuerReach::default() };
    let fetch = fetch.reaching(&reach);
    let mut failures = Failures::default();
    let mut is_waiting = false;
    // When the CA is asked for its suggestion: never while a certificate is due.
    let mut asked_at = Duration::ZERO;
    loop {
        let now = clock.now();
        if held.due() > now.unix_secs() && now.mono >= asked_at {
            let client = CaClient::new(&fetch, &held.settings().directory, now.wall);
            asked_at = now.mono.saturating_add(Box::pin(suggestion::ask(&held, client, jitter())).await);
        }
        let wait = held.due().saturating_sub(clock.now().unix_secs());
        if wait > 0 {
            let until_asked = asked_at.saturating_sub(clock.now().mono).max(Duration::from_secs(1));
            sleep(Duration::from_secs(wait).min(ACME_DUE_LOOKED_AT_EVERY).min(until_asked)).await;
            continue;
        }
        let Some(lock) = held.blocking(|held| held.cache.lock()).await.flatten() else {
            if !is_waiting {
                tracing::info!(domains = held.settings().names(), "another process orders the certificate");
            }
            is_waiting = true;
            sleep(ACME_CACHE_LOOKED_AT_EVERY).await;
            take(&held).await;
            continue;
        };
        is_waiting = false;
        // What another process has kept in the meantime counts as well.
        if take(&held).await {
            failures = Failures::default();
            continue;
        }
        let wall = clock.now().wall;
        tell_order(&held, wall);
        // On the heap: an attempt is rare, and the task that waits for it is not.
        let result = match timeout(ACME_ATTEMPT_TIMEOUT, Box::pin(order::attempt(&held, &fetch, wall))).await {
            Ok(result) => result,
            Err(_) => Err(Failed::here("the CA did not finish in time")),
        };
        drop(lock);
        let failed = match result {
            Ok(issued) => {
                taken(&held, issued, clock.now().wall);
                asked_at = Duration::ZERO;
                clock_trouble(&held, clock.now().unix_secs())
            }
            Err(failed) => Some(failed),
        };
        match failed {
            Some(failed) => {
                let pause = failures.tell(&held, failed, clock.now().wall).await;
                if pause_or_take(&held, pause).await {
                    failures = Failures::default();
                }
            }
            None => failures = Failures::default(),
        }
    }
}

/// Waits, unless another process keeps a certificate in the meantime: whether it did.
async fn pause_or_take(held: &Arc<AcmeHeld>, pause: Duration) -> bool {
    let mut left = pause;
    while !left.is_zero() {
        let step = left.min(ACME_CACHE_LOOKED_AT_EVERY);
        sleep(step).await;
        left = left.saturating_sub(step);
        if take(held).await {
            return true;
        }
    }
    false
}

/// Failed attempts in a row, of each kind.
#[derive(Default)]
struct Failures {
    away: u32,
    refused: u32,
    /// Whether a lost account was forgotten already.
    is_account_lost: bool,
}

impl Failures {
    /// Reports a failed attempt, and says how long to wait.
    async fn tell(&mut self, held: &Arc<AcmeHeld>, failed: Failed, wall: Duration) -> Duration {
        let Failed { kind, said, retry_after, is_account_lost } = failed;
        let names = held.settings().names();
        if is_account_lost && forget_account(held).await && !self.is_account_lost {
            self.is_account_lost = true;
            tracing::warn!(
                domains = names,
                why = said,
                "the account in the cache is forgotten: a new one is made at once"
            );
            return Duration::ZERO;
        }
        let count = match kind {
            AttemptFailure::Away => &mut self.away,
            AttemptFailure::Refused => &mut self.refused,
        };
        *count = count.saturating_add(1);
        let wait = pause(kind, *count, retry_after, jitter());
        let in_use = held.current().map(|current| remaining(current.leaf.not_after, wall));
        let next_attempt_secs = wait.as_secs();
        match in_use {
            Some(in_use) => tracing::warn!(
                domains = names,
                why = said,
                next_attempt_secs,
                "the certificate cannot be renewed; the one in use {in_use}"
            ),
            None => tracing::error!(
                domains = names,
                why = said,
                next_attempt_secs,
                "there is no certificate, and TLS handshakes fail until one is issued"
            ),
        }
        held.set_trouble(Some(said));
        wait
    }
}

async fn forget_account(held: &Arc<AcmeHeld>) -> bool {
    match held.blocking(|held| held.cache.forget_account()).await {
        Some(Ok(())) => true,
        Some(Err(cause)) => {
            tracing::error!(%cause, "the account in the cache cannot be removed");
            false
        }
        None => false,
    }
}

/// A new certificate that is due at once would be ordered again and again. It is used nevertheless:
/// the clocks of clients may be right.
fn clock_trouble(held: &AcmeHeld, now: u64) -> Option<Failed> {
    let said = "the new certificate is due for renewal already: set this machine's clock, which is probably ahead";
    (now >= held.due()).then(|| Failed { retry_after: Some(CLOCK_WAIT), ..Failed::here(said) })
}

fn taken(held: &AcmeHeld, issued: IssuedCertificate, wall: Duration) {
    let (leaf, was_there) = (issued.leaf.clone(), held.current().is_some());
    held.replace(issued);
    held.set_trouble(None);
    let renewed_in = renewal(leaf.not_before, leaf.not_after).saturating_sub(wall.as_secs());
    let said = if was_there { "a new certificate is in use" } else { "the certificate is issued and in use" };
    tracing::info!(
        domains = held.settings().names(),
        "{said}; it {}, and is renewed in {}",
        remaining(leaf.not_after, wall),
        span(renewed_in)
    );
}

fn tell_order(held: &AcmeHeld, wall: Duration) {
    let (domains, directory) = (held.settings().names(), &held.settings().directory);
    match held.current() {
        None => tracing::warn!(
            domains,
            %directory,
            "no certificate yet: one is ordered, and TLS handshakes fail until it is there"
        ),
        Some(current) => {
            let remains = remaining(current.leaf.not_after, wall);
            tracing::info!(domains, %directory, "a certificate is ordered; the one in use {remains}");
        }
    }
}

/// Takes a newer certificate from the cache.
async fn take(held: &Arc<AcmeHeld>) -> bool {
    let is_taken = held.blocking(AcmeHeld::take_from_cache).await.unwrap_or_default();
    if is_taken {
        held.set_trouble(None);
        tracing::info!(domains = held.settings().names(), "a certificate that another process ordered is in use");
    }
    is_taken
}

/// A part of [`JITTER_PARTS`].
fn jitter() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness there is no jitter.
    let _ = rand::fill(&mut bytes);
    u64::from_le_bytes(bytes) % JITTER_PARTS
}

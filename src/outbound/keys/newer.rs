//! Waits for newer keys for one token, or for a fetch that shows that there are none.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use crate::{
    base::{
        clock::Now,
        limits::fetch::{KEY_WAIT, KEY_WAIT_GRACE},
        peer::network,
    },
    decide::{refusal::Refusal, token::jwt::AwaitedKey},
    outbound::keys::{
        IssuerKeys, KeySource, Published,
        demand::{ClientNetwork, NotAsked, WaitingPlace, unavailable_until},
    },
};

/// One token's wait. A fetch proves that a key does not exist only if it began after the token
/// arrived: the issuer may have published the key during an earlier fetch (attack 181).
pub struct Newer<'a> {
    issuer: &'a IssuerKeys,
    peer: ClientNetwork,
    awaited: AwaitedKey,
    /// The number of the first attempt that can prove that the key does not exist.
    attempt: u64,
    until: Instant,
    place: Option<WaitingPlace<'a>>,
}

/// Why there are no newer keys.
#[derive(Debug)]
pub enum NoNewerKeys {
    /// The issuer does not have the key: the earlier verdict stays.
    Certain,
    /// The issuer was not reached; the refusal for the client.
    Unavailable(Refusal),
}

impl IssuerKeys {
    /// Begins the wait for the key of a token that has just arrived from `peer`, or from no client.
    ///
    /// For an unknown key, only an attempt that begins from now on counts. A replaced key is rare,
    /// and most such tokens are damaged or forged: they wait for an attempt that has begun or may
    /// begin at once, and for no other.
    #[must_use]
    pub fn newer(&self, peer: Option<IpAddr>, awaited: AwaitedKey) -> Newer<'_> {
        let attempt = match awaited {
            AwaitedKey::Unknown => self.demand.next_attempt(),
            AwaitedKey::Replaced => self.progress.borrow().attempts.saturating_add(1),
        };
        Newer {
            issuer: self,
            peer: peer.map(network),
            awaited,
            attempt,
            until: Instant::now() + KEY_WAIT + KEY_WAIT_GRACE,
            place: None,
        }
    }

    fn newer_than(&self, seen_generation: u64, now: Now) -> Option<Arc<Published>> {
        self.current(now).filter(|published| published.generation != seen_generation)
    }

    /// The verdict about such a key after the last attempt.
    fn verdict(&self, now: Now) -> NoNewerKeys {
        let is_certain = self.progress.borrow().fault.is_none() && self.current(now).is_some();
        if is_certain { NoNewerKeys::Certain } else { NoNewerKeys::Unavailable(self.unavailable(now)) }
    }
}

impl Newer<'_> {
    /// Waits for keys of another generation than `seen`, which does not have the token's key. The
    /// fetch must begin within [`KEY_WAIT`], or at once if the key was perhaps replaced.
    ///
    /// # Errors
    /// [`NoNewerKeys::Certain`] if such a fetch brought no new keys, or if the keys were confirmed
    /// a moment ago and this one may have been replaced since; [`NoNewerKeys::Unavailable`] if no
    /// such fetch ended in time.
    pub async fn than(&mut self, seen: u64) -> Result<Arc<Published>, NoNewerKeys> {
        let (issuer, attempt) = (self.issuer, self.attempt);
        let now = issuer.clock.now();
        if let Some(newer) = issuer.newer_than(seen, now) {
            return Ok(newer);
        }
        // Embedded keys are in force as soon as they are made.
        if issuer.settings.keys == KeySource::Embedded {
            return Err(issuer.verdict(now));
        }
        let mut progress = issuer.progress.subscribe();
        if progress.borrow().attempts < attempt {
            if self.place.is_none() {
                let patience = if self.awaited == AwaitedKey::Unknown { KEY_WAIT } else { Duration::ZERO };
                self.place = Some(match issuer.demand.ask(self.peer, attempt, patience, now.mono) {
                    Ok(place) => place,
                    Err(NotAsked::Later(_)) if self.awaited == AwaitedKey::Replaced => return Err(issuer.verdict(now)),
                    Err(NotAsked::Later(next) | NotAsked::Full(next)) => {
                        return Err(NoNewerKeys::Unavailable(unavailable_until(next, now)));
                    }
                });
            }
            // A fetch that began too early may still bring the key.
            let wait = progress.wait_for(|progress| {
                progress.attempts >= attempt || issuer.newer_than(seen, issuer.clock.now()).is_some()
            });
            let is_in_time = timeout_at(self.until, wait).await.is_ok();
            let now = issuer.clock.now();
            if !is_in_time {
                return issuer.newer_than(seen, now).ok_or_else(|| NoNewerKeys::Unavailable(issuer.unavailable(now)));
            }
        }
        let now = issuer.clock.now();
        issuer.newer_than(seen, now).ok_or_else(|| issuer.verdict(now))
    }
}

//! Waits for newer keys for one token, or for a fetch that shows that there are none.

use std::{net::IpAddr, sync::Arc};

use tokio::time::{Instant, timeout_at};

use crate::{
    base::{
        clock::Now,
        limits::fetch::{KEY_WAIT, KEY_WAIT_GRACE},
        peer::network,
    },
    decide::refusal::{Refusal, TokenFault},
    outbound::keys::{
        IssuerKeys, KeySource, Published,
        demand::{ClientNetwork, WaitingPlace, unavailable_until},
    },
};

/// One token's wait. A fetch proves that a key does not exist only if it began after the token
/// arrived: the issuer may have published the key during an earlier fetch (attack 181).
pub struct Newer<'a> {
    issuer: &'a IssuerKeys,
    peer: ClientNetwork,
    /// The number of the first attempt that can prove that the key does not exist.
    attempt: u64,
    until: Instant,
    place: Option<WaitingPlace<'a>>,
}

/// Why there are no newer keys.
#[derive(Debug)]
pub enum NoNewerKeys {
    /// The issuer does not have the key.
    UnknownKey,
    /// The issuer was not reached; the refusal for the client.
    Unavailable(Refusal),
}

impl From<NoNewerKeys> for Refusal {
    fn from(why: NoNewerKeys) -> Self {
        match why {
            NoNewerKeys::UnknownKey => Self::Token(TokenFault::UnknownKey),
            NoNewerKeys::Unavailable(refusal) => refusal,
        }
    }
}

impl IssuerKeys {
    /// Begins the wait for a token with an unknown key that has just arrived from `peer`, or from
    /// no client.
    #[must_use]
    pub fn newer(&self, peer: Option<IpAddr>) -> Newer<'_> {
        Newer {
            issuer: self,
            peer: peer.map(network),
            attempt: self.demand.next_attempt(),
            until: Instant::now() + KEY_WAIT + KEY_WAIT_GRACE,
            place: None,
        }
    }

    fn newer_than(&self, seen_generation: u64, now: Now) -> Option<Arc<Published>> {
        self.current(now).filter(|published| published.generation != seen_generation)
    }

    /// The verdict about an unknown key after the last attempt.
    fn verdict(&self, now: Now) -> NoNewerKeys {
        let is_certain = self.progress.borrow().fault.is_none() && self.current(now).is_some();
        if is_certain { NoNewerKeys::UnknownKey } else { NoNewerKeys::Unavailable(self.unavailable(now)) }
    }
}

impl Newer<'_> {
    /// Waits for keys of another generation than `seen`, which does not have the token's key. The
    /// fetch must begin within [`KEY_WAIT`].
    ///
    /// # Errors
    /// [`NoNewerKeys::UnknownKey`] if a fetch that began after the token's arrival brought no new
    /// keys; [`NoNewerKeys::Unavailable`] if no such fetch ended in time.
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
                let place = issuer.demand.ask(self.peer, attempt, now.mono);
                self.place = Some(place.map_err(|next| NoNewerKeys::Unavailable(unavailable_until(next, now)))?);
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

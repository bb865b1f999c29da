//! Who tries too often: logins by account and by address, secrets by client, registrations by address (SPEC E-28, E-35).

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Semaphore;

use crate::base::{
    clock::Now,
    limits::{PASSWORDS_AT_ONCE, THROTTLED_MAX},
    peer::network,
};

#[cfg(test)]
mod tests;

/// A wait doubles at most so often.
const DOUBLINGS_MAX: u32 = 10;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed<'a> {
    /// A failed login to an account, existing or not, from an address.
    LoginToFrom(&'a str, IpAddr),
    /// The same from anywhere.
    LoginTo(&'a str),
    /// A failed login from an address.
    LoginFrom(IpAddr),
    /// A wrong secret or assertion of a client.
    ClientSecret(&'a str),
    /// The same from an address.
    ClientFrom(IpAddr),
    /// A registration from an address.
    Registration(IpAddr),
    /// A request to the authorize endpoint that makes us fetch or store, from an address.
    Authorize(IpAddr),
}

/// How often is too often.
enum Rule {
    /// Some are free; after that each costs twice the wait of the one before, up to the longest. One is forgotten every so often.
    Backoff { free: u32, first: Duration, longest: Duration, forgotten: Duration },
    /// So many at once, and one more after each such time.
    Rate { at_once: u32, every: Duration },
}

impl Deed<'_> {
    /// Behind a proxy whole offices share an address, so that what is counted by address has more room than what is counted by name.
    fn rule(self) -> Rule {
        const fn secs(secs: u64) -> Duration {
            Duration::from_secs(secs)
        }
        match self {
            // Whoever guesses has a few hundred attempts a day, and locks out nobody but who comes from the same address.
            Self::LoginToFrom(..) => {
                Rule::Backoff { free: 5, first: secs(2), longest: secs(300), forgotten: secs(600) }
            }
            // More are forgotten than one address has, or five of them: only many together hold somebody up, for minutes.
            Self::LoginTo(_) => Rule::Backoff { free: 100, first: secs(2), longest: secs(300), forgotten: secs(60) },
            Self::LoginFrom(_) => Rule::Backoff { free: 30, first: secs(1), longest: secs(60), forgotten: secs(30) },
            Self::ClientSecret(_) => Rule::Rate { at_once: 20, every: secs(1) },
            Self::ClientFrom(_) => Rule::Rate { at_once: 60, every: secs(1) },
            Self::Registration(_) => Rule::Rate { at_once: 30, every: secs(2) },
            Self::Authorize(_) => Rule::Rate { at_once: 300, every: Duration::from_millis(200) },
        }
    }

    /// One network for each of its addresses: whoever has one IPv6 address has all 2⁶⁴ of its subnet (RFC 4291 §2.5.4).
    fn of_network(self) -> Self {
        match self {
            Self::LoginToFrom(name, address) => Self::LoginToFrom(name, network(address)),
            Self::LoginFrom(address) => Self::LoginFrom(network(address)),
            Self::ClientFrom(address) => Self::ClientFrom(network(address)),
            Self::Registration(address) => Self::Registration(network(address)),
            Self::Authorize(address) => Self::Authorize(network(address)),
            Self::LoginTo(_) | Self::ClientSecret(_) => self,
        }
    }

    fn kind(self) -> u8 {
        match self {
            Self::LoginToFrom(..) => 6,
            Self::LoginTo(_) => 0,
            Self::LoginFrom(_) => 1,
            Self::ClientSecret(_) => 2,
            Self::ClientFrom(_) => 3,
            Self::Registration(_) => 4,
            Self::Authorize(_) => 5,
        }
    }
}

/// What is known of one deed; times are monotonic.
#[derive(Clone, Copy)]
struct Entry {
    /// How many count still.
    count: u32,
    /// Since when: what is forgotten or given back is reckoned from here.
    since: Duration,
    /// Before this moment there is no other.
    next: Duration,
}

impl Entry {
    /// As it is `now`, with what has been forgotten or given back by then.
    fn at(self, rule: &Rule, now: Duration) -> Self {
        let (Rule::Backoff { forgotten: every, .. } | Rule::Rate { every, .. }) = rule;
        let gone = now.saturating_sub(self.since).as_nanos() / every.as_nanos().max(1);
        let gone = u32::try_from(gone).unwrap_or(u32::MAX);
        let since = self.since.saturating_add(every.saturating_mul(gone));
        Self { count: self.count.saturating_sub(gone), since, ..self }
    }

    /// One more.
    fn counted(self, rule: &Rule, now: Duration) -> Self {
        let since = if self.count == 0 { now } else { self.since };
        let count = self.count.saturating_add(1);
        match *rule {
            Rule::Backoff { free, first, longest, .. } => {
                // No more is held against anybody than what leads to the longest wait: it is to be forgotten some day.
                let count = count.min(free.saturating_add(DOUBLINGS_MAX));
                let wait = match count.saturating_sub(free).checked_sub(1) {
                    None => Duration::ZERO,
                    Some(times) => first.saturating_mul(2_u32.saturating_pow(times)).min(longest),
                };
                Self { count, since: now, next: now.saturating_add(wait) }
            }
            Rule::Rate { at_once, every } => {
                let next = if count < at_once { now } else { since.saturating_add(every) };
                Self { count, since, next }
            }
        }
    }
}

/// Bounded memory of deeds; each replica has its own.
pub struct Throttle {
    known: Mutex<HashMap<(u8, u64), Entry>>,
    hasher: RandomState,
    passwords: Arc<Semaphore>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            hasher: RandomState::new(),
            passwords: Arc::new(Semaphore::new(PASSWORDS_AT_ONCE)),
        }
    }
}

impl Throttle {
    /// Whether one more is permitted.
    ///
    /// # Errors
    /// How long to wait.
    pub fn check(&self, deed: Deed<'_>, now: Now) -> Result<(), Duration> {
        let key = self.key(deed);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        wait(known.get(&key), now)
    }

    /// Counts one.
    pub fn count(&self, deed: Deed<'_>, now: Now) {
        let key = self.key(deed);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        count(&mut known, key, deed, now);
    }

    /// Both at once: of many that come together no more get through than of as many one by one.
    ///
    /// # Errors
    /// How long to wait; then nothing was counted.
    pub fn attempt(&self, deed: Deed<'_>, now: Now) -> Result<(), Duration> {
        let key = self.key(deed);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        wait(known.get(&key), now)?;
        count(&mut known, key, deed, now);
        Ok(())
    }

    /// Takes one back that turned out well. Those of an account are all forgotten: its owner is there. Those of an address are not, or
    /// whoever has one account could guess at all the others between two logins to it.
    pub fn forgive(&self, deed: Deed<'_>) {
        let key = self.key(deed);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match (deed, known.get_mut(&key)) {
            (Deed::LoginTo(_) | Deed::LoginToFrom(..), _) => {
                known.remove(&key);
            }
            (_, Some(entry)) => {
                entry.count = entry.count.saturating_sub(1);
                // Nor does anybody else there wait for it: whole offices come from one address.
                entry.next = entry.since;
            }
            (_, None) => {}
        }
    }

    /// Passwords are checked a few at a time: each takes a processor and memory while it is.
    #[must_use]
    pub(crate) fn passwords(&self) -> Arc<Semaphore> {
        Arc::clone(&self.passwords)
    }

    /// Names are strangers' texts, and may be passwords that were typed into the wrong field: they are not kept. The hash is
    /// keyed anew in each process, so that nobody can find two names that count as one.
    fn key(&self, deed: Deed<'_>) -> (u8, u64) {
        (deed.kind(), self.hasher.hash_one(deed.of_network()))
    }
}

fn wait(entry: Option<&Entry>, now: Now) -> Result<(), Duration> {
    match entry.map(|entry| entry.next.saturating_sub(now.mono)) {
        None | Some(Duration::ZERO) => Ok(()),
        Some(wait) => Err(wait),
    }
}

fn count(known: &mut HashMap<(u8, u64), Entry>, key: (u8, u64), deed: Deed<'_>, now: Now) {
    let rule = deed.rule();
    if known.len() >= THROTTLED_MAX && !known.contains_key(&key) {
        make_room(known, now.mono);
    }
    let entry = known.entry(key).or_insert(Entry { count: 0, since: now.mono, next: now.mono });
    *entry = entry.at(&rule, now.mono).counted(&rule, now.mono);
}

/// Forgets those who need not wait: a flood of names frees nobody who must (attack 163). Where all must, those with the shortest wait.
fn make_room(known: &mut HashMap<(u8, u64), Entry>, now: Duration) {
    known.retain(|_, entry| entry.next > now);
    if known.len() >= THROTTLED_MAX {
        let mut ends: Vec<Duration> = known.values().map(|entry| entry.next).collect();
        let half = ends.len() / 2;
        let (_, middle, _) = ends.select_nth_unstable(half);
        let middle = *middle;
        known.retain(|_, entry| entry.next > middle);
    }
}

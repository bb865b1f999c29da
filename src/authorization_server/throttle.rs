//! Rate limits: failed logins, client secrets, registrations, authorize (SPEC E-28, E-35).

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::base::{
    clock::Now,
    limits::authorization_server::THROTTLED_MAX,
    peer::{network, site},
};

#[cfg(test)]
mod tests;

/// How often a wait doubles at most.
const DOUBLINGS_MAX: u32 = 10;

/// A site may do in all its subnets what this many of them may.
const SUBNETS_OF_SITE: u32 = 16;
/// Set in the kind of a count for a site.
const OF_SITE: u8 = 1 << 7;

/// An action that is counted and limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action<'a> {
    /// A failed login to an account, existing or not, from an address.
    LoginToFrom(&'a str, IpAddr),
    /// A failed login to an account, from any address.
    LoginTo(&'a str),
    /// A failed login from an address.
    LoginFrom(IpAddr),
    /// A login that is under way, from an address that has failures left without a wait.
    LoginsUnderWay(IpAddr),
    /// A failed login by a browser that has signed in to the same account before, given as its id.
    LoginOfKnown([u8; 16]),
    /// A request to the authorize endpoint by a browser that has signed in to an account before,
    /// given as the account's digest.
    AuthorizeOfKnown([u8; 32]),
    /// A wrong secret or assertion of a client.
    ClientSecret(&'a str),
    /// A wrong secret or assertion, from an address.
    ClientFrom(IpAddr),
    /// A registration from an address.
    Registration(IpAddr),
    /// A token for a registered client that acts for itself, from an address.
    Credentials(IpAddr),
    /// A revocation of its own token by a client that anyone can register, from an address.
    Revocation(IpAddr),
    /// A request to the authorize endpoint, which may cause a fetch or a write, from an address.
    Authorize(IpAddr),
}

/// How a limit works.
enum Rule {
    /// `free` actions cause no wait; the next causes a wait of `first`, and each further one
    /// doubles it, up to `longest`. One action is forgotten every `forgotten`.
    Backoff { free: u32, first: Duration, longest: Duration, forgotten: Duration },
    /// `at_once` actions at a time, and one more after each `every`.
    Rate { at_once: u32, every: Duration },
}

impl Action<'_> {
    /// Users come first: a browser that is known for the account has its own limits, and accounts
    /// and clients are limited apart from addresses. A whole office may share one address, so
    /// limits per address are wider than limits per name.
    fn rule(self) -> Rule {
        const fn secs(secs: u64) -> Duration {
            Duration::from_secs(secs)
        }
        match self {
            // An attacker gets a few hundred guesses a day, and locks out only users at the same
            // address.
            Self::LoginToFrom(..) => {
                Rule::Backoff { free: 5, first: secs(2), longest: secs(300), forgotten: secs(600) }
            }
            // Failures are forgotten faster than five addresses can add them: only many addresses
            // together can delay a user, for minutes.
            Self::LoginTo(_) => Rule::Backoff { free: 100, first: secs(2), longest: secs(300), forgotten: secs(60) },
            Self::LoginFrom(_) => Rule::Backoff { free: 30, first: secs(1), longest: secs(60), forgotten: secs(30) },
            // More than sign in at the same moment in an office: each takes 50 ms of a core. Those
            // that succeed are taken back. Each failure that counts takes three of them, so that
            // bursts gain no more guesses than without failures.
            Self::LoginsUnderWay(_) => Rule::Rate { at_once: 120, every: secs(1) },
            Self::ClientSecret(_) => Rule::Rate { at_once: 20, every: secs(1) },
            Self::ClientFrom(_) => Rule::Rate { at_once: 60, every: secs(1) },
            // No attempt elsewhere counts. A stolen cookie permits a few hundred guesses a day.
            Self::LoginOfKnown(_) => {
                Rule::Backoff { free: 10, first: secs(2), longest: secs(300), forgotten: secs(300) }
            }
            Self::AuthorizeOfKnown(_) => Rule::Rate { at_once: 60, every: secs(1) },
            // Hosted clients register from a few addresses for all their users.
            Self::Registration(_) => Rule::Rate { at_once: 30, every: secs(1) },
            Self::Credentials(_) | Self::Revocation(_) => Rule::Rate { at_once: 30, every: secs(1) },
            Self::Authorize(_) => Rule::Rate { at_once: 300, every: Duration::from_millis(200) },
        }
    }

    /// Replaces the address by its network: a host with one IPv6 address can use all 2⁶⁴
    /// addresses of its subnet (RFC 4291 §2.5.4).
    fn of_network(self) -> Self {
        match self {
            Self::LoginToFrom(name, address) => Self::LoginToFrom(name, network(address)),
            Self::LoginFrom(address) => Self::LoginFrom(network(address)),
            Self::LoginsUnderWay(address) => Self::LoginsUnderWay(network(address)),
            Self::ClientFrom(address) => Self::ClientFrom(network(address)),
            Self::Registration(address) => Self::Registration(network(address)),
            Self::Credentials(address) => Self::Credentials(network(address)),
            Self::Revocation(address) => Self::Revocation(network(address)),
            Self::Authorize(address) => Self::Authorize(network(address)),
            Self::LoginTo(_) | Self::ClientSecret(_) | Self::LoginOfKnown(_) | Self::AuthorizeOfKnown(_) => self,
        }
    }

    /// The same action of the whole IPv6 site, which may misbehave in many of its subnets.
    fn of_site(self) -> Option<Self> {
        Some(match self {
            Self::LoginToFrom(name, address) => Self::LoginToFrom(name, site(address)?),
            Self::LoginFrom(address) => Self::LoginFrom(site(address)?),
            Self::LoginsUnderWay(address) => Self::LoginsUnderWay(site(address)?),
            Self::ClientFrom(address) => Self::ClientFrom(site(address)?),
            Self::Registration(address) => Self::Registration(site(address)?),
            Self::Credentials(address) => Self::Credentials(site(address)?),
            Self::Revocation(address) => Self::Revocation(site(address)?),
            Self::Authorize(address) => Self::Authorize(site(address)?),
            Self::LoginTo(_) | Self::ClientSecret(_) | Self::LoginOfKnown(_) | Self::AuthorizeOfKnown(_) => {
                return None;
            }
        })
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
            Self::LoginOfKnown(_) => 7,
            Self::AuthorizeOfKnown(_) => 8,
            Self::Credentials(_) => 9,
            Self::Revocation(_) => 10,
            Self::LoginsUnderWay(_) => 11,
        }
    }
}

impl Rule {
    /// How many actions cause no wait.
    fn at_once(&self) -> u32 {
        let (Self::Backoff { free: at_once, .. } | Self::Rate { at_once, .. }) = *self;
        at_once
    }

    /// After which time one action is forgotten.
    fn forgotten(&self) -> Duration {
        let (Self::Backoff { forgotten: every, .. } | Self::Rate { every, .. }) = *self;
        every
    }

    /// Where the count ends: at that of the longest wait, so that it is forgotten in bounded time.
    fn count_max(&self) -> u32 {
        match *self {
            Self::Backoff { free, .. } => free.saturating_add(DOUBLINGS_MAX),
            Self::Rate { .. } => u32::MAX,
        }
    }

    /// The rule for a site of [`SUBNETS_OF_SITE`] subnets that each do what one may.
    fn of_site(self) -> Self {
        match self {
            Self::Backoff { free, first, longest, forgotten } => {
                let (free, forgotten) = (free.saturating_mul(SUBNETS_OF_SITE), forgotten / SUBNETS_OF_SITE);
                Self::Backoff { free, first, longest, forgotten }
            }
            Self::Rate { at_once, every } => {
                Self::Rate { at_once: at_once.saturating_mul(SUBNETS_OF_SITE), every: every / SUBNETS_OF_SITE }
            }
        }
    }
}

/// The kind of an action, and a hash of what it names.
type CountKey = (u8, u64);

/// Where an action counts, each time with its rule: for its network, and for its site.
struct Counted {
    own: (CountKey, Rule),
    site: Option<(CountKey, Rule)>,
}

impl Counted {
    fn each(&self) -> impl Iterator<Item = &(CountKey, Rule)> {
        [Some(&self.own), self.site.as_ref()].into_iter().flatten()
    }
}

/// The next action is permitted at any time. Requests are not counted in the order in which they
/// arrived: one that arrived earlier need not wait for one that arrived later.
const NO_WAIT: Duration = Duration::ZERO;

/// The count of one action; times are monotonic.
#[derive(Clone, Copy)]
struct Entry {
    /// How many actions still count.
    count: u32,
    /// The time from which forgetting is counted.
    since: Duration,
    /// When the next action is permitted.
    next: Duration,
}

impl Entry {
    /// The entry `now`, without the actions that were forgotten by then.
    fn at(self, rule: &Rule, now: Duration) -> Self {
        let every = rule.forgotten();
        let gone = now.saturating_sub(self.since).as_nanos() / every.as_nanos().max(1);
        let gone = u32::try_from(gone).unwrap_or(u32::MAX);
        let since = self.since.saturating_add(every.saturating_mul(gone));
        Self { count: self.count.saturating_sub(gone), since, ..self }
    }

    /// With one more action.
    fn counted(self, rule: &Rule, now: Duration) -> Self {
        let since = if self.count == 0 { now } else { self.since };
        let count = self.count.saturating_add(1).min(rule.count_max());
        match *rule {
            Rule::Backoff { free, first, longest, .. } => {
                let wait = match count.saturating_sub(free).checked_sub(1) {
                    None => Duration::ZERO,
                    Some(times) => first.saturating_mul(2_u32.saturating_pow(times)).min(longest),
                };
                let next = if wait.is_zero() { NO_WAIT } else { now.saturating_add(wait) };
                Self { count, since: now, next }
            }
            Rule::Rate { at_once, every } => {
                let next = if count < at_once { NO_WAIT } else { since.saturating_add(every) };
                Self { count, since, next }
            }
        }
    }
}

/// Counts actions, in bounded memory; each replica has its own.
#[derive(Default)]
pub struct Throttle {
    known: Mutex<HashMap<CountKey, Entry>>,
    hasher: RandomState,
}

impl Throttle {
    /// Whether one more action is permitted.
    ///
    /// # Errors
    /// How long to wait.
    pub fn check(&self, action: Action<'_>, now: Now) -> Result<(), Duration> {
        let counted = self.counted(action);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        wait(&known, &counted, now)
    }

    /// Whether as many actions count as cause no wait, for the network or for its site.
    pub fn is_used_up(&self, action: Action<'_>, now: Now) -> bool {
        let counted = self.counted(action);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        counted.each().any(|(key, rule)| known_at(&known, key, rule, now) >= rule.at_once())
    }

    /// Counts one action.
    pub fn count(&self, action: Action<'_>, now: Now) {
        let counted = self.counted(action);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        count(&mut known, &counted, now);
    }

    /// [`Self::check`] and [`Self::count`] in one step, so that parallel attempts gain nothing.
    ///
    /// # Errors
    /// How long to wait; nothing was counted.
    pub fn attempt(&self, action: Action<'_>, now: Now) -> Result<(), Duration> {
        let counted = self.counted(action);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        wait(&known, &counted, now)?;
        count(&mut known, &counted, now);
        Ok(())
    }

    /// [`Self::attempt`], with a limit that is lower the more `failures` count: it is 0 where their
    /// count ends.
    ///
    /// # Errors
    /// How long to wait; nothing was counted.
    pub fn attempt_beside(&self, failures: Action<'_>, action: Action<'_>, now: Now) -> Result<(), Duration> {
        let (failed, counted) = (self.counted(failures), self.counted(action));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        wait(&known, &counted, now)?;
        for ((failed, most), (key, rule)) in failed.each().zip(counted.each()) {
            let all = u64::from(most.count_max());
            let left = all.saturating_sub(known_at(&known, failed, most, now).into());
            if u64::from(known_at(&known, key, rule, now)) * all >= u64::from(rule.at_once()) * left {
                return Err(rule.forgotten());
            }
        }
        count(&mut known, &counted, now);
        Ok(())
    }

    /// Takes back an attempt that succeeded. For an account or a known browser, all failures are
    /// forgotten: its owner has logged in. For an address, only this attempt is: otherwise an
    /// attacker with one account could guess other passwords between logins to that account.
    pub fn refund(&self, action: Action<'_>) {
        self.take_back(action);
        if matches!(action, Action::LoginTo(_) | Action::LoginToFrom(..) | Action::LoginOfKnown(_)) {
            let Counted { own: (own, _), .. } = self.counted(action);
            self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&own);
        }
    }

    /// Takes back one attempt, and the wait that it caused; those before it count as they did.
    pub fn take_back(&self, action: Action<'_>) {
        let counted = self.counted(action);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in counted.each() {
            if let Some(entry) = known.get_mut(key) {
                entry.count = entry.count.saturating_sub(1);
                // Other users at this address need not wait either.
                entry.next = NO_WAIT;
            }
        }
    }

    /// Only a hash of the name is kept: a user may type a password into the name field. The hash
    /// key is random per process, so that an attacker cannot find two names with one count.
    fn counted(&self, action: Action<'_>) -> Counted {
        let key = |site: u8, action: Action<'_>| (action.kind() | site, self.hasher.hash_one(action));
        let site = action.of_site().map(|site| (key(OF_SITE, site), action.rule().of_site()));
        Counted { own: (key(0, action.of_network()), action.rule()), site }
    }
}

/// How many actions count now.
fn known_at(known: &HashMap<CountKey, Entry>, key: &CountKey, rule: &Rule, now: Now) -> u32 {
    known.get(key).map_or(0, |entry| entry.at(rule, now.mono).count)
}

fn wait(known: &HashMap<CountKey, Entry>, counted: &Counted, now: Now) -> Result<(), Duration> {
    let entries = counted.each().filter_map(|(key, _)| known.get(key));
    match entries.map(|entry| entry.next.saturating_sub(now.mono)).max() {
        None | Some(Duration::ZERO) => Ok(()),
        Some(wait) => Err(wait),
    }
}

fn count(known: &mut HashMap<CountKey, Entry>, counted: &Counted, now: Now) {
    for (key, rule) in counted.each() {
        if known.len() >= THROTTLED_MAX && !known.contains_key(key) {
            make_room(known, now.mono);
        }
        let entry = known.entry(*key).or_insert(Entry { count: 0, since: now.mono, next: NO_WAIT });
        *entry = entry.at(rule, now.mono).counted(rule, now.mono);
    }
}

/// Removes entries without a wait, so that a flood of names removes no entry that must wait
/// (attack 163). If all must wait, removes those with the shorter waits.
fn make_room(known: &mut HashMap<CountKey, Entry>, now: Duration) {
    known.retain(|_, entry| entry.next > now);
    if known.len() >= THROTTLED_MAX {
        let mut ends: Vec<Duration> = known.values().map(|entry| entry.next).collect();
        let half = ends.len() / 2;
        let (_, middle, _) = ends.select_nth_unstable(half);
        let middle = *middle;
        known.retain(|_, entry| entry.next > middle);
    }
}

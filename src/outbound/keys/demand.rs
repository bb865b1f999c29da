//! Decides when an unknown key may cause a fetch, and how many requests may wait for it.
//!
//! Within one `refetch_floor` unknown keys cause one fetch and at most [`EXTRA_FETCHES_MAX`] more,
//! spread evenly. Each fetch answers every token that arrived before it began, regardless of which
//! token caused it: a flood of invented keys delays a rotated key and never hides it (SPEC B-43,
//! attacks 75 and 181).

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{select, sync::Notify, time::sleep};

use crate::{
    base::{
        clock::{Clock, Now},
        limits::{EXTRA_FETCHES_MAX, EXTRA_FETCHES_PER_PEER_MAX, KEY_WAIT, KEY_WAITERS_MAX, KEY_WAITERS_PER_PEER_MAX},
    },
    decide::refusal::Refusal,
    outbound::keys::settings::KeySource,
};

/// The peer address that a token came from; `None` for one that no client sent.
pub(super) type ClientNetwork = Option<IpAddr>;

/// The fetches that unknown keys of one issuer may cause.
pub(super) struct Demand {
    floor: Duration,
    /// Whether a fetch on demand helps: a file is read again within seconds anyway.
    may_ask: bool,
    state: Mutex<State>,
    /// Notified of each question that was opened or moved forward.
    told: Notify,
}

/// Why an attempt begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It is time, or there is news.
    Schedule,
    /// An unknown key asked for it.
    Question,
}

#[derive(Default)]
struct State {
    /// How many attempts have begun.
    begun: u64,
    /// When the next attempt begins without a question; `None` while one is under way.
    scheduled: Option<Duration>,
    /// The fetch that was asked for and has not begun.
    question: Option<Question>,
    /// The last fetches that questions caused, oldest first.
    caused: VecDeque<Question>,
    waiting: HashMap<ClientNetwork, usize>,
    waiting_total: usize,
}

/// A fetch that an unknown key causes, or caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Question {
    at: Duration,
    peer: ClientNetwork,
}

/// Held by a request that waits for keys.
pub(super) struct WaitingPlace<'a> {
    demand: &'a Demand,
    peer: ClientNetwork,
}

impl Demand {
    pub(super) fn new(floor: Duration, keys: &KeySource) -> Self {
        let may_ask = matches!(keys, KeySource::Discover | KeySource::Url(_));
        Self { floor, may_ask, state: Mutex::default(), told: Notify::new() }
    }

    /// The number of the first attempt that begins from now on.
    pub(super) fn next_attempt(&self) -> u64 {
        self.state().begun.saturating_add(1)
    }

    /// A place to wait for `attempt`, which is asked for unless it has begun or begins by itself in
    /// time.
    ///
    /// # Errors
    /// When the next fetch may begin, where that is too far away or too many wait.
    pub(super) fn ask(&self, peer: ClientNetwork, attempt: u64, now: Duration) -> Result<WaitingPlace<'_>, Duration> {
        let mut state = self.state();
        if state.begun < attempt {
            let asked = if self.may_ask { state.soonest(self.floor, peer, now) } else { Duration::MAX };
            let open = state.question.map_or(Duration::MAX, |question| question.at);
            // Where asking is of no use, the attempt under way is soon followed by another.
            let scheduled = state.scheduled.unwrap_or(if self.may_ask { Duration::MAX } else { now }).max(now);
            let begins = asked.min(open).min(scheduled);
            if begins > now.saturating_add(KEY_WAIT) {
                return Err(begins);
            }
            if asked == begins && asked < open {
                state.question = Some(Question { at: asked, peer });
                self.told.notify_one();
            }
        }
        let of_peer = state.waiting.get(&peer).copied().unwrap_or_default();
        if state.waiting_total >= KEY_WAITERS_MAX || of_peer >= KEY_WAITERS_PER_PEER_MAX {
            return Err(state.next(now));
        }
        state.waiting.insert(peer, of_peer.saturating_add(1));
        state.waiting_total = state.waiting_total.saturating_add(1);
        Ok(WaitingPlace { demand: self, peer })
    }

    /// When the next attempt begins, as far as that is known.
    pub(super) fn next(&self, now: Duration) -> Duration {
        self.state().next(now)
    }

    /// An attempt begins; its number. It answers the open question.
    pub(super) fn begin(&self, cause: Cause, now: Duration) -> u64 {
        let mut state = self.state();
        state.begun = state.begun.saturating_add(1);
        state.scheduled = None;
        if let Some(question) = state.question.take().filter(|_| cause == Cause::Question) {
            state.caused.push_back(Question { at: now, ..question });
            // Older ones decide nothing.
            if state.caused.len() > EXTRA_FETCHES_MAX.saturating_add(1) {
                state.caused.pop_front();
            }
        }
        state.begun
    }

    /// The attempt has ended, and the next one begins at `next` unless a question comes first.
    pub(super) fn rest_until(&self, next: Duration) {
        self.state().scheduled = Some(next);
    }

    /// Waits until a question is there and its time has come.
    pub(super) async fn due(&self, clock: &dyn Clock) {
        loop {
            let told = self.told.notified();
            let question = self.state().question;
            match question {
                None => told.await,
                Some(question) => select! {
                    () = sleep(question.at.saturating_sub(clock.now().mono)) => return,
                    // It may have moved forward.
                    () = told => {}
                },
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// When `peer` may cause a fetch: `now`, if at once.
    fn soonest(&self, floor: Duration, peer: ClientNetwork, now: Duration) -> Duration {
        let share = u32::try_from(EXTRA_FETCHES_MAX.saturating_add(1)).unwrap_or(u32::MAX);
        let after_last = self.caused.back().map(|last| last.at.saturating_add(floor / share));
        // The first fetch belongs to no peer; the others are extra.
        let after = |fetch: Option<&Question>| fetch.map(|fetch| fetch.at.saturating_add(floor));
        let of_all = after(self.caused.iter().rev().nth(EXTRA_FETCHES_MAX));
        let mut own = self.caused.iter().rev().filter(|fetch| peer.is_some() && fetch.peer == peer);
        let of_peer = after(own.nth(EXTRA_FETCHES_PER_PEER_MAX));
        [after_last, of_all, of_peer].into_iter().flatten().fold(now, Duration::max)
    }

    fn next(&self, now: Duration) -> Duration {
        let question = self.question.map(|question| question.at);
        // An attempt that is under way ends within seconds; the exact time is not known.
        self.scheduled.into_iter().chain(question).min().unwrap_or(now)
    }
}

/// The refusal of a token for which no fetch begins before `next`: asking again makes sense then.
pub(super) fn unavailable_until(next: Duration, now: Now) -> Refusal {
    let wait = next.saturating_sub(now.mono);
    let begun = u64::from(wait.subsec_nanos() > 0);
    Refusal::KeysUnavailable { retry_after_secs: wait.as_secs().saturating_add(begun).max(1) }
}

impl Drop for WaitingPlace<'_> {
    fn drop(&mut self) {
        let mut state = self.demand.state();
        state.waiting_total = state.waiting_total.saturating_sub(1);
        match state.waiting.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                state.waiting.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Decides when an unknown or replaced key causes a fetch, and how many requests may wait for keys.
//!
//! Within one `refetch_floor`, such keys cause one fetch and at most [`EXTRA_FETCHES_MAX`] more,
//! spread evenly. Each fetch counts for every token that arrived before it began, whichever token
//! caused it: a flood of invented keys delays a rotated key but never hides it (SPEC B-43, attacks
//! 75 and 181).

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
        limits::fetch::{EXTRA_FETCHES_MAX, EXTRA_FETCHES_PER_PEER_MAX, KEY_WAITERS_MAX, KEY_WAITERS_PER_PEER_MAX},
    },
    decide::refusal::Refusal,
    outbound::keys::settings::KeySource,
};

/// The network that a token came from; `None` for a token that no client sent.
pub(super) type ClientNetwork = Option<IpAddr>;

/// The fetches that unknown keys of one issuer may cause.
pub(super) struct Demand {
    floor: Duration,
    /// Whether a fetch on demand helps. It does not for a file, which is read again within seconds.
    may_ask: bool,
    state: Mutex<State>,
    /// Notified of each new ticket, and of a ticket that moves forward.
    told: Notify,
}

/// Why an attempt begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The schedule, or a new document.
    Schedule,
    /// The ticket of an unknown key.
    Ticket,
}

#[derive(Default)]
struct State {
    /// The number of begun attempts.
    begun: u64,
    /// When the next attempt begins without a ticket; `None` during an attempt.
    scheduled: Option<Duration>,
    /// The ticket for the next fetch.
    ticket: Option<RefetchTicket>,
    /// The last tickets whose fetches began, oldest first.
    caused: VecDeque<RefetchTicket>,
    waiting: HashMap<ClientNetwork, usize>,
    waiting_total: usize,
}

/// The right of an unknown key to a fetch: when, and for which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RefetchTicket {
    at: Duration,
    peer: ClientNetwork,
}

/// Why a request does not wait for keys; each has the time of the next fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAsked {
    /// No fetch may begin in time.
    Later(Duration),
    /// Too many requests wait.
    Full(Duration),
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

    /// Returns a place to wait for `attempt`. Issues a ticket, unless the attempt has begun or
    /// begins in time anyway: within `patience`.
    ///
    /// # Errors
    /// [`NotAsked`], with the time of the next fetch.
    pub(super) fn ask(
        &self,
        peer: ClientNetwork,
        attempt: u64,
        patience: Duration,
        now: Duration,
    ) -> Result<WaitingPlace<'_>, NotAsked> {
        let mut state = self.state();
        if state.begun < attempt {
            let asked = if self.may_ask { state.soonest(self.floor, peer, now) } else { Duration::MAX };
            let open = state.ticket.map_or(Duration::MAX, |ticket| ticket.at);
            // Without tickets, the next attempt follows the current one soon.
            let scheduled = state.scheduled.unwrap_or(if self.may_ask { Duration::MAX } else { now }).max(now);
            let begins = asked.min(open).min(scheduled);
            if begins > now.saturating_add(patience) {
                return Err(NotAsked::Later(begins));
            }
            if asked == begins && asked < open {
                state.ticket = Some(RefetchTicket { at: asked, peer });
                self.told.notify_one();
            }
        }
        let of_peer = state.waiting.get(&peer).copied().unwrap_or_default();
        if state.waiting_total >= KEY_WAITERS_MAX || of_peer >= KEY_WAITERS_PER_PEER_MAX {
            return Err(NotAsked::Full(state.next(now)));
        }
        state.waiting.insert(peer, of_peer.saturating_add(1));
        state.waiting_total = state.waiting_total.saturating_add(1);
        Ok(WaitingPlace { demand: self, peer })
    }

    /// When the next attempt begins, if known.
    pub(super) fn next(&self, now: Duration) -> Duration {
        self.state().next(now)
    }

    /// Begins an attempt, which serves the open ticket. Returns its number.
    pub(super) fn begin(&self, cause: Cause, now: Duration) -> u64 {
        let mut state = self.state();
        state.begun = state.begun.saturating_add(1);
        state.scheduled = None;
        if let Some(ticket) = state.ticket.take().filter(|_| cause == Cause::Ticket) {
            state.caused.push_back(RefetchTicket { at: now, ..ticket });
            // Older tickets do not count any more.
            if state.caused.len() > EXTRA_FETCHES_MAX.saturating_add(1) {
                state.caused.pop_front();
            }
        }
        state.begun
    }

    /// Ends the attempt. The next attempt begins at `next`, unless a ticket comes first.
    pub(super) fn rest_until(&self, next: Duration) {
        self.state().scheduled = Some(next);
    }

    /// Waits until there is a ticket and it is due.
    pub(super) async fn due(&self, clock: &dyn Clock) {
        loop {
            let told = self.told.notified();
            let ticket = self.state().ticket;
            match ticket {
                None => told.await,
                Some(ticket) => select! {
                    () = sleep(ticket.at.saturating_sub(clock.now().mono)) => return,
                    // The ticket may have moved forward.
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
    /// When `peer` may cause a fetch: `now` or later.
    fn soonest(&self, floor: Duration, peer: ClientNetwork, now: Duration) -> Duration {
        let share = u32::try_from(EXTRA_FETCHES_MAX.saturating_add(1)).unwrap_or(u32::MAX);
        let after_last = self.caused.back().map(|last| last.at.saturating_add(floor / share));
        // The first fetch counts for no peer; the others are extra.
        let after = |fetch: Option<&RefetchTicket>| fetch.map(|fetch| fetch.at.saturating_add(floor));
        let of_all = after(self.caused.iter().rev().nth(EXTRA_FETCHES_MAX));
        let mut own = self.caused.iter().rev().filter(|fetch| peer.is_some() && fetch.peer == peer);
        let of_peer = after(own.nth(EXTRA_FETCHES_PER_PEER_MAX));
        [after_last, of_all, of_peer].into_iter().flatten().fold(now, Duration::max)
    }

    fn next(&self, now: Duration) -> Duration {
        let ticket = self.ticket.map(|ticket| ticket.at);
        // The current attempt ends within seconds; the exact time is unknown.
        self.scheduled.into_iter().chain(ticket).min().unwrap_or(now)
    }
}

/// The refusal of a token that must wait for a fetch at `next`: the client may retry then.
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

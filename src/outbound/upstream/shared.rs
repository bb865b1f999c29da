//! The HTTP/2 connections to one upstream: picks one for a stream, dials more, queues calls.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{Instant, timeout_at},
};

use super::{
    Leg, Upstream,
    connect::Fresh,
    counts::Counts,
    h2::{Link, Slot},
    outage::{Attempt, Turn},
};
use crate::{
    base::limits::UPSTREAM_REDIAL_MAX,
    outbound::{
        Fault,
        dial::{DialFault, Why},
    },
};

/// `what` of the fault of a call for which no stream was free in time.
pub const BUSY: &str = "busy";
/// How long a call whose time is up waits for the outcome of the dial under way.
const LAST_WORD: Duration = Duration::from_millis(50);

/// The connections.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Told when a stream ends, when a connection opens or ends, and when a dial fails.
    pub(super) freed: Arc<Notify>,
    most: usize,
}

#[derive(Default)]
struct State {
    links: Vec<Link>,
    /// Calls that wait for a stream.
    waiting: usize,
    /// The dial under way: never more than one, so that a burst opens what it needs.
    dialling: Option<AbortHandle>,
    /// Dials that failed for a reason that waiting does not cure, and the last one's.
    failures: u64,
    fault: Option<Fault>,
}

impl State {
    /// A place on the connection with the fewest streams, where there is more room than the calls
    /// ahead of this one need.
    fn take(&mut self, now: Instant, ahead: usize, counts: &Arc<Counts>, freed: &Arc<Notify>) -> Option<Slot> {
        self.links.retain(|link| !link.is_closed());
        // What is old takes no further stream as soon as there is another with room. It ends with
        // its last stream.
        if self.links.iter().any(|link| link.is_old(now))
            && self.links.iter().any(|link| !link.is_old(now) && link.room() > 0)
        {
            self.links.retain(|link| !link.is_old(now));
        }
        if ahead > 0 && self.links.iter().map(Link::room).fold(0, usize::saturating_add) <= ahead {
            return None;
        }
        let free = self.links.iter().filter(|link| link.room() > 0);
        free.min_by_key(|link| link.streams()).map(|link| link.slot(counts, freed))
    }

    /// Whether another connection may be dialled.
    fn may_dial(&self, now: Instant, most: usize) -> bool {
        let fresh = self.links.iter().filter(|link| !link.is_old(now)).count();
        fresh < most && self.dialling.as_ref().is_none_or(AbortHandle::is_finished)
    }
}

/// One of the calls that wait.
struct Queued<'a>(&'a Shared);

impl<'a> Queued<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.lock().waiting += 1;
        Self(shared)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting = state.waiting.saturating_sub(1);
    }
}

impl Shared {
    /// At most this many connections.
    pub(super) fn new(most: usize) -> Self {
        Self { state: Mutex::default(), freed: Arc::default(), most }
    }

    /// Closes connections that are old and carry nothing.
    pub(super) fn prune(&self) {
        let now = Instant::now();
        self.lock().links.retain(|link| !link.is_closed() && (!link.is_old(now) || link.streams() > 0));
    }

    /// Closes connections that carry nothing; how many.
    pub(super) fn close_idle(&self) -> usize {
        let mut state = self.lock();
        let before = state.links.len();
        state.links.retain(|link| link.streams() > 0);
        before - state.links.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(dialling) = self.lock().dialling.take() {
            dialling.abort();
        }
    }
}

impl Upstream {
    /// A stream that is free now. Where its connection is old, another one is dialled meanwhile.
    pub(super) fn shared_at_once(self: &Arc<Self>) -> Option<Slot> {
        let now = Instant::now();
        let mut state = self.shared.lock();
        let ahead = state.waiting;
        let slot = state.take(now, ahead, &self.counts, &self.shared.freed)?;
        if state.links.iter().any(|link| link.is_old(now))
            && state.may_dial(now, self.shared.most)
            && let Turn::Dial(attempt) = self.outage.ask(now, now)
        {
            state.dialling = Some(self.dial_shared(attempt));
        }
        Some(slot)
    }

    /// Waits for a stream, and has another connection dialled where all are full. `None` where the
    /// upstream turns out to speak HTTP/1.1.
    pub(super) async fn shared_in_time(self: &Arc<Self>, arrived: Instant) -> Result<Option<Leg>, Fault> {
        let deadline = arrived + self.settings.connect_timeout;
        let shared = &self.shared;
        let failures = shared.lock().failures;
        let _queued = Queued::new(shared);
        let (mut is_first, mut is_over) = (true, false);
        loop {
            // Before anything is looked at, so that no change is missed.
            let mut freed = pin!(shared.freed.notified());
            freed.as_mut().enable();
            let now = Instant::now();
            let mut until = deadline;
            {
                let mut state = shared.lock();
                // Later calls stand behind those that waited before them.
                let ahead = if std::mem::take(&mut is_first) { state.waiting.saturating_sub(1) } else { 0 };
                if let Some(slot) = state.take(now, ahead, &self.counts, &shared.freed) {
                    return Ok(Some(Leg::Shared(slot)));
                }
                if !self.speaks_h2() {
                    return Ok(None);
                }
                if state.failures != failures
                    && state.links.is_empty()
                    && let Some(fault) = &state.fault
                {
                    return Err(fault.clone());
                }
                if now >= deadline {
                    // A dial that ends in this very moment says why.
                    if is_over || !state.links.is_empty() {
                        return Err(self.no_slot(!state.links.is_empty()));
                    }
                    is_over = true;
                    until = now + LAST_WORD;
                } else if state.may_dial(now, shared.most) {
                    match self.outage.ask(now, arrived) {
                        Turn::Dial(attempt) => state.dialling = Some(self.dial_shared(attempt)),
                        Turn::Wait(at) => until = at.min(deadline),
                        Turn::Fail(fault) if state.links.is_empty() => return Err(fault),
                        Turn::Fail(_) => until = deadline.min(now + UPSTREAM_REDIAL_MAX),
                    }
                }
            }
            let _ = timeout_at(until, freed).await;
        }
    }

    fn no_slot(&self, is_full: bool) -> Fault {
        let limit = self.settings.connect_timeout;
        match self.outage.fault() {
            Some(fault) if !is_full => fault,
            _ if is_full => Fault::upstream(BUSY, format_args!("no HTTP/2 stream was free within {limit:?}")),
            _ => Fault::upstream(Why::ConnectTimeout.label(), format_args!("no connection within {limit:?}")),
        }
    }

    /// Dials for all that wait: the caller that began it may leave.
    fn dial_shared(self: &Arc<Self>, attempt: Attempt) -> AbortHandle {
        let (connector, upstream) = (Arc::clone(&self.connector), Arc::downgrade(self));
        let limit = self.settings.connect_timeout;
        tokio::spawn(async move {
            let dialled = connector.connect(limit).await;
            if let Some(upstream) = upstream.upgrade() {
                upstream.dialled(attempt, dialled);
            }
        })
        .abort_handle()
    }

    fn dialled(&self, attempt: Attempt, dialled: Result<Fresh, DialFault>) {
        match dialled {
            Ok(fresh) => {
                attempt.succeeded();
                match fresh {
                    Fresh::Own(own) => self.put_back(own),
                    Fresh::Shared(link) => self.shared.lock().links.push(link),
                }
                self.shared.lock().dialling = None;
            }
            Err(failed) => {
                let is_final = !failed.why.may_pass();
                let fault = attempt.failed(failed);
                let mut state = self.shared.lock();
                state.dialling = None;
                if is_final {
                    state.failures += 1;
                    state.fault = Some(fault);
                }
            }
        }
        self.shared.freed.notify_waiters();
    }

    /// Adds a connection that a call dialled for itself, and takes a place on it.
    pub(super) fn share(&self, link: Link) -> Option<Slot> {
        let mut state = self.shared.lock();
        state.links.push(link);
        let slot = state.take(Instant::now(), 0, &self.counts, &self.shared.freed);
        drop(state);
        self.shared.freed.notify_waiters();
        slot
    }
}

//! Finds an HTTP/2 stream for a call: queues calls, and dials another connection if all are full.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    task::AbortHandle,
    time::{Instant, timeout_at},
};

use super::{
    connect::Fresh,
    h2::StreamSlot,
    links::Queued,
    outage::{Attempt, Turn},
    pools::{Leg, Pools},
};
use crate::{
    base::limits::upstreams::UPSTREAM_REDIAL_MAX,
    outbound::{
        dial::{DialFault, DialFaultKind},
        fault::{Fault, FaultKind},
    },
};

/// How long a call whose time is over still waits for the current dial, to report its failure.
const LAST_WORD: Duration = Duration::from_millis(50);

impl Pools {
    /// Takes a free stream. If its connection is old, another connection is dialled meanwhile.
    pub(super) fn shared_at_once(self: &Arc<Self>) -> Option<StreamSlot> {
        let now = Instant::now();
        let mut state = self.links.lock();
        let ahead = state.waiting;
        let slot = state.take(now, ahead, &self.counts, &self.links.freed)?;
        if state.links.iter().any(|link| link.is_old(now))
            && state.may_dial(now, self.links.most)
            && let Turn::Dial(attempt) = self.outage.ask(now, now)
        {
            state.dialling = Some(self.dial_shared(attempt));
        }
        Some(slot)
    }

    /// Waits for a stream, and starts to dial another connection if all are full. `None` if the
    /// upstream turns out to speak HTTP/1.1.
    pub(super) async fn shared_in_time(self: &Arc<Self>, arrived: Instant) -> Result<Option<Leg>, Fault> {
        let deadline = arrived + self.connect_timeout;
        let links = &self.links;
        let failures = links.lock().failures;
        let _queued = Queued::new(links);
        let (mut is_first, mut is_over) = (true, false);
        loop {
            // Before the state is read, so that no change is missed.
            let mut freed = pin!(links.freed.notified());
            freed.as_mut().enable();
            let now = Instant::now();
            let mut until = deadline;
            {
                let mut state = links.lock();
                // A call waits behind all earlier calls.
                let ahead = if std::mem::take(&mut is_first) { state.waiting.saturating_sub(1) } else { 0 };
                if let Some(slot) = state.take(now, ahead, &self.counts, &links.freed) {
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
                    // The current dial may end now, and give the reason.
                    if is_over || !state.links.is_empty() {
                        return Err(self.no_slot(!state.links.is_empty()));
                    }
                    is_over = true;
                    until = now + LAST_WORD;
                } else if state.may_dial(now, links.most) {
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
        let limit = self.connect_timeout;
        match self.outage.fault() {
            Some(fault) if !is_full => fault,
            _ if is_full => Fault::new(FaultKind::Busy, format_args!("no HTTP/2 stream was free within {limit:?}")),
            _ => Fault::new(
                FaultKind::Dial(DialFaultKind::ConnectTimeout),
                format_args!("no connection within {limit:?}"),
            ),
        }
    }

    /// Dials for all calls that wait: the call that began the dial may leave.
    fn dial_shared(self: &Arc<Self>, attempt: Attempt) -> AbortHandle {
        let (connector, pools) = (Arc::clone(&self.connector), Arc::downgrade(self));
        let limit = self.connect_timeout;
        #[expect(clippy::disallowed_methods, reason = "Links keeps its handle and aborts it when dropped")]
        let dial = tokio::spawn(async move {
            let dialled = connector.connect(limit).await;
            if let Some(pools) = pools.upgrade() {
                pools.dialled(attempt, dialled);
            }
        });
        dial.abort_handle()
    }

    fn dialled(&self, attempt: Attempt, dialled: Result<Fresh, DialFault>) {
        match dialled {
            Ok(fresh) => {
                attempt.succeeded();
                match fresh {
                    Fresh::Own(own) => self.idle.put_back(own),
                    Fresh::Shared(link) => self.links.lock().links.push(link),
                }
                self.links.lock().dialling = None;
            }
            Err(failed) => {
                let is_final = !failed.kind.may_pass();
                let fault = attempt.failed(failed);
                let mut state = self.links.lock();
                state.dialling = None;
                if is_final {
                    state.failures += 1;
                    state.fault = Some(fault);
                }
            }
        }
        self.links.freed.notify_waiters();
    }
}

//! Decides whether an upstream may be dialled: in an outage one call dials, others wait or fail.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, futures::Notified},
    time::Instant,
};

use crate::{
    base::{
        limits::upstreams::{UPSTREAM_AWAY_PATIENCE, UPSTREAM_PROBE_EVERY, UPSTREAM_REDIAL_FIRST, UPSTREAM_REDIAL_MAX},
        names::ServerName,
    },
    outbound::{
        dial::{DialFault, DialFaultKind},
        fault::{Fault, FaultKind},
    },
};

/// Whether one upstream can be reached, by the results of its dials. All its calls share this.
pub(super) struct Outage {
    server: ServerName,
    away: Mutex<Option<Away>>,
    changed: Notify,
}

/// An upstream that cannot be reached.
struct Away {
    since: Instant,
    /// When it may be dialled again.
    next: Instant,
    pause: Duration,
    /// Whether a call is dialling the upstream.
    is_probed: bool,
    kind: DialFaultKind,
    fault: Fault,
    /// Calls that failed without a dial.
    failed: u64,
}

/// What a call may do now.
pub(super) enum Turn {
    /// Dial.
    Dial(Attempt),
    /// Ask again at this time, or after a change.
    Wait(Instant),
    /// Give up: the upstream is known to be away.
    Fail(Fault),
}

/// The right to dial once. Its holder reports the result. If it is dropped, the next call gets the
/// right.
pub(super) struct Attempt {
    outage: Arc<Outage>,
    is_probe: bool,
}

impl Outage {
    pub(super) fn new(server: ServerName) -> Arc<Self> {
        Arc::new(Self { server, away: Mutex::default(), changed: Notify::new() })
    }

    /// Completes when the result of [`Self::ask`] may have changed.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// What a call that arrived at `arrived` may do. Calls from the first two seconds of an outage
    /// wait up to their `connect_timeout`; later calls fail at once.
    pub(super) fn ask(self: &Arc<Self>, now: Instant, arrived: Instant) -> Turn {
        let mut away = self.lock();
        let Some(away) = away.as_mut() else { return Turn::Dial(self.attempt(false)) };
        if !away.is_probed && now >= away.next {
            away.is_probed = true;
            return Turn::Dial(self.attempt(true));
        }
        if away.kind.may_pass() && arrived < away.since + UPSTREAM_AWAY_PATIENCE {
            // The end of a probe notifies the waiting calls.
            return Turn::Wait(if away.is_probed { now + UPSTREAM_PROBE_EVERY } else { away.next });
        }
        away.failed += 1;
        Turn::Fail(away.fault.clone())
    }

    /// The failure of the last dial, if the upstream is away.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.lock().as_ref().map(|away| away.fault.clone())
    }

    fn attempt(self: &Arc<Self>, is_probe: bool) -> Attempt {
        Attempt { outage: Arc::clone(self), is_probe }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Away>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// The dial succeeded: every call may dial again.
    pub(super) fn succeeded(mut self) {
        self.is_probe = false;
        let Some(away) = self.outage.lock().take() else { return };
        self.outage.changed.notify_waiters();
        let server = &self.outage.server;
        let (after_ms, failed) = (away.since.elapsed().as_millis(), away.failed);
        tracing::info!(%server, after_ms, calls_failed_without_a_dial = failed, "the upstream is reachable again");
    }

    /// The dial failed. A timeout does not begin an outage: the next dial may succeed.
    pub(super) fn failed(mut self, failed: DialFault) -> Fault {
        let DialFault { kind, cause } = failed;
        let was_probe = std::mem::take(&mut self.is_probe);
        let fault = Fault { logged: true, ..Fault::new(FaultKind::Dial(kind), &cause) };
        let server = &self.outage.server;
        let now = Instant::now();
        let mut guard = self.outage.lock();
        let is_news = match guard.as_mut() {
            None if kind.is_timeout() => return Fault { logged: false, ..fault },
            None => {
                let pause = UPSTREAM_REDIAL_FIRST;
                let (since, next) = (now, now + pause);
                *guard = Some(Away { since, next, pause, is_probed: false, kind, fault: fault.clone(), failed: 0 });
                true
            }
            Some(away) => {
                if was_probe {
                    away.is_probed = false;
                    let is_short = now < away.since + UPSTREAM_AWAY_PATIENCE;
                    away.pause =
                        if is_short { (away.pause * 2).min(UPSTREAM_REDIAL_MAX) } else { UPSTREAM_PROBE_EVERY };
                    away.next = now + away.pause;
                }
                let is_news = away.kind != kind;
                (away.kind, away.fault) = (kind, fault.clone());
                is_news
            }
        };
        drop(guard);
        self.outage.changed.notify_waiters();
        if is_news {
            let (what, advice) = (kind.label(), kind.advice());
            let meanwhile = if kind.may_pass() {
                "calls wait up to connect_timeout, and fail at once when it is away for 2 s"
            } else {
                "calls fail until a dial succeeds, one a second"
            };
            tracing::warn!(%server, what, %cause, advice, "the upstream cannot be reached: {meanwhile}");
        }
        fault
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.is_probe {
            return;
        }
        // The caller left during its dial: the next call may dial.
        if let Some(away) = self.outage.lock().as_mut() {
            away.is_probed = false;
        }
        self.outage.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::time::advance;

    use super::*;

    const STEP: Duration = Duration::from_millis(1);

    fn outage() -> Arc<Outage> {
        Outage::new(ServerName::from("weather"))
    }

    fn refused() -> DialFault {
        DialFault { kind: DialFaultKind::Refused, cause: io::ErrorKind::ConnectionRefused.into() }
    }

    fn dial(outage: &Arc<Outage>, arrived: Instant) -> Attempt {
        match outage.ask(Instant::now(), arrived) {
            Turn::Dial(attempt) => attempt,
            Turn::Wait(_) => panic!("must wait"),
            Turn::Fail(fault) => panic!("{fault}"),
        }
    }

    fn waits(outage: &Arc<Outage>, arrived: Instant) -> Instant {
        match outage.ask(Instant::now(), arrived) {
            Turn::Wait(until) => until,
            Turn::Dial(_) => panic!("may dial"),
            Turn::Fail(fault) => panic!("{fault}"),
        }
    }

    fn fails(outage: &Arc<Outage>, arrived: Instant) -> Fault {
        match outage.ask(Instant::now(), arrived) {
            Turn::Fail(fault) => fault,
            Turn::Dial(_) => panic!("may dial"),
            Turn::Wait(_) => panic!("must wait"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn attack_177_one_call_dials_while_the_others_wait_and_all_go_on_when_it_succeeds() {
        let (outage, arrived) = (outage(), Instant::now());
        let (first, second) = (dial(&outage, arrived), dial(&outage, arrived));
        assert_eq!(first.failed(refused()).kind.label(), "refused");
        assert_eq!(second.failed(refused()).kind.label(), "refused");
        let next = waits(&outage, arrived);
        assert_eq!(next, arrived + UPSTREAM_REDIAL_FIRST);
        advance(UPSTREAM_REDIAL_FIRST).await;
        let probe = dial(&outage, arrived);
        let mut changed = std::pin::pin!(outage.changed());
        changed.as_mut().enable();
        waits(&outage, arrived);
        probe.succeeded();
        changed.await;
        drop((dial(&outage, arrived), dial(&outage, arrived)));
    }

    #[tokio::test(start_paused = true)]
    async fn attack_177_the_pauses_grow_and_after_two_seconds_there_is_one_dial_a_second() {
        let (outage, begun) = (outage(), Instant::now());
        dial(&outage, begun).failed(refused());
        let mut pauses = Vec::new();
        while begun.elapsed() < Duration::from_secs(6) {
            advance(STEP).await;
            let patient = begun;
            if let Turn::Dial(probe) = outage.ask(Instant::now(), patient) {
                pauses.push(begun.elapsed().as_millis());
                probe.failed(refused());
            }
        }
        let expected = [25, 75, 175, 375, 625, 875, 1125, 1375, 1625, 1875, 2125, 3125, 4125, 5125];
        assert_eq!(pauses, expected, "25 ms, twice as long each time up to 250 ms, then a second");
    }

    #[tokio::test(start_paused = true)]
    async fn attack_177_who_comes_later_than_two_seconds_fails_at_once_and_who_waits_goes_on_waiting() {
        let (outage, early) = (outage(), Instant::now());
        dial(&outage, early).failed(refused());
        advance(UPSTREAM_AWAY_PATIENCE - STEP).await;
        let late = Instant::now();
        dial(&outage, late).failed(refused());
        waits(&outage, late);
        advance(STEP).await;
        let fault = fails(&outage, Instant::now());
        assert!(fault.logged && fault.kind.label() == "refused", "{fault}");
        waits(&outage, early);
        waits(&outage, late);
    }

    #[tokio::test(start_paused = true)]
    async fn attack_177_a_call_that_leaves_while_it_dials_hands_the_dial_on() {
        let (outage, arrived) = (outage(), Instant::now());
        dial(&outage, arrived).failed(refused());
        advance(UPSTREAM_REDIAL_FIRST).await;
        let probe = dial(&outage, arrived);
        waits(&outage, arrived);
        drop(probe);
        drop(dial(&outage, arrived));
    }

    #[tokio::test(start_paused = true)]
    async fn attack_177_a_certificate_does_not_change_by_waiting_and_a_time_out_proves_nothing() {
        let arrived = Instant::now();
        let expired = outage();
        let fault = DialFault { kind: DialFaultKind::TlsExpired, cause: io::ErrorKind::InvalidData.into() };
        dial(&expired, arrived).failed(fault);
        assert_eq!(fails(&expired, arrived).kind.label(), "tls_expired");

        let slow = outage();
        let fault = DialFault { kind: DialFaultKind::ConnectTimeout, cause: io::ErrorKind::TimedOut.into() };
        assert!(!dial(&slow, arrived).failed(fault).logged);
        drop(dial(&slow, arrived));
    }
}

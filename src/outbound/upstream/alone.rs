//! The HTTP/1.1 connections to one upstream: idle ones, and new ones for waiting requests.

use std::{pin::pin, sync::Arc};

use tokio::time::{Instant, timeout_at};

use super::{Leg, Upstream, connect::Fresh, h1::Own, outage::Turn};
use crate::{
    base::limits::{UPSTREAM_IDLE_TIMEOUT, UPSTREAM_REDIAL_FIRST},
    outbound::{Fault, dial::Why},
};

/// A connection that waits for its next request.
pub(super) struct Idle {
    own: Own,
    since: Instant,
}

impl Idle {
    /// Whether it may still be used.
    pub(super) fn is_good(&self, now: Instant) -> bool {
        now.duration_since(self.since) <= UPSTREAM_IDLE_TIMEOUT && !self.own.is_old(now)
    }
}

impl Upstream {
    /// The freshest idle connection that is still open.
    pub(super) async fn idle_one(&self) -> Option<Own> {
        loop {
            let Idle { mut own, since } = self.idle.pop()?;
            let now = Instant::now();
            if now.duration_since(since) > UPSTREAM_IDLE_TIMEOUT {
                // Those below are older still.
                self.idle.clear();
                return None;
            }
            if !own.is_old(now) && own.is_alive().await {
                return Some(own);
            }
        }
    }

    /// A connection for one request, dialled by it. `None` where the upstream turns out to speak
    /// HTTP/2, and takes no stream yet.
    pub(super) async fn own_in_time(self: &Arc<Self>, arrived: Instant) -> Result<Option<Leg>, Fault> {
        let deadline = arrived + self.settings.connect_timeout;
        loop {
            let mut changed = pin!(self.outage.changed());
            changed.as_mut().enable();
            if let Some(own) = self.idle_one().await {
                return Ok(Some(Leg::Own(own)));
            }
            let now = Instant::now();
            match self.outage.ask(now, arrived) {
                Turn::Dial(attempt) => match self.connector.connect(deadline.saturating_duration_since(now)).await {
                    Ok(fresh) => {
                        attempt.succeeded();
                        return Ok(match fresh {
                            Fresh::Own(own) => Some(Leg::Own(own)),
                            Fresh::Shared(link) => self.share(link).map(Leg::Shared),
                        });
                    }
                    Err(failed) => {
                        // What was left of the time was too short: the dial before this one knows
                        // why the upstream is away.
                        let is_cut_short = failed.why.is_timeout() && now >= arrived + UPSTREAM_REDIAL_FIRST;
                        if let Some(known) = self.outage.fault().filter(|_| is_cut_short) {
                            return Err(known);
                        }
                        let may_pass = failed.why.may_pass();
                        let fault = attempt.failed(failed);
                        if !may_pass || Instant::now() >= deadline {
                            return Err(fault);
                        }
                    }
                },
                Turn::Wait(_) if now >= deadline => {
                    return Err(self.outage.fault().unwrap_or_else(|| {
                        let limit = self.settings.connect_timeout;
                        Fault::upstream(Why::ConnectTimeout.label(), format_args!("no connection within {limit:?}"))
                    }));
                }
                Turn::Wait(until) => {
                    let _ = timeout_at(until.min(deadline), changed).await;
                }
                Turn::Fail(fault) => return Err(fault),
            }
        }
    }

    /// Takes a connection back whose answer was read to its end.
    pub(super) fn put_back(&self, own: Own) {
        let since = Instant::now();
        if !own.is_old(since) {
            self.idle.push(Idle { own, since });
        }
    }
}

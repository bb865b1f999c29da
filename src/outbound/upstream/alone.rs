//! Finds an HTTP/1.1 connection for a call: an idle connection, or a new one.

use std::{pin::pin, sync::Arc};

use tokio::time::{Instant, timeout_at};

use super::{
    connect::Fresh,
    outage::Turn,
    pools::{Leg, Pools},
};
use crate::{
    base::limits::upstreams::UPSTREAM_REDIAL_FIRST,
    outbound::{
        dial::DialFaultKind,
        fault::{Fault, FaultKind},
    },
};

impl Pools {
    /// Finds or dials a connection for one request. `None` if the upstream turns out to speak
    /// HTTP/2 and has no free stream yet.
    pub(super) async fn own_in_time(self: &Arc<Self>, arrived: Instant) -> Result<Option<Leg>, Fault> {
        let deadline = arrived + self.connect_timeout;
        loop {
            let mut changed = pin!(self.outage.changed());
            changed.as_mut().enable();
            if let Some(own) = self.idle.take().await {
                return Ok(Some(Leg::Own(own)));
            }
            let now = Instant::now();
            match self.outage.ask(now, arrived) {
                Turn::Dial(attempt) => match self.connector.connect(deadline.saturating_duration_since(now)).await {
                    Ok(fresh) => {
                        attempt.succeeded();
                        return Ok(match fresh {
                            Fresh::Own(own) => Some(Leg::Own(own)),
                            Fresh::Shared(link) => self.links.share(link, &self.counts).map(Leg::Shared),
                        });
                    }
                    Err(failed) => {
                        // The remaining time was too short. The previous dial knows why the
                        // upstream is away.
                        let is_cut_short = failed.kind.is_timeout() && now >= arrived + UPSTREAM_REDIAL_FIRST;
                        if let Some(known) = self.outage.fault().filter(|_| is_cut_short) {
                            return Err(known);
                        }
                        let may_pass = failed.kind.may_pass();
                        let fault = attempt.failed(failed);
                        if !may_pass || Instant::now() >= deadline {
                            return Err(fault);
                        }
                    }
                },
                Turn::Wait(_) if now >= deadline => {
                    return Err(self.outage.fault().unwrap_or_else(|| {
                        let limit = self.connect_timeout;
                        Fault::new(
                            FaultKind::Dial(DialFaultKind::ConnectTimeout),
                            format_args!("no connection within {limit:?}"),
                        )
                    }));
                }
                Turn::Wait(until) => {
                    let _ = timeout_at(until.min(deadline), changed).await;
                }
                Turn::Fail(fault) => return Err(fault),
            }
        }
    }
}

//! Drains the process: no new connections, time for requests in progress, then the cut.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::inbound::accept::phase::Phase;

/// How long tasks that were cut at the deadline may take to end.
const CUT_GRACE: Duration = Duration::from_secs(2);

/// The drain of this process; clones share it.
#[derive(Clone, Debug)]
pub struct Drain {
    phase: Arc<watch::Sender<Phase>>,
}

/// How the drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All requests were finished.
    Finished,
    /// The deadline cut open requests.
    Cut,
    /// A second signal cut open requests.
    Forced,
}

impl Drain {
    /// Not begun: the process serves.
    #[must_use]
    pub fn new() -> Self {
        Self { phase: Arc::new(watch::Sender::new(Phase::Serving)) }
    }

    /// The first call begins the drain; the second one cuts all requests at once.
    pub fn stop(&self) {
        self.phase.send_modify(|phase| {
            *phase = match phase {
                Phase::Serving => Phase::Draining,
                Phase::Draining | Phase::Ended => Phase::Ended,
            }
        });
    }

    /// The phase of the drain, now and later.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Waits until the process has reached `phase`.
    pub async fn reached(&self, phase: Phase) {
        // This holds the sender, so the channel is open.
        let _ = self.watch().wait_for(|now| *now >= phase).await;
    }

    /// Waits until `serving` has ended; cuts it after `limit` or on a second [`Self::stop`].
    pub async fn finish(&self, serving: &mut JoinSet<()>, limit: Duration) -> Ended {
        let mut ended = tokio::select! {
            () = all(serving) => Ended::Finished,
            () = sleep(limit) => Ended::Cut,
            () = self.reached(Phase::Ended) => Ended::Forced,
        };
        self.phase.send_replace(Phase::Ended);
        if timeout(CUT_GRACE, all(serving)).await.is_err() {
            ended = if ended == Ended::Finished { Ended::Cut } else { ended };
            serving.shutdown().await;
        }
        ended
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

async fn all(serving: &mut JoinSet<()>) {
    while let Some(one) = serving.join_next().await {
        if let Err(fault) = one {
            tracing::error!(%fault, "a listener's task failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    async fn serve(drain: &Drain, needed: Duration) -> (JoinSet<()>, Drain) {
        let mut serving = JoinSet::new();
        let inside = drain.clone();
        serving.spawn(async move {
            inside.reached(Phase::Draining).await;
            tokio::select! {
                () = sleep(needed) => (),
                () = inside.reached(Phase::Ended) => (),
            }
        });
        (serving, drain.clone())
    }

    #[tokio::test(start_paused = true)]
    async fn p11_a_drain_waits_for_what_is_under_way_up_to_its_deadline() {
        for (needed, ended) in [(Duration::from_secs(29), Ended::Finished), (Duration::from_secs(31), Ended::Cut)] {
            let drain = Drain::new();
            let (mut serving, _) = serve(&drain, needed).await;
            drain.stop();
            assert_eq!(drain.finish(&mut serving, LIMIT).await, ended);
            assert_eq!(*drain.watch().borrow(), Phase::Ended);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_stop_does_not_wait() {
        let drain = Drain::new();
        let (mut serving, _) = serve(&drain, Duration::MAX).await;
        drain.stop();
        drain.stop();
        assert_eq!(drain.finish(&mut serving, LIMIT).await, Ended::Forced);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_notice_the_cut_is_ended_all_the_same() {
        let drain = Drain::new();
        let mut serving = JoinSet::new();
        serving.spawn(pending());
        drain.stop();
        assert_eq!(drain.finish(&mut serving, LIMIT).await, Ended::Cut);
        assert!(serving.is_empty());
    }
}

//! Keeps an authorization server's state fresh: keys, revocations, the store, what is known of the company's IdP, and the answers that have arrived.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::sleep;
use tracing::{info, warn};

use crate::{
    authorization_server::{State, keys::seal, store::StoreFault},
    base::limits::{REVOCATIONS_POLL, STORE_SWEEP_EVERY},
};

/// What is wrong at the moment, told once when it begins and once when it ends.
#[derive(Default)]
pub(crate) struct Outage(Mutex<Vec<(&'static str, String)>>);

impl Outage {
    /// Notes how `task` went.
    pub(crate) fn note(&self, task: &'static str, result: Result<(), StoreFault>) {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = failing.iter().position(|(name, _)| *name == task);
        match (result, known) {
            (Ok(()), None) => {}
            (Ok(()), Some(at)) => {
                failing.swap_remove(at);
                info!(task, "the authorization server's store is back");
            }
            (Err(fault), None) => {
                warn!(task, %fault, "the authorization server goes on with what it knows");
                failing.push((task, fault.to_string()));
            }
            (Err(fault), Some(at)) => {
                if let Some((_, text)) = failing.get_mut(at) {
                    *text = fault.to_string();
                }
            }
        }
    }

    /// The first of what is wrong.
    fn first(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first().map(|(task, text)| format!("{task}: {text}"))
    }
}

impl State {
    /// What is wrong at the moment: that the store is away.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.outage.first()
    }

    /// Keeps keys, revocations, the store and what is known of the company's IdP fresh for as long as it is polled.
    pub async fn keep(self: Arc<Self>) {
        tokio::join!(
            self.keep_keys(),
            self.keep_revocations(),
            self.keep_tidy(),
            self.keep_arrivals(),
            self.keep_bridge()
        );
    }

    async fn keep_keys(&self) {
        loop {
            self.outage.note("keys", self.keys.refresh(&self.store, &self.sealer, &*self.clock).await);
            sleep(jittered(self.keys.due_in(self.clock.now()))).await;
        }
    }

    async fn keep_revocations(&self) {
        loop {
            self.outage.note("revocations", self.revocations.refresh(&self.store, self.clock.now()).await);
            sleep(jittered(REVOCATIONS_POLL)).await;
        }
    }

    async fn keep_tidy(&self) {
        loop {
            sleep(jittered(STORE_SWEEP_EVERY)).await;
            self.outage.note("sweep", self.store.sweep().await);
        }
    }

    async fn keep_arrivals(&self) {
        loop {
            self.outage.note("arrivals", self.arrivals.settle_next(&self.store).await);
        }
    }

    async fn keep_bridge(&self) {
        if let Some(bridge) = &self.bridge {
            bridge.keep().await;
        }
    }
}

/// A little sooner, each time by another bit: replicas that were started together do not ask together for ever.
fn jittered(wait: Duration) -> Duration {
    let [bits] = seal::bytes::<1>().unwrap_or_default();
    wait.saturating_sub(wait.mul_f64(f64::from(bits) / 1_280.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_until_it_is_over() {
        let outage = Outage::default();
        assert_eq!(outage.first(), None);
        outage.note("keys", Err(StoreFault("refused".to_owned())));
        outage.note("sweep", Err(StoreFault("refused".to_owned())));
        outage.note("keys", Err(StoreFault("slow".to_owned())));
        assert!(outage.first().unwrap().contains("slow"));
        outage.note("keys", Ok(()));
        assert!(outage.first().unwrap().starts_with("sweep"));
        outage.note("sweep", Ok(()));
        assert_eq!(outage.first(), None);
    }

    #[test]
    fn a_wait_is_shortened_by_a_fifth_at_most() {
        for _ in 0..1_000 {
            let wait = jittered(Duration::from_secs(10));
            assert!(wait > Duration::from_secs(8) && wait <= Duration::from_secs(10), "{wait:?}");
        }
    }
}

//! Bounds the questions to one issuer, in all and for each client network.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::base::limits::fetch::{
    INTROSPECTIONS_MAX, INTROSPECTIONS_PER_PEER_MAX, INTROSPECTIONS_WAITING_MAX, INTROSPECTIONS_WAITING_PER_PEER_MAX,
    KEY_WAIT,
};

/// The questions to one issuer.
pub(super) struct QuestionTurns {
    all: Arc<Semaphore>,
    networks: Mutex<Networks>,
}

#[derive(Default)]
struct Networks {
    total: usize,
    of: HashMap<IpAddr, OfNetwork>,
}

/// The questions of one client network.
struct OfNetwork {
    turns: Arc<Semaphore>,
    count: usize,
}

/// The right to ask one question.
pub(super) struct QuestionTurn<'a> {
    _permits: [Option<OwnedSemaphorePermit>; 2],
    _place: AskingPlace<'a>,
}

struct AskingPlace<'a> {
    turns: &'a QuestionTurns,
    network: Option<IpAddr>,
}

impl Default for QuestionTurns {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(INTROSPECTIONS_MAX)), networks: Mutex::default() }
    }
}

impl QuestionTurns {
    /// Waits for a turn. The network of a client has a share, so that invented tokens from one
    /// network do not delay the tokens of another; the gateway itself has none. `None` if too many
    /// wait, or the wait was too long.
    pub(super) async fn take(&self, network: Option<IpAddr>) -> Option<QuestionTurn<'_>> {
        let (place, own) = self.enter(network)?;
        let both = async {
            let own = match own {
                Some(own) => own.acquire_owned().await.ok(),
                None => None,
            };
            [own, Arc::clone(&self.all).acquire_owned().await.ok()]
        };
        let permits = timeout(KEY_WAIT, both).await.ok()?;
        Some(QuestionTurn { _permits: permits, _place: place })
    }

    fn enter(&self, network: Option<IpAddr>) -> Option<(AskingPlace<'_>, Option<Arc<Semaphore>>)> {
        let mut networks = self.networks();
        let mut own = None;
        if let Some(network) = network {
            if networks.total >= INTROSPECTIONS_WAITING_MAX {
                return None;
            }
            let of = networks.of.entry(network).or_insert_with(|| OfNetwork {
                turns: Arc::new(Semaphore::new(INTROSPECTIONS_PER_PEER_MAX)),
                count: 0,
            });
            if of.count >= INTROSPECTIONS_WAITING_PER_PEER_MAX {
                return None;
            }
            of.count = of.count.saturating_add(1);
            own = Some(Arc::clone(&of.turns));
            networks.total = networks.total.saturating_add(1);
        }
        drop(networks);
        Some((AskingPlace { turns: self, network }, own))
    }

    fn networks(&self) -> MutexGuard<'_, Networks> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AskingPlace<'_> {
    fn drop(&mut self) {
        let Some(network) = self.network else { return };
        let mut networks = self.turns.networks();
        networks.total = networks.total.saturating_sub(1);
        if let Some(of) = networks.of.get_mut(&network) {
            of.count = of.count.saturating_sub(1);
            if of.count == 0 {
                networks.of.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn people_a10_attack_251_one_network_takes_no_more_than_its_share() {
        let turns = QuestionTurns::default();
        let (flood, other) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
        let mut held = Vec::new();
        for _ in 0..INTROSPECTIONS_PER_PEER_MAX {
            held.push(turns.take(flood).await.unwrap());
        }
        assert!(turns.take(flood).await.is_none(), "it waits, and gives up");
        assert!(turns.take(other).await.is_some() && turns.take(None).await.is_some());
        held.pop();
        assert!(turns.take(flood).await.is_some());
        drop(held);
        assert_eq!(turns.networks().total, 0);
        assert!(turns.networks().of.is_empty(), "nothing is left behind");
    }

    #[test]
    fn people_a10_attack_251_waiting_is_bounded_too() {
        let turns = QuestionTurns::default();
        let flood: Option<IpAddr> = "192.0.2.1".parse().ok();
        let waiting: Vec<_> = (0..INTROSPECTIONS_WAITING_PER_PEER_MAX).map(|_| turns.enter(flood).unwrap()).collect();
        assert!(turns.enter(flood).is_none());
        assert!(turns.enter("192.0.2.2".parse().ok()).is_some());
        drop(waiting);
        assert!(turns.enter(flood).is_some());
    }
}

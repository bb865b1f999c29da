//! Records which refresh tokens were delivered, so that their predecessors can no longer be used.

use tokio::sync::{Mutex, mpsc};

use crate::{
    authorization_server::store::{Store, fault::StoreFault, kind::EntryKind},
    decide::authorization_server::refresh_family::Family,
};

/// Runs once the connection has taken the whole answer; dropped without running if it never does.
pub type OnDelivered = Box<dyn FnOnce() + Send>;

/// Deliveries that may wait to be recorded. When the queue is full, the next exchange records the
/// delivery; until then a retry with the previous token returns the same successor.
const WAITING_MAX: usize = 4_096;
/// How often to retry if the family changes meanwhile.
const ATTEMPTS: usize = 3;

/// A queue from the connections, which cannot wait, to the store.
pub(crate) struct Deliveries {
    sender: mpsc::Sender<Delivery>,
    waiting: Mutex<mpsc::Receiver<Delivery>>,
}

struct Delivery {
    family: Box<str>,
    /// Digest of the delivered token. A family with a newer token is left alone.
    token: [u8; 32],
}

impl Default for Deliveries {
    fn default() -> Self {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        Self { sender, waiting: Mutex::new(waiting) }
    }
}

impl Deliveries {
    /// The function to run once the answer with this token was delivered.
    pub(crate) fn when_delivered(&self, family: &str, token: [u8; 32]) -> OnDelivered {
        let sender = self.sender.clone();
        let family = family.into();
        Box::new(move || {
            // A full queue only delays the record, see `WAITING_MAX`.
            let _ = sender.try_send(Delivery { family, token });
        })
    }

    /// Waits for the next delivery and records it in the store.
    ///
    /// # Errors
    /// [`StoreFault`]; that delivery stays unrecorded.
    pub(crate) async fn record_next(&self, store: &Store) -> Result<(), StoreFault> {
        // Only a second upkeep task can wait for this lock; its turn comes when the first ends.
        let next = self.waiting.lock().await.recv().await;
        match next {
            Some(delivery) => record(store, &delivery).await,
            None => Ok(()),
        }
    }

    /// Records all waiting deliveries, for tests without an upkeep task.
    #[cfg(test)]
    pub(crate) async fn record_all(&self, store: &Store) {
        let mut waiting = self.waiting.lock().await;
        while let Ok(delivery) = waiting.try_recv() {
            record(store, &delivery).await.unwrap();
        }
    }
}

async fn record(store: &Store, delivery: &Delivery) -> Result<(), StoreFault> {
    for _ in 0..ATTEMPTS {
        let Some(before) = store.get(EntryKind::Family, &delivery.family).await? else { return Ok(()) };
        let Ok(family) = serde_json::from_slice::<Family>(&before) else { return Ok(()) };
        let Some(answered) = family.answered_with(&delivery.token) else { return Ok(()) };
        let after = serde_json::to_vec(&answered).map_err(|cause| StoreFault(cause.to_string()))?;
        if store.replace(EntryKind::Family, &delivery.family, &before, after, None).await? {
            return Ok(());
        }
    }
    Ok(())
}

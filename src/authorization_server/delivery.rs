//! Records which refresh tokens were delivered, so that their predecessors can no longer be used.

use std::{
    collections::VecDeque,
    future::pending,
    sync::{self, PoisonError},
    time::Duration,
};

use tokio::{
    select,
    sync::{Mutex, mpsc},
    time::{Instant, sleep_until},
};

use crate::{
    authorization_server::store::{Store, fault::StoreFault, kind::EntryKind},
    base::limits::authorization_server::DELIVERY_AGAIN,
    decide::authorization_server::refresh_family::Family,
};

/// Runs once the connection has taken the whole answer; dropped without running if it never does.
pub type OnDelivered = Box<dyn FnOnce() + Send>;

/// Deliveries that may wait to be recorded, and as many to be tried again. When the queue is full,
/// the next exchange records the delivery; until then a retry with the previous token returns the
/// same successor.
const WAITING_MAX: usize = 4_096;
/// Sealed tokens that may wait for the end of their grace. Beyond that, and after a restart, a
/// sealed token stays in its record until the next exchange; its grace is over all the same.
const SEALED_MAX: usize = 65_536;
/// How often to retry if the family changes meanwhile.
const ATTEMPTS: usize = 3;

/// How often a delivery is tried: a value that the store can never give must not stop the others.
const FAILURES_MAX: u8 = 60;

/// A queue from the connections, which cannot wait, to the store.
pub(crate) struct Deliveries {
    sender: mpsc::Sender<Delivery>,
    waiting: Mutex<mpsc::Receiver<Delivery>>,
    /// Delivered tokens of which the store keeps a sealed copy, in the order of delivery.
    sealed: sync::Mutex<ByDue>,
    /// Deliveries that could not be recorded, until they are tried again.
    failed: sync::Mutex<ByDue>,
}

/// The next that is due first.
type ByDue = VecDeque<(Instant, Delivery)>;

#[derive(Clone)]
struct Delivery {
    family: Box<str>,
    /// Digest of the delivered token. A family with a newer token is left alone.
    token: [u8; 32],
    /// How long the store keeps a sealed copy of the token.
    grace: Duration,
    /// How often it could not be recorded.
    failures: u8,
}

impl Default for Deliveries {
    fn default() -> Self {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        Self { sender, waiting: Mutex::new(waiting), sealed: sync::Mutex::default(), failed: sync::Mutex::default() }
    }
}

impl Deliveries {
    /// The function to run once the answer with this token was delivered.
    pub(crate) fn when_delivered(&self, family: &str, token: [u8; 32], grace: Duration) -> OnDelivered {
        let sender = self.sender.clone();
        let family = family.into();
        Box::new(move || {
            // A full queue only delays the record, see `WAITING_MAX`.
            let _ = sender.try_send(Delivery { family, token, grace, failures: 0 });
        })
    }

    /// Waits for the next delivery, a new one or one to be tried again, or the next end of a grace,
    /// and records it in the store.
    ///
    /// # Errors
    /// [`StoreFault`]: the delivery is tried again later, and the others go on meanwhile.
    pub(crate) async fn record_next(&self, store: &Store) -> Result<(), StoreFault> {
        // Only a second upkeep task can wait for this lock; its turn comes when the first ends.
        let mut waiting = self.waiting.lock().await;
        select! {
            next = waiting.recv() => match next {
                Some(delivery) => self.record_or_keep(store, delivery).await,
                None => Ok(()),
            },
            () = due(&self.sealed) => self.forget(store).await,
            () = due(&self.failed) => {
                let next = locked(&self.failed).pop_front();
                match next {
                    Some((_, delivery)) => self.record_or_keep(store, delivery).await,
                    None => Ok(()),
                }
            }
        }
    }

    /// Records all waiting deliveries, for tests without an upkeep task.
    #[cfg(test)]
    pub(crate) async fn record_all(&self, store: &Store) {
        let mut waiting = self.waiting.lock().await;
        while let Ok(delivery) = waiting.try_recv() {
            self.record(store, delivery).await.unwrap();
        }
    }

    /// Without a record the token before stays good for a day, so a delivery is not dropped because
    /// the store is away.
    async fn record_or_keep(&self, store: &Store, delivery: Delivery) -> Result<(), StoreFault> {
        let recorded = self.record(store, delivery.clone()).await;
        if recorded.is_err() {
            let failures = delivery.failures.saturating_add(1);
            let mut failed = locked(&self.failed);
            if failures < FAILURES_MAX && failed.len() < WAITING_MAX {
                // Later each time: many deliveries must not keep a store busy that is away.
                let wait = DELIVERY_AGAIN.saturating_mul(failures.into());
                insert(&mut failed, wait, Delivery { failures, ..delivery });
            }
        }
        recorded
    }

    async fn record(&self, store: &Store, delivery: Delivery) -> Result<(), StoreFault> {
        let token = delivery.token;
        if delivery.grace.is_zero() {
            return change(store, &delivery.family, |family| {
                let answered = family.answered_with(&token)?;
                Some(answered.without_sealed(&token).unwrap_or(answered))
            })
            .await;
        }
        change(store, &delivery.family, |family| family.answered_with(&token)).await?;
        let mut sealed = locked(&self.sealed);
        if sealed.len() < SEALED_MAX {
            // A reload may have changed `refresh_grace`.
            insert(&mut sealed, delivery.grace, delivery);
        }
        Ok(())
    }

    /// Deletes the sealed copy whose grace ended first.
    async fn forget(&self, store: &Store) -> Result<(), StoreFault> {
        let Some((_, delivery)) = locked(&self.sealed).pop_front() else { return Ok(()) };
        change(store, &delivery.family, |family| family.without_sealed(&delivery.token)).await
    }
}

/// Waits until the first of `queue` is due.
async fn due(queue: &sync::Mutex<ByDue>) {
    let first = locked(queue).front().map(|(due, _)| *due);
    match first {
        Some(first) => sleep_until(first).await,
        None => pending().await,
    }
}

fn insert(queue: &mut ByDue, wait: Duration, delivery: Delivery) {
    let due = Instant::now() + wait;
    let at = queue.partition_point(|(earlier, _)| *earlier <= due);
    queue.insert(at, (due, delivery));
}

fn locked(queue: &sync::Mutex<ByDue>) -> sync::MutexGuard<'_, ByDue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces a family in the store by what `changed` makes of it; `None` leaves it alone.
async fn change(store: &Store, family: &str, changed: impl Fn(&Family) -> Option<Family>) -> Result<(), StoreFault> {
    for _ in 0..ATTEMPTS {
        let Some(before) = store.get(EntryKind::Family, family).await? else { return Ok(()) };
        let Ok(known) = serde_json::from_slice::<Family>(&before) else { return Ok(()) };
        let Some(after) = changed(&known) else { return Ok(()) };
        let after = serde_json::to_vec(&after).map_err(|cause| StoreFault(cause.to_string()))?;
        if store.replace(EntryKind::Family, family, &before, after, None).await? {
            return Ok(());
        }
    }
    Ok(())
}

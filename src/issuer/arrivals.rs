//! Families whose newest token was written out to its holder: from then on the one before is no longer good for the same again.

use tokio::sync::{Mutex, mpsc};

use crate::{
    decide::authorization_server::refresh_family::Family,
    issuer::{
        Sent,
        store::{Kind, Store, StoreFault},
    },
};

/// Answers that wait to be noted. One that finds no room is noted with the next exchange: until then the token before it
/// brings the same successor again, and no other.
const WAITING_MAX: usize = 4_096;
/// How often another change to the family may come first.
const ATTEMPTS: usize = 3;

/// A queue between the connections, which cannot wait, and the store.
pub(super) struct Arrivals {
    noted: mpsc::Sender<Arrival>,
    waiting: Mutex<mpsc::Receiver<Arrival>>,
}

struct Arrival {
    family: Box<str>,
    /// The token that arrived: a family that has gone on since is left alone.
    token: [u8; 32],
}

impl Default for Arrivals {
    fn default() -> Self {
        let (noted, waiting) = mpsc::channel(WAITING_MAX);
        Self { noted, waiting: Mutex::new(waiting) }
    }
}

impl Arrivals {
    /// What to run once the answer with this token was written out.
    pub(super) fn when_sent(&self, family: &str, token: [u8; 32]) -> Sent {
        let noted = self.noted.clone();
        let family = family.into();
        Box::new(move || {
            // A full queue loses nothing but time, see `WAITING_MAX`.
            let _ = noted.try_send(Arrival { family, token });
        })
    }

    /// The next one, written to the store.
    ///
    /// # Errors
    /// [`StoreFault`]; that answer stays unnoted.
    pub(super) async fn settle_next(&self, store: &Store) -> Result<(), StoreFault> {
        // Nobody else waits for this lock but a second keeper, whose turn comes when the first is gone.
        let next = self.waiting.lock().await.recv().await;
        match next {
            Some(arrival) => settle(store, &arrival).await,
            None => Ok(()),
        }
    }

    /// All that wait now, for tests that turn every wheel by hand.
    #[cfg(test)]
    pub(super) async fn settle_all(&self, store: &Store) {
        let mut waiting = self.waiting.lock().await;
        while let Ok(arrival) = waiting.try_recv() {
            settle(store, &arrival).await.unwrap();
        }
    }
}

async fn settle(store: &Store, arrival: &Arrival) -> Result<(), StoreFault> {
    for _ in 0..ATTEMPTS {
        let Some(before) = store.get(Kind::Family, &arrival.family).await? else { return Ok(()) };
        let Ok(family) = serde_json::from_slice::<Family>(&before) else { return Ok(()) };
        let Some(answered) = family.answered_with(&arrival.token) else { return Ok(()) };
        let after = serde_json::to_vec(&answered).map_err(|cause| StoreFault(cause.to_string()))?;
        if store.replace(Kind::Family, &arrival.family, &before, after, None).await? {
            return Ok(());
        }
    }
    Ok(())
}

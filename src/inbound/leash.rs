//! Ends a long stream with the permit it was opened by (P7), and counts the streams of each caller.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    base::{clock::Now, names::ServerName},
    decide::{refusal::Refusal, token::claims::Caller},
};

/// The open answer streams of each caller at each server.
#[derive(Default)]
pub struct Streams {
    /// Keyed by a keyed hash of server, issuer and subject: no text is kept, and nobody outside can choose two that collide.
    open: Mutex<HashMap<u64, u32>>,
    keys: RandomState,
    total: AtomicUsize,
}

/// One open stream, counted until dropped.
pub(super) struct Counted {
    streams: Arc<Streams>,
    key: u64,
}

impl Streams {
    /// Whether the caller may open one more.
    pub(super) fn check(&self, server: &ServerName, caller: &Caller, streams_max: u32) -> Result<(), Refusal> {
        if self.total.load(Ordering::Relaxed) < streams_max as usize {
            return Ok(());
        }
        let key = self.key(server, caller);
        if self.lock().get(&key).is_some_and(|open| *open >= streams_max) {
            Err(Refusal::TooManyStreams)
        } else {
            Ok(())
        }
    }

    /// Counts one more.
    pub(super) fn count(self: &Arc<Self>, server: &ServerName, caller: &Caller) -> Counted {
        let key = self.key(server, caller);
        *self.lock().entry(key).or_default() += 1;
        self.total.fetch_add(1, Ordering::Relaxed);
        Counted { streams: Arc::clone(self), key }
    }

    fn key(&self, server: &ServerName, caller: &Caller) -> u64 {
        self.keys.hash_one((server.as_str(), caller.issuer().as_str(), caller.subject()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
        self.streams.total.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs out when the caller's token does, `skew` forgiven as at the door.
pub(super) fn until_expiry(caller: &Caller, skew: Duration, now: Now) -> Sleep {
    let left = caller.expires().saturating_add(skew).saturating_sub(now.wall);
    // A far `exp` must not overflow the clock.
    sleep_until(Instant::now() + left.min(Duration::from_secs(30 * 24 * 3600)))
}

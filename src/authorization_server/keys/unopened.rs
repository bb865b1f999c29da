//! For how long signing keys could not be opened, and how often they were replaced or put back.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::base::{clock::Now, limits::authorization_server::SIGNING_KEYS_POLL};

/// How much later than planned the next look may come.
const SLACK: Duration = Duration::from_secs(2);

/// The signing keys that this replica cannot open, and since when.
#[derive(Default)]
pub(super) struct Unopened {
    since: Mutex<Option<Observed>>,
    replaced: AtomicU64,
    restored: AtomicU64,
}

/// Keys that could not be opened.
struct Observed {
    digest: String,
    began: Duration,
    last: Duration,
}

impl Unopened {
    /// How often keys were replaced.
    pub(super) fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Keys were replaced.
    pub(super) fn replace(&self) {
        self.replaced.fetch_add(1, Ordering::Relaxed);
    }

    /// How often keys were put back.
    pub(super) fn restored(&self) -> u64 {
        self.restored.load(Ordering::Relaxed)
    }

    /// Keys that had vanished were put back.
    pub(super) fn restore(&self) {
        self.restored.fetch_add(1, Ordering::Relaxed);
    }

    /// For how long the keys with this digest could not be opened. It begins again after a gap: the
    /// store was away, and so the other replicas could not announce themselves either.
    pub(super) fn lasts(&self, digest: &str, now: Now) -> Duration {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |known: &&mut Observed| {
            known.digest == digest && now.mono.saturating_sub(known.last) <= SIGNING_KEYS_POLL.saturating_add(SLACK)
        };
        match since.as_mut().filter(is_same) {
            Some(known) => {
                known.last = now.mono;
                now.mono.saturating_sub(known.began)
            }
            None => {
                *since = Some(Observed { digest: digest.to_owned(), began: now.mono, last: now.mono });
                Duration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_a1_only_keys_that_stay_closed_without_a_gap_are_replaced() {
        let unopened = Unopened::default();
        let at = |secs| Now { wall: Duration::ZERO, mono: Duration::from_secs(secs) };
        for (secs, digest, lasts, why) in [
            (10, "a", 0, "first seen"),
            (20, "a", 10, "still there"),
            (32, "a", 22, "and still"),
            (45, "a", 0, "the store was away"),
            (50, "a", 5, "it counts again"),
            (51, "b", 0, "other keys"),
        ] {
            assert_eq!(unopened.lasts(digest, at(secs)), Duration::from_secs(lasts), "{why}");
        }
    }
}

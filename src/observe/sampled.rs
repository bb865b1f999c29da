//! Bounds how often one kind of event is logged, and counts the events that are left out.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Admits a few events of each kind in a span of time. The kinds must be a closed set, because each
/// is remembered.
#[derive(Debug)]
pub struct Sampled<K> {
    every: Duration,
    at_most: u32,
    seen: Mutex<Vec<Seen<K>>>,
}

#[derive(Debug)]
struct Seen<K> {
    kind: K,
    since: Instant,
    admitted: u32,
    left_out: u64,
}

impl<K: Copy + PartialEq> Sampled<K> {
    /// Admits `at_most` events of each kind in each span of `every`.
    #[must_use]
    pub const fn new(every: Duration, at_most: u32) -> Self {
        Self { every, at_most, seen: Mutex::new(Vec::new()) }
    }

    /// If another event of this kind may be logged, returns how many were left out since the last
    /// one.
    pub fn admit(&self, kind: K, now: Instant) -> Option<u64> {
        let mut all = self.lock();
        let Some(seen) = all.iter_mut().find(|seen| seen.kind == kind) else {
            all.push(Seen { kind, since: now, admitted: 1, left_out: 0 });
            return Some(0);
        };
        if now.saturating_duration_since(seen.since) >= self.every {
            (seen.since, seen.admitted) = (now, 0);
        }
        if seen.admitted >= self.at_most {
            seen.left_out += 1;
            return None;
        }
        seen.admitted += 1;
        Some(mem::take(&mut seen.left_out))
    }

    /// The number of left-out events of each kind whose span is over. They count as reported now.
    pub fn left_out(&self, now: Instant) -> Vec<(K, u64)> {
        let mut all = self.lock();
        let over =
            all.iter_mut().filter(|seen| seen.left_out > 0 && now.saturating_duration_since(seen.since) >= self.every);
        over.map(|seen| (seen.kind, mem::take(&mut seen.left_out))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen<K>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_told_at_once_and_the_rest_are_counted() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let sampled = Sampled::new(Duration::from_secs(10), 2);
        let told: Vec<_> = (0..5).map(|secs| sampled.admit("a", at(secs))).collect();
        assert_eq!(told, [Some(0), Some(0), None, None, None]);
        assert_eq!(sampled.admit("b", at(5)), Some(0), "another kind");
        assert_eq!(sampled.left_out(at(9)), [], "its span is not over");
        assert_eq!(sampled.admit("a", at(10)), Some(3));
        assert_eq!(sampled.admit("a", at(11)), Some(0));
        assert_eq!(sampled.admit("a", at(12)), None);
        assert_eq!(sampled.left_out(at(20)), [("a", 1)]);
        assert_eq!(sampled.left_out(at(20)), [], "told once");
        assert_eq!(sampled.admit("a", at(20)), Some(0));
    }
}

//! Stops asking an issuer that does not answer: one question at a time shows when it does again.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{base::limits::fetch::FETCH_TIMEOUT, outbound::fetch::backoff};

/// Failures in a row after which only one question at a time is asked.
const FAILURES_MAX: u32 = 3;

/// Counts failures in a row.
#[derive(Default)]
pub(super) struct Breaker(Mutex<Failures>);

#[derive(Default)]
struct Failures {
    in_a_row: u32,
    /// Nothing is asked before.
    until: Duration,
}

impl Breaker {
    /// Whether a question may be asked now.
    ///
    /// # Errors
    /// When it may be asked.
    pub(super) fn check(&self, now: Duration) -> Result<(), Duration> {
        let until = self.state().until;
        if now < until { Err(until) } else { Ok(()) }
    }

    /// As [`Self::check`]; after failures the question is a trial, and the next must wait for its
    /// end.
    ///
    /// # Errors
    /// When it may be asked.
    pub(super) fn admit(&self, now: Duration) -> Result<(), Duration> {
        let mut state = self.state();
        if now < state.until {
            return Err(state.until);
        }
        if state.in_a_row >= FAILURES_MAX {
            state.until = now.saturating_add(FETCH_TIMEOUT);
        }
        Ok(())
    }

    /// Records a failure. Returns when to try again.
    pub(super) fn failed(&self, now: Duration) -> Duration {
        let mut state = self.state();
        state.in_a_row = state.in_a_row.saturating_add(1);
        let beyond = state.in_a_row.saturating_sub(FAILURES_MAX.saturating_sub(1));
        if beyond == 0 {
            return now;
        }
        state.until = now.saturating_add(backoff(beyond));
        state.until
    }

    /// Records an answer.
    pub(super) fn works(&self) {
        *self.state() = Failures::default();
    }

    fn state(&self) -> MutexGuard<'_, Failures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_a10_three_failures_stop_the_questions_and_one_answer_resumes_them() {
        let breaker = Breaker::default();
        let at = Duration::from_secs;
        for _ in 0..2 {
            breaker.admit(at(10)).unwrap();
            breaker.failed(at(10));
            assert_eq!(breaker.check(at(10)), Ok(()));
        }
        assert_eq!(breaker.failed(at(10)), at(11));
        assert_eq!(breaker.check(at(10)), Err(at(11)));
        assert_eq!(breaker.check(at(11)), Ok(()), "looking takes no trial away");
        assert_eq!(breaker.admit(at(11)), Ok(()), "the trial");
        assert_eq!(breaker.admit(at(11)), Err(at(16)), "one at a time");
        assert_eq!(breaker.failed(at(12)), at(14), "twice as long");
        assert_eq!(breaker.admit(at(14)), Ok(()));
        breaker.works();
        assert_eq!(breaker.admit(at(14)), Ok(()));
        assert_eq!(breaker.admit(at(14)), Ok(()));
    }
}

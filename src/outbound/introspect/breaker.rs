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
    /// Nothing else is asked while this trial is under way, but not beyond this time.
    trial: Option<(u64, Duration)>,
    trials: u64,
}

/// A question that was admitted. If it is dropped without an outcome, because its client has left,
/// the next question may be asked at once.
pub(super) struct Admitted<'a> {
    breaker: &'a Breaker,
    trial: Option<u64>,
}

impl Breaker {
    /// Whether a question may be asked now.
    ///
    /// # Errors
    /// When it may be asked.
    pub(super) fn check(&self, now: Duration) -> Result<(), Duration> {
        self.state().check(now)
    }

    /// As [`Self::check`]; after failures the question is a trial, and the next must wait for its
    /// end.
    ///
    /// # Errors
    /// When it may be asked.
    pub(super) fn admit(&self, now: Duration) -> Result<Admitted<'_>, Duration> {
        let mut state = self.state();
        state.check(now)?;
        let is_trial = state.in_a_row >= FAILURES_MAX;
        if is_trial {
            state.trials = state.trials.wrapping_add(1);
            state.trial = Some((state.trials, now.saturating_add(FETCH_TIMEOUT)));
        }
        Ok(Admitted { breaker: self, trial: is_trial.then_some(state.trials) })
    }

    fn state(&self) -> MutexGuard<'_, Failures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn check(&self, now: Duration) -> Result<(), Duration> {
        let until = self.until.max(self.trial.map_or(Duration::ZERO, |(_, until)| until));
        if now < until { Err(until) } else { Ok(()) }
    }
}

impl Admitted<'_> {
    /// The endpoint did not answer. Returns when to try again.
    pub(super) fn failed(self, now: Duration) -> Duration {
        let mut state = self.breaker.state();
        state.in_a_row = state.in_a_row.saturating_add(1);
        let beyond = state.in_a_row.saturating_sub(FAILURES_MAX.saturating_sub(1));
        if beyond == 0 {
            return now;
        }
        state.until = now.saturating_add(backoff(beyond));
        state.until
    }

    /// The endpoint answered, if only about this token.
    pub(super) fn answered(self) {
        let mut state = self.breaker.state();
        *state = Failures { trials: state.trials, ..Failures::default() };
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        let Some(trial) = self.trial else { return };
        let mut state = self.breaker.state();
        if state.trial.is_some_and(|(latest, _)| latest == trial) {
            state.trial = None;
        }
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
            breaker.admit(at(10)).ok().unwrap().failed(at(10));
            assert_eq!(breaker.check(at(10)), Ok(()));
        }
        assert_eq!(breaker.admit(at(10)).ok().unwrap().failed(at(10)), at(11));
        assert_eq!(breaker.check(at(10)), Err(at(11)));
        assert_eq!(breaker.check(at(11)), Ok(()), "looking takes no trial away");
        let trial = breaker.admit(at(11)).ok().unwrap();
        assert_eq!(breaker.admit(at(11)).err(), Some(at(16)), "one at a time");
        assert_eq!(trial.failed(at(12)), at(14), "twice as long");
        let trial = breaker.admit(at(14)).ok().unwrap();
        trial.answered();
        let all = [breaker.admit(at(14)), breaker.admit(at(14))];
        assert!(all.iter().all(Result::is_ok));
    }

    #[test]
    fn people_a10_attack_318_a_trial_whose_client_leaves_blocks_no_other() {
        let breaker = Breaker::default();
        let at = Duration::from_secs;
        for _ in 0..3 {
            breaker.admit(at(10)).ok().unwrap().failed(at(10));
        }
        for _ in 0..10 {
            drop(breaker.admit(at(11)).ok().unwrap());
        }
        // A trial that takes too long gives way to the next, and its end takes nothing from that.
        let slow = breaker.admit(at(11)).ok().unwrap();
        let next = breaker.admit(at(16)).ok().unwrap();
        drop(slow);
        assert_eq!(breaker.check(at(16)), Err(at(21)));
        next.answered();
        assert_eq!(breaker.check(at(16)), Ok(()));
    }
}

//! When a certificate is renewed, and how long to wait after a failure.

use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Pauses after an order that the CA refused: at most five in the first hour, which is what Let's
/// Encrypt permits for failed validations, and then ever fewer.
const REFUSED: [Duration; 7] = [
    MINUTE,
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(40 * 60),
    HOUR,
    Duration::from_secs(2 * 3600),
    Duration::from_secs(6 * 3600),
];
/// First and longest pause while the CA cannot be reached, which costs no CA anything.
const AWAY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));
/// The longest wait that a CA can ask for.
const WAIT_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Parts of a whole, for jitter.
pub const JITTER_PARTS: u64 = 1024;

/// How an attempt to get a certificate failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptFailure {
    /// The CA cannot be reached, or is out of order.
    Away,
    /// The CA refused.
    Refused,
}

/// When a certificate is renewed, in seconds since 1970: after two thirds of its lifetime.
#[must_use]
pub fn renewal(not_before: u64, not_after: u64) -> u64 {
    not_after.saturating_sub(not_after.saturating_sub(not_before) / 3)
}

/// A moment in a window that a CA suggests (RFC 9773 §4.2), never after `latest`. `jitter` is a
/// number of [`JITTER_PARTS`].
#[must_use]
pub fn within(start: u64, end: u64, latest: u64, jitter: u64) -> u64 {
    let length = end.saturating_sub(start);
    let part = u128::from(length) * u128::from(jitter.min(JITTER_PARTS)) / u128::from(JITTER_PARTS);
    start.saturating_add(u64::try_from(part).unwrap_or(length)).min(latest)
}

/// The pause after this many failures in a row, and at least what the CA asked for. `jitter`, a
/// number of [`JITTER_PARTS`], adds up to a quarter, so that many gateways do not come back at
/// once.
#[must_use]
pub fn pause(failure: AttemptFailure, failures: u32, asked: Option<Duration>, jitter: u64) -> Duration {
    let step = failures.saturating_sub(1);
    let pause = match failure {
        AttemptFailure::Away => AWAY.0.saturating_mul(1_u32.checked_shl(step).unwrap_or(u32::MAX)).min(AWAY.1),
        AttemptFailure::Refused => {
            let index = usize::try_from(step).unwrap_or(usize::MAX);
            REFUSED.get(index).or(REFUSED.last()).copied().unwrap_or(HOUR)
        }
    };
    let pause = pause.max(asked.unwrap_or_default().min(WAIT_MAX));
    let quarter = u64::try_from(pause.as_millis() / 4).unwrap_or(u64::MAX);
    pause.saturating_add(Duration::from_millis(quarter.saturating_mul(jitter.min(JITTER_PARTS)) / JITTER_PARTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    #[test]
    fn f43_a_certificate_is_renewed_after_two_thirds_of_its_lifetime() {
        for (days, after) in [(90, 60), (45, 30), (6, 4)] {
            assert_eq!(renewal(1_000 * DAY, (1_000 + days) * DAY), (1_000 + after) * DAY);
        }
        assert_eq!(renewal(100, 103), 102);
        assert_eq!(renewal(9, 3), 3, "dates in the wrong order");
        assert_eq!(renewal(0, u64::MAX), u64::MAX - u64::MAX / 3);
    }

    #[test]
    fn f43_the_moment_lies_in_the_window_of_the_ca_and_before_the_end() {
        assert_eq!(within(100, 200, 1_000, 0), 100);
        assert_eq!(within(100, 200, 1_000, JITTER_PARTS / 2), 150);
        assert_eq!(within(100, 200, 1_000, u64::MAX), 200);
        assert_eq!(within(100, 200, 120, JITTER_PARTS), 120, "a window after the end");
        assert_eq!(within(200, 100, 1_000, JITTER_PARTS), 200, "in the wrong order");
        assert_eq!(within(0, u64::MAX, u64::MAX, JITTER_PARTS), u64::MAX);
    }

    #[test]
    fn f43_attack_403_failures_cost_a_ca_ever_less() {
        let minutes = |failures| pause(AttemptFailure::Refused, failures, None, 0).as_secs() / 60;
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 8, u32::MAX].map(minutes), [1, 5, 15, 40, 60, 120, 360, 360, 360]);
        let seconds = |failures| pause(AttemptFailure::Away, failures, None, 0).as_secs();
        assert_eq!([1, 2, 3, 8, 40, u32::MAX].map(seconds), [5, 10, 20, 600, 600, 600]);
        // What the CA asks for counts, up to a week.
        let asked = |secs| pause(AttemptFailure::Refused, 1, Some(Duration::from_secs(secs)), 0).as_secs();
        assert_eq!([1, 7200, u64::MAX].map(asked), [60, 7200, 7 * DAY]);
        let jittered = |jitter| pause(AttemptFailure::Refused, 1, None, jitter).as_secs();
        assert_eq!([0, JITTER_PARTS / 2, JITTER_PARTS, u64::MAX].map(jittered), [60, 67, 75, 75]);
    }
}

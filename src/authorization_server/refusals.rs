//! Counts refused logins, authorizations, registrations and clients, and bounds their log lines.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::{decide::authorization_server::error::Code, observe::sampled::Sampled};

/// Lines of one kind that are logged in this time …
const EVERY: Duration = Duration::from_secs(1);
/// … are no more than this; a flood of refused requests must not fill the disk.
const LINES: u32 = 5;

/// The line that says what to do about a client at the gateway's own paths is logged once in this
/// time.
const OWN_PATHS_EVERY: Duration = Duration::from_secs(60);

/// What was refused, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// A wrong account or password.
    LoginWrong,
    /// Too many attempts to log in.
    LoginThrottled,
    /// Too many passwords are being checked.
    LoginBusy,
    /// The company IdP did not log the user in, or its answer cannot be used.
    LoginAtIdp,
    /// A request to the authorize endpoint.
    AuthorizeRefused,
    /// Too many of them.
    AuthorizeThrottled,
    /// A registration.
    RegistrationRefused,
    /// Too many of them.
    RegistrationThrottled,
    /// A client that is unknown, or did not authenticate in one way that can be read.
    ClientRefused,
    /// A request to the token endpoint: of a known client, or without a known `grant_type`.
    TokenRefused,
    /// Too many of them.
    TokenThrottled,
    /// A browser at which a login did not begin.
    OtherBrowser,
    /// A code or a refresh token that was used before, or is another client's: it may be stolen.
    TokenReused,
}

use RefusalKind as K;

impl RefusalKind {
    const ALL: [Self; 13] = [
        K::LoginWrong,
        K::LoginThrottled,
        K::LoginBusy,
        K::LoginAtIdp,
        K::AuthorizeRefused,
        K::AuthorizeThrottled,
        K::RegistrationRefused,
        K::RegistrationThrottled,
        K::ClientRefused,
        K::TokenRefused,
        K::TokenThrottled,
        K::OtherBrowser,
        K::TokenReused,
    ];

    /// Of a refused request to the authorize endpoint.
    pub(crate) fn of_authorize(code: Code) -> Self {
        if code == Code::SlowDown { K::AuthorizeThrottled } else { K::AuthorizeRefused }
    }

    /// Of a refused registration.
    pub(crate) fn of_registration(code: Code) -> Self {
        if code == Code::SlowDown { K::RegistrationThrottled } else { K::RegistrationRefused }
    }

    /// Of a refused request to the token endpoint.
    pub(crate) fn of_token(code: Code) -> Self {
        if code == Code::SlowDown { K::TokenThrottled } else { K::TokenRefused }
    }

    /// Its event in the log and in metrics, and why, in metrics.
    pub(crate) fn labels(self) -> (&'static str, &'static str) {
        match self {
            K::LoginWrong => ("login", "wrong"),
            K::LoginThrottled => ("login", "throttled"),
            K::LoginBusy => ("login", "busy"),
            K::LoginAtIdp => ("login", "idp"),
            K::AuthorizeRefused => ("authorize", "refused"),
            K::AuthorizeThrottled => ("authorize", "throttled"),
            K::RegistrationRefused => ("registration", "refused"),
            K::RegistrationThrottled => ("registration", "throttled"),
            K::ClientRefused => ("client", "refused"),
            K::TokenRefused => ("token", "refused"),
            K::TokenThrottled => ("token", "throttled"),
            K::OtherBrowser => ("login", "other_browser"),
            K::TokenReused => ("token", "reused"),
        }
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|kind| *kind == self).unwrap_or_default()
    }
}

/// Refusals since the start.
#[derive(Debug)]
pub(crate) struct Refusals {
    counts: [AtomicU64; RefusalKind::ALL.len()],
    told: Sampled<RefusalKind>,
    /// URLs of clients at the gateway's own paths.
    at_the_gateway: Sampled<()>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            counts: Default::default(),
            told: Sampled::new(EVERY, LINES),
            at_the_gateway: Sampled::new(OWN_PATHS_EVERY, 1),
        }
    }
}

impl Refusals {
    /// Counts one refusal. If it may be logged, returns how many of its kind were left out since
    /// the last line.
    pub(crate) fn count(&self, kind: RefusalKind) -> Option<u64> {
        if let Some(count) = self.counts.get(kind.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.told.admit(kind, Instant::now())
    }

    /// If a URL at the gateway's own paths may be logged, returns how many were left out since the
    /// last one.
    pub(crate) fn at_the_gateway(&self) -> Option<u64> {
        self.at_the_gateway.admit((), Instant::now())
    }

    /// How many of each kind were left out, if no line has said so and none has followed.
    pub(crate) fn left_out(&self) -> Vec<(RefusalKind, u64)> {
        self.told.left_out(Instant::now())
    }

    /// The event, the reason and the count of each kind, for the metrics.
    pub(crate) fn figures(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        RefusalKind::ALL.into_iter().zip(&self.counts).map(|(kind, count)| {
            let (event, why) = kind.labels();
            (event, why, count.load(Ordering::Relaxed))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_d1_each_refusal_is_counted_and_a_flood_has_few_lines() {
        let refusals = Refusals::default();
        let lines = (0..1_000).filter_map(|_| refusals.count(K::LoginWrong)).count();
        // A slow machine may need more than one second.
        assert!((5..500).contains(&lines), "{lines}");
        assert_eq!(refusals.count(K::LoginThrottled), Some(0), "another kind");
        let figures: Vec<_> = refusals.figures().filter(|(.., count)| *count > 0).collect();
        assert_eq!(figures, [("login", "wrong", 1_000), ("login", "throttled", 1)]);
    }

    #[test]
    fn login_d1_no_two_kinds_have_the_same_labels() {
        let labels: std::collections::HashSet<_> = RefusalKind::ALL.map(RefusalKind::labels).into();
        assert_eq!(labels.len(), RefusalKind::ALL.len());
        assert!(RefusalKind::ALL.iter().enumerate().all(|(index, kind)| kind.index() == index));
    }
}

//! One attempt to log in: which limits it counts in, and whether before or after it is checked.

use std::{net::IpAddr, time::Duration};

use crate::{
    authorization_server::{
        browser::known::KnownBrowser,
        embedded::{Asked, Embedded},
        throttle::{Action, Throttle},
    },
    base::clock::Now,
};

/// An attempt that is under way. Dropped without success, it was a failure.
pub(super) struct LoginAttempt<'a> {
    throttle: &'a Throttle,
    name: &'a str,
    peer: IpAddr,
    now: Now,
    counts: CountsAs,
}

/// What an attempt counts as.
#[derive(Clone, Copy)]
enum CountsAs {
    /// One of a browser that has signed in to the account before, with a limit of its own: failures
    /// elsewhere, and of others at its address, do not delay it (attack 202).
    Known(KnownBrowser),
    /// A failure of its address, until it succeeds.
    Failure,
    /// Under way at an address that has failures left without a wait: it counts as a failure once
    /// it is one. Many people may sign in at the same moment, also after a typo of one of them.
    UnderWay,
    /// Nothing more.
    Nothing,
}

impl<'a> LoginAttempt<'a> {
    /// Begins an attempt, if one more is permitted. For its account it counts before the password
    /// is checked, so that parallel attempts gain nothing.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn begin(
        embedded: &'a Embedded,
        asked: &Asked<'_>,
        name: &'a str,
        known: Option<KnownBrowser>,
    ) -> Result<Self, Duration> {
        let (throttle, now, peer) = (&embedded.state.throttle, asked.now, asked.peer);
        let begun = |counts| Self { throttle, name, peer, now, counts };
        if let Some(known) = known {
            throttle.attempt(Action::LoginOfKnown(known.id), now)?;
            return Ok(begun(CountsAs::Known(known)));
        }
        throttle.check(Action::LoginToFrom(name, peer), now)?;
        throttle.check(Action::LoginTo(name), now)?;
        throttle.check(Action::LoginFrom(peer), now)?;
        let counts = match throttle.is_used_up(Action::LoginFrom(peer), now) {
            true => {
                throttle.attempt(Action::LoginFrom(peer), now)?;
                CountsAs::Failure
            }
            false => {
                throttle.attempt_beside(Action::LoginFrom(peer), Action::LoginsUnderWay(peer), now)?;
                CountsAs::UnderWay
            }
        };
        let attempt = begun(counts);
        throttle.attempt(Action::LoginToFrom(name, peer), now)?;
        throttle.attempt(Action::LoginTo(name), now)?;
        Ok(attempt)
    }

    /// The password was right.
    pub(super) fn succeeded(self) {
        let throttle = self.throttle;
        self.settle(|action| throttle.refund(action));
    }

    /// The password was not checked: the attempt is no guess. What it counted is taken back, and no
    /// failure before it.
    pub(super) fn was_not_checked(self) {
        let throttle = self.throttle;
        self.settle(|action| throttle.take_back(action));
    }

    /// Does this with all that the attempt counted.
    fn settle(mut self, each: impl Fn(Action<'a>)) {
        match std::mem::replace(&mut self.counts, CountsAs::Nothing) {
            CountsAs::Known(known) => return each(Action::LoginOfKnown(known.id)),
            CountsAs::Failure => each(Action::LoginFrom(self.peer)),
            CountsAs::UnderWay => each(Action::LoginsUnderWay(self.peer)),
            CountsAs::Nothing => {}
        }
        each(Action::LoginToFrom(self.name, self.peer));
        each(Action::LoginTo(self.name));
    }
}

impl Drop for LoginAttempt<'_> {
    fn drop(&mut self) {
        if let CountsAs::UnderWay = self.counts {
            self.throttle.count(Action::LoginFrom(self.peer), self.now);
        }
    }
}

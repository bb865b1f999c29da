//! Whether a refresh is refused once, so that its client asks its user for more scope.
//!
//! Clients built on the TypeScript SDK 1.x answer a 403 by refreshing. The new token has the same
//! scopes, so the second call gets a 403 as well and they give up. Told `invalid_grant`, they begin
//! an authorization with the scope of the challenge, which is what the 403 meant. The refresh token
//! is not used up, so a client that ignores the answer loses nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    base::{
        limits::authorization_server::{STEP_UP_AGE, STEP_UP_REFRESH_WITHIN, STEP_UP_TOLD_AGE, STEP_UPS_MAX},
        names::Scope,
    },
    decide::authorization_server::{
        client::Client,
        people::{self, GrantRule, Grantee, Person},
        refresh_family::Family,
    },
};

#[cfg(test)]
mod tests;

/// The calls of one client for one user that were refused for lack of scope, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUps {
    /// Whether the client has ever asked this user for a refused scope without being told to.
    pub by_itself: bool,
    /// Those that an authorization may still follow.
    pub refused: Vec<RefusedCall>,
}

/// Calls of one family that were refused for lack of the same scopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedCall {
    /// The stem of the family.
    pub stem: Box<str>,
    /// The scopes that the token lacked.
    pub missing: Vec<Scope>,
    /// When the last of them was refused, in milliseconds since 1970.
    pub at_millis: u64,
    /// The family, if a refresh was refused because of it.
    pub told: Option<Box<str>>,
}

impl StepUps {
    /// With one more refused call; `None` if that changes nothing.
    #[must_use]
    pub fn with_refused(&self, stem: &str, missing: &[Scope], now: Duration) -> Option<Self> {
        let is_known = |one: &&RefusedCall| *one.stem == *stem && one.missing == missing && one.told.is_some();
        if self.by_itself || missing.is_empty() || self.recent(now).any(|one| is_known(&one)) {
            return None;
        }
        let mut refused: Vec<RefusedCall> =
            self.recent(now).filter(|one| *one.stem != *stem || one.missing != missing).cloned().collect();
        let at_millis = millis(now);
        refused.push(RefusedCall { stem: stem.into(), missing: missing.to_vec(), at_millis, told: None });
        let surplus = refused.len().saturating_sub(STEP_UPS_MAX);
        refused.drain(..surplus);
        Some(Self { refused, ..self.clone() })
    }

    /// The scopes for whose lack the next refresh of this family should be refused once, newest
    /// first. Empty if the client steps up by itself.
    pub fn wanted(&self, stem: &str, now: Duration) -> impl Iterator<Item = &[Scope]> {
        let is_wanted = move |one: &&RefusedCall| {
            !self.by_itself && one.told.is_none() && *one.stem == *stem && one.age(now) < STEP_UP_REFRESH_WITHIN
        };
        self.refused.iter().rev().filter(is_wanted).map(|one| &*one.missing)
    }

    /// After a refresh of `family` was refused for lack of these scopes.
    #[must_use]
    pub fn told(&self, stem: &str, missing: &[Scope], family: &str) -> Self {
        let mut after = self.clone();
        for one in after.refused.iter_mut().filter(|one| *one.stem == *stem && one.missing == missing) {
            one.told = Some(family.into());
        }
        after
    }

    /// After the client got a code for which it had asked for these scopes, and the families that
    /// the code replaces; `None` if it has nothing to do with a refused call.
    #[must_use]
    pub fn authorized(&self, asked: &[Scope], now: Duration) -> Option<(Self, Vec<Box<str>>)> {
        let is_for = |one: &&RefusedCall| one.missing.iter().all(|scope| asked.contains(scope));
        let (met, refused): (Vec<&RefusedCall>, Vec<&RefusedCall>) = self.recent(now).partition(is_for);
        if met.is_empty() {
            return None;
        }
        let replaced: Vec<Box<str>> = met.iter().filter_map(|one| one.told.clone()).collect();
        let by_itself = self.by_itself || replaced.is_empty();
        Some((Self { by_itself, refused: refused.into_iter().cloned().collect() }, replaced))
    }

    fn recent(&self, now: Duration) -> impl Iterator<Item = &RefusedCall> {
        self.refused.iter().filter(move |one| {
            let age_max = if one.told.is_some() { STEP_UP_TOLD_AGE } else { STEP_UP_AGE };
            one.age(now) < age_max
        })
    }
}

impl RefusedCall {
    /// The clocks of replicas differ: a call of the near future is new.
    fn age(&self, now: Duration) -> Duration {
        Duration::from_millis(self.at_millis.abs_diff(millis(now)))
    }
}

/// Whether an authorization can bring what a refresh cannot: `grants` give this user all that is
/// `missing`, the client may have it, and the family has not been refused for it before.
#[must_use]
pub fn can_help(missing: &[Scope], family: &Family, person: &Person, client: &Client, grants: &[GrantRule]) -> bool {
    let grantee = Grantee::Person(person);
    let gives = |scopes: &[Scope]| {
        let bound = |scope: &Scope| client.scopes.as_ref().is_none_or(|bound| bound.contains(scope));
        people::allowed(grants, grantee, scopes).into_iter().filter(bound).collect::<Vec<Scope>>()
    };
    let by_refresh = gives(&family.scopes);
    let is_lacking = |scope: &Scope| !by_refresh.contains(scope);
    let lacking: Vec<Scope> = missing.iter().filter(|scope| is_lacking(scope)).cloned().collect();
    client.grants.code
        && lacking.iter().any(|scope| !family.told_to_step_up.contains(scope))
        && gives(&lacking).len() == lacking.len()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

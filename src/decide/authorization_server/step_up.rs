//! Whether a refresh is refused once, so that its client asks its user for more scope.
//!
//! Clients built on the TypeScript SDK 1.x answer a 403 by refreshing. The new token has the same
//! scopes, so the second call gets a 403 as well and they give up. Told `invalid_grant`, they begin
//! an authorization with the scope of the challenge, which is what the 403 meant. The refresh token
//! is not used up, so a client that ignores the answer loses nothing.
//!
//! All installations of a client may share its id, so what one does says little about another: a
//! family is replaced only soon after it was told, and what is known about the client is corrected
//! by what the family itself does.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    base::{
        limits::authorization_server::{
            STEP_UP_AGE, STEP_UP_REFRESH_WITHIN, STEP_UP_REPLACES_WITHIN, STEP_UP_TOLD_AGE, STEP_UPS_MAX,
        },
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
    /// The stems of families after whose refused calls the client asked for the scope without being
    /// told to. If there is one, it asks by itself, as far as is known.
    #[serde(default)]
    pub asked_after: Vec<Box<str>>,
    /// Those that an authorization may still follow.
    #[serde(default)]
    pub refused: Vec<RefusedCall>,
    /// Refreshes that were refused.
    #[serde(default)]
    pub told: Vec<Telling>,
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
    /// Whether a refresh of the family went through since.
    #[serde(default)]
    pub refreshed: bool,
}

/// A refresh that was refused, so that its client asks for more scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// The family.
    pub family: Box<str>,
    /// Its stem.
    pub stem: Box<str>,
    /// The resources that it is for.
    pub resources: Vec<Box<str>>,
    /// The scopes that its token lacked.
    pub missing: Vec<Scope>,
    /// When, in milliseconds since 1970.
    pub at_millis: u64,
    /// Whether its client is still using the family.
    #[serde(default)]
    pub used_on: bool,
    /// Whether the client authorized since, without asking for these scopes.
    #[serde(default)]
    pub in_vain: bool,
}

impl StepUps {
    /// With one more refused call; `None` if that changes nothing.
    #[must_use]
    pub fn with_refused(&self, stem: &str, missing: &[Scope], now: Duration) -> Option<Self> {
        let is_told = self.tellings(now).any(|one| *one.stem == *stem && one.missing == missing);
        if missing.is_empty() || is_told || self.is_in_vain(missing, now) {
            return None;
        }
        let mut refused: Vec<RefusedCall> =
            self.recent(now).filter(|one| *one.stem != *stem || one.missing != missing).cloned().collect();
        let at_millis = millis(now);
        refused.push(RefusedCall { stem: stem.into(), missing: missing.to_vec(), at_millis, refreshed: false });
        drop_oldest(&mut refused);
        // This family is in use still, so what asked was another computer.
        let is_wrong = self.asked_after.iter().any(|one| **one == *stem);
        let asked_after = if is_wrong { Vec::new() } else { self.asked_after.clone() };
        Some(Self { asked_after, refused, ..self.clone() })
    }

    /// The scopes for whose lack the next refresh of this family should be refused once, newest
    /// first. Empty if the client steps up by itself.
    pub fn wanted(&self, stem: &str, now: Duration) -> impl Iterator<Item = &[Scope]> {
        let is_wanted = move |one: &&RefusedCall| {
            !self.is_by_itself()
                && !one.refreshed
                && *one.stem == *stem
                && age(one.at_millis, now) < STEP_UP_REFRESH_WITHIN
                && !self.is_in_vain(&one.missing, now)
        };
        self.refused.iter().rev().filter(is_wanted).map(|one| &*one.missing)
    }

    /// After a refresh of `family` was refused for lack of these scopes.
    #[must_use]
    pub fn told(&self, (id, stem): (&str, &str), family: &Family, missing: &[Scope], now: Duration) -> Self {
        let mut told: Vec<Telling> = self.tellings(now).cloned().collect();
        told.push(Telling {
            family: id.into(),
            stem: stem.into(),
            resources: family.resources.clone(),
            missing: missing.to_vec(),
            at_millis: millis(now),
            used_on: false,
            in_vain: false,
        });
        drop_oldest(&mut told);
        let is_other = |one: &&RefusedCall| *one.stem != *stem || one.missing != missing;
        let refused = self.refused.iter().filter(is_other).cloned().collect();
        Self { told, refused, ..self.clone() }
    }

    /// After a refresh of this family went through; `None` if that changes nothing.
    #[must_use]
    pub fn refreshed(&self, stem: &str, now: Duration) -> Option<Self> {
        let mut after = self.clone();
        for one in after.refused.iter_mut().filter(|one| *one.stem == *stem && !one.refreshed) {
            one.refreshed = true;
            // A client that asks by itself would be at the authorization endpoint now.
            if age(one.at_millis, now) < STEP_UP_REFRESH_WITHIN {
                after.asked_after.clear();
            }
        }
        // A second window may refresh at the same time, so a refresh soon after says nothing.
        let is_used_on = |one: &&mut Telling| *one.stem == *stem && age(one.at_millis, now) >= STEP_UP_REFRESH_WITHIN;
        for one in after.told.iter_mut().filter(is_used_on) {
            one.used_on = true;
        }
        (after != *self).then_some(after)
    }

    /// After the client got a code for these resources, for which it had asked for these scopes,
    /// and the families that the code replaces; `None` if that changes nothing.
    #[must_use]
    pub fn authorized(&self, asked: &[Scope], resources: &[Box<str>], now: Duration) -> Option<(Self, Vec<Box<str>>)> {
        let has = |missing: &[Scope]| missing.iter().all(|scope| asked.contains(scope));
        let (met, refused): (Vec<&RefusedCall>, Vec<&RefusedCall>) =
            self.recent(now).partition(|one| has(&one.missing));
        let (answered, mut told): (Vec<Telling>, Vec<Telling>) =
            self.tellings(now).cloned().partition(|one| has(&one.missing));
        for one in &mut told {
            one.in_vain |= one.resources.iter().any(|resource| resources.contains(resource));
        }
        // The login of another computer has nothing to do with a telling of long ago, nor with one
        // that its client ignores.
        let is_replaced = |one: &&Telling| !one.used_on && age(one.at_millis, now) < STEP_UP_REPLACES_WITHIN;
        let replaced: Vec<Box<str>> = answered.iter().filter(is_replaced).map(|one| one.family.clone()).collect();
        let mut asked_after = self.asked_after.clone();
        if answered.is_empty() {
            asked_after.extend(met.iter().filter(|one| !one.refreshed).map(|one| one.stem.clone()));
            drop_oldest(&mut asked_after);
        }
        let after = Self { asked_after, refused: refused.into_iter().cloned().collect(), told };
        (after != *self).then_some((after, replaced))
    }

    /// Whether the client asks this user for a refused scope without being told to.
    #[must_use]
    pub fn is_by_itself(&self) -> bool {
        !self.asked_after.is_empty()
    }

    /// Whether the client was told of these scopes before, and did not ask for them.
    fn is_in_vain(&self, missing: &[Scope], now: Duration) -> bool {
        let is = |scope: &Scope| self.tellings(now).any(|one| one.in_vain && one.missing.contains(scope));
        missing.iter().all(is)
    }

    fn recent(&self, now: Duration) -> impl Iterator<Item = &RefusedCall> {
        self.refused.iter().filter(move |one| age(one.at_millis, now) < STEP_UP_AGE)
    }

    fn tellings(&self, now: Duration) -> impl Iterator<Item = &Telling> {
        self.told.iter().filter(move |one| age(one.at_millis, now) < STEP_UP_TOLD_AGE)
    }
}

/// The clocks of replicas differ: what is in the near future is new.
fn age(at_millis: u64, now: Duration) -> Duration {
    Duration::from_millis(at_millis.abs_diff(millis(now)))
}

fn drop_oldest<T>(all: &mut Vec<T>) {
    let surplus = all.len().saturating_sub(STEP_UPS_MAX);
    all.drain(..surplus);
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

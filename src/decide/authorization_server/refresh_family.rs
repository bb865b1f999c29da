//! A family of refresh tokens: only the newest is valid, and reuse ends it (SPEC E-23).
//!
//! The answer with the new token may be lost, for example if the process is killed after the store
//! has the token and before the client has it. And clients refresh twice: two windows share one
//! token, or a retry follows a lost answer. So the record keeps the new token, sealed with the old
//! one, until the answer has been written and `refresh_grace` is over. A client that presents the
//! old token before that gets the same new token again, for a day at most. There is never more than
//! one chain.
//!
//! The price of the grace: until it ends, a thief of the old token gets the new one as well. Once
//! one of the two holders uses the new token, the old one is reuse again and ends the family.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    base::{
        digest::sha256,
        limits::authorization_server::{IDP_ANSWER_FRESH, REFRESH_UNANSWERED_MAX},
        names::Scope,
    },
    decide::authorization_server::{form::Form, people::Person, sealed_bytes},
};

#[cfg(test)]
mod tests;

/// The refresh tokens of one grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// `client_id`.
    pub client: Box<str>,
    /// The user who consented.
    pub person: Person,
    /// The granted scopes.
    pub scopes: Vec<Scope>,
    /// Scopes that the authorization request named and that were not granted: named again at a
    /// refresh, they are ignored. Missing in records of a release that did not remember them.
    #[serde(default)]
    pub named: Vec<Scope>,
    /// The resources that the grant is for.
    pub resources: Vec<Box<str>>,
    /// SHA-256 of the newest token's secret.
    pub current: [u8; 32],
    /// The previous token.
    pub previous: Option<Previous>,
    /// The number of tokens so far.
    pub count: u64,
    /// When the newest token was made, in seconds since 1970.
    pub renewed: u64,
    /// When the family ends, in any case.
    pub ends: u64,
    /// The refresh token of the upstream IdP, sealed.
    #[serde(default, with = "sealed_bytes")]
    pub bridge: Option<Vec<u8>>,
    /// When the IdP confirmed the session for an exchange of the newest token, in milliseconds
    /// since 1970. `None` before that, and in records of a release that exchanged at once.
    #[serde(default)]
    pub confirmed: Option<u64>,
    /// Scopes for whose lack a refresh was refused once. Missing in records of a release that did
    /// not do so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told_to_step_up: Vec<Scope>,
}

/// A token that was exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// SHA-256 of its secret.
    pub digest: [u8; 32],
    /// Its successor, sealed with this token; `None` once the answer has been written and the grace
    /// is over.
    pub successor: Option<Vec<u8>>,
    /// Its first use. `None` in a record of a release without `refresh_grace`: there, `successor`
    /// is `None` as soon as the answer was written, and such a token gets no grace.
    #[serde(default)]
    pub used: Option<FirstUse>,
}

/// The first use of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstUse {
    /// When, in milliseconds since 1970.
    pub at_millis: u64,
    /// [`PresentedToken::parameters`].
    pub parameters: [u8; 32],
    /// Whether its answer has been written.
    pub delivered: bool,
}

/// A use of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentedToken {
    /// SHA-256 of its secret.
    pub digest: [u8; 32],
    /// Digest of `scope` and `resource` of the request: only a request for the same is a repeat.
    pub parameters: [u8; 32],
    /// When, in milliseconds since 1970.
    pub at_millis: u64,
}

/// How long refresh tokens are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshBounds {
    /// `refresh_token_ttl`.
    pub idle_max: Duration,
    /// `refresh_grace`.
    pub grace: Duration,
}

/// The standing of a presented token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// The newest token: it is exchanged for the next.
    Newest,
    /// The previous token, used again for the same within the grace: its successor, sealed with it.
    Repeated(&'a [u8]),
    /// The previous token, whose answer was not written, as far as is known, and was asked for
    /// within a day: its successor, sealed with it.
    Unanswered(&'a [u8]),
    /// Already exchanged, or never issued: the family ends.
    Reused,
    /// Not used for too long, or too old altogether.
    Expired,
}

impl PresentedToken {
    /// The token with this `secret`, presented with `form`.
    #[must_use]
    pub fn with(secret: &str, form: &Form, now: Duration) -> Self {
        // The order of words and resources has no meaning (RFC 6749 §3.3, RFC 8707 §2).
        let sorted = |mut words: Vec<&str>| {
            words.sort_unstable();
            words.dedup();
            json!(words)
        };
        let scope = form.get("scope").map(|scope| sorted(scope.split(' ').filter(|word| !word.is_empty()).collect()));
        let parameters = json!([scope, sorted(form.all("resource").collect())]).to_string();
        Self { digest: sha256(secret.as_bytes()), parameters: sha256(parameters.as_bytes()), at_millis: millis(now) }
    }

    fn at_secs(&self) -> u64 {
        self.at_millis / 1_000
    }
}

impl Previous {
    /// The standing of this token when it is `presented` again; `None` if that is reuse.
    fn standing(&self, presented: &PresentedToken, grace: Duration) -> Option<Standing<'_>> {
        let sealed = self.successor.as_deref()?;
        match &self.used {
            Some(first) if first.is_repeated_by(presented, grace) => Some(Standing::Repeated(sealed)),
            Some(first) if first.delivered || first.is_long_before(presented) => None,
            Some(_) | None => Some(Standing::Unanswered(sealed)),
        }
    }
}

impl FirstUse {
    /// Whether `again` comes too late even for a client whose answer was lost.
    fn is_long_before(&self, again: &PresentedToken) -> bool {
        again.at_millis.saturating_sub(self.at_millis) >= millis(REFRESH_UNANSWERED_MAX)
    }

    /// Whether `again` is the same request within the grace, which no repeat prolongs. The clocks
    /// of replicas differ, and a clock may go back: a use that seems to be before the first is
    /// within the grace only by as much.
    fn is_repeated_by(&self, again: &PresentedToken, grace: Duration) -> bool {
        let apart = Duration::from_millis(self.at_millis.abs_diff(again.at_millis));
        self.parameters == again.parameters && apart < grace
    }
}

impl Family {
    /// The standing of a presented token, compared in constant time.
    #[must_use]
    pub fn standing(&self, presented: &PresentedToken, bounds: RefreshBounds) -> Standing<'_> {
        let is = |other: &[u8; 32]| verify_slices_are_equal(&presented.digest, other).is_ok();
        let previous = self.previous.as_ref().filter(|previous| is(&previous.digest));
        // Reuse is checked before age, so that a stolen token is reported as long as the record
        // exists.
        let standing = match previous.and_then(|previous| previous.standing(presented, bounds.grace)) {
            _ if is(&self.current) => Standing::Newest,
            Some(standing) => standing,
            None => return Standing::Reused,
        };
        // If the clock went back, the token is not older.
        let idle = presented.at_secs().saturating_sub(self.renewed);
        let is_over = presented.at_secs() >= self.ends || idle >= bounds.idle_max.as_secs();
        if is_over { Standing::Expired } else { standing }
    }

    /// The family after its newest token was `presented` and exchanged for a token with `digest`,
    /// which is `sealed` with the old token.
    #[must_use]
    pub fn exchanged(&self, presented: &PresentedToken, digest: [u8; 32], sealed: Vec<u8>) -> Self {
        let used = FirstUse { at_millis: presented.at_millis, parameters: presented.parameters, delivered: false };
        Self {
            current: digest,
            previous: Some(Previous { digest: self.current, successor: Some(sealed), used: Some(used) }),
            count: self.count.saturating_add(1),
            // The clocks of replicas differ: a slow clock must not make the family end earlier.
            renewed: presented.at_secs().max(self.renewed),
            confirmed: None,
            ..self.clone()
        }
    }

    /// The family after a refresh was refused for lack of these scopes, so that its client asks for
    /// them.
    #[must_use]
    pub fn told_of(&self, missing: &[Scope]) -> Self {
        let mut told_to_step_up = self.told_to_step_up.clone();
        told_to_step_up.extend(missing.iter().filter(|scope| !self.told_to_step_up.contains(scope)).cloned());
        Self { told_to_step_up, ..self.clone() }
    }

    /// Whether a refresh may name this scope. One that was named before and not granted is ignored,
    /// because clients repeat the scopes of their authorization request; any other is too much (RFC
    /// 6749 §6).
    #[must_use]
    pub fn may_name(&self, scope: &Scope) -> bool {
        self.scopes.contains(scope) || self.named.contains(scope)
    }

    /// The family after the IdP has confirmed the session of `person`, which is `sealed`.
    #[must_use]
    pub fn confirmed_at(&self, now: Duration, person: Person, sealed: Vec<u8>) -> Self {
        Self { person, bridge: Some(sealed), confirmed: Some(millis(now)), ..self.clone() }
    }

    /// Whether the newest token may be exchanged without another question to the IdP: it has
    /// confirmed the session just now, and the request that asked is gone or comes again.
    #[must_use]
    pub fn is_confirmed(&self, now: Duration) -> bool {
        self.confirmed.is_some_and(|at| Duration::from_millis(at.abs_diff(millis(now))) < IDP_ANSWER_FRESH)
    }

    /// The family after the answer with the token of this `digest` was written. `None` if that
    /// token is no longer the newest, or its answer is noted already: a late report about one
    /// answer must not count for the next, whose token may still be lost.
    #[must_use]
    pub fn answered_with(&self, digest: &[u8; 32]) -> Option<Self> {
        let previous = self.sealed_before(digest)?;
        let previous = match &previous.used {
            Some(first) if first.delivered => return None,
            Some(first) => Previous { used: Some(FirstUse { delivered: true, ..first.clone() }), ..previous.clone() },
            // Exchanged by a release without grace.
            None => Previous { successor: None, ..previous.clone() },
        };
        Some(Self { previous: Some(previous), ..self.clone() })
    }

    /// The family without the sealed copy of its newest token, which has this `digest`: its answer
    /// was written and the grace is over. `None` if there is no such copy.
    #[must_use]
    pub fn without_sealed(&self, digest: &[u8; 32]) -> Option<Self> {
        let previous = self.sealed_before(digest)?;
        let previous = Previous { successor: None, ..previous.clone() };
        Some(Self { previous: Some(previous), ..self.clone() })
    }

    /// The previous token, if the token of this `digest` is the newest and sealed with it.
    fn sealed_before(&self, digest: &[u8; 32]) -> Option<&Previous> {
        let previous = self.previous.as_ref().filter(|previous| previous.successor.is_some())?;
        verify_slices_are_equal(digest, &self.current).is_ok().then_some(previous)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

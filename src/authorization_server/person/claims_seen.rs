//! Whether the company IdP provides the claims that `grants` name, in a form that can match.
//!
//! A claim that no sign-in has provided is a mistake of the configuration, here or there: its
//! grants apply to no user. So is one whose value no grant can match, or which the IdP says at a
//! sign-in alone: then logins end at their first refresh.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use serde_json::{Map, Value};

use crate::decide::{
    authorization_server::{
        claim_shape,
        people::{GrantRule, Person, named_claims},
    },
    json::pointer,
    policy::claims::ClaimValue,
};

/// The sign-ins of this process.
#[derive(Default)]
pub(crate) struct ClaimsSeen(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    sign_ins: u64,
    /// Claims of `grants` that a sign-in has provided.
    provided: BTreeSet<Box<str>>,
    /// Claims of `grants` that none has provided.
    missing: BTreeSet<Box<str>>,
    /// Claims whose last value no entry of `grants` could match, and how it looks.
    hidden: BTreeMap<Box<str>, &'static str>,
    /// Claims that userinfo did not say at the last refresh, although it was said before.
    lost: BTreeSet<Box<str>>,
    /// What was warned of.
    warned: BTreeSet<(Box<str>, &'static str)>,
}

impl Seen {
    fn missing_in_words(&self) -> Option<String> {
        let missing: Vec<String> = self.missing.iter().map(|claim| format!("`{claim}`")).collect();
        (!missing.is_empty()).then(|| {
            format!(
                "grants name {}, which none of {} sign-ins at the company IdP has provided",
                missing.join(", "),
                self.sign_ins
            )
        })
    }
}

impl ClaimsSeen {
    /// Notes a sign-in. Warns once of each claim that `rules` name and no sign-in has provided.
    pub(crate) fn note(&self, rules: &[GrantRule], person: &Person) {
        for claim in self.missing_first(rules, person) {
            tracing::warn!(
                target: "portcullis::authorization_server", claim,
                "grants name a claim that no sign-in at the company IdP has provided, so these grants apply to no user: correct its name, or have the IdP put it into the ID token"
            );
        }
        for (claim, how) in self.hidden_first(rules, person) {
            tracing::warn!(
                target: "portcullis::authorization_server", claim,
                "grants name a claim whose value they cannot match: the company IdP sends {how}; have it send a text or a list of texts"
            );
        }
    }

    /// Notes a refresh without ID token: the claims of `named` before and after. Warns once of each
    /// that is gone.
    pub(crate) fn note_userinfo(&self, named: &[Box<str>], before: &Map<String, Value>, after: &Map<String, Value>) {
        const LOST: &str = "lost";
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for claim in named {
            if pointer::find(after, claim).is_some() {
                seen.lost.remove(claim);
            } else if pointer::find(before, claim).is_some() {
                seen.lost.insert(claim.clone());
                if seen.warned.insert((claim.clone(), LOST)) {
                    tracing::warn!(
                        target: "portcullis::authorization_server", claim,
                        "at a refresh the company IdP sent no ID token, and its userinfo endpoint does not say a claim that it said before, so grants by this claim no longer apply to the user: have the IdP put the claim into userinfo, unless this user has lost its last value"
                    );
                }
            }
        }
    }

    /// Forgets claims that are named no more: `grants` by `rules`, and all by `named`.
    pub(crate) fn follow(&self, rules: &[GrantRule], named: &[Box<str>]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_grants: BTreeSet<&str> = named_claims(rules).collect();
        seen.hidden.retain(|claim, _| of_grants.contains(&**claim));
        seen.missing.retain(|claim| of_grants.contains(&**claim));
        seen.lost.retain(|claim| named.contains(claim));
        seen.warned.retain(|(claim, _)| of_grants.contains(&**claim) || named.contains(claim));
    }

    /// What the operator must know.
    pub(crate) fn trouble(&self) -> Option<String> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut troubles = Vec::new();
        for (claim, how) in &seen.hidden {
            troubles.push(format!("grants cannot match the claim `{claim}` of the company IdP: it is {how}; have the IdP send a text or a list of texts"));
        }
        for claim in &seen.lost {
            troubles.push(format!(
                "the userinfo endpoint of the company IdP does not say the claim `{claim}` at a refresh"
            ));
        }
        troubles.extend(seen.missing_in_words());
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }

    /// The claims that no grant can match since this sign-in.
    fn hidden_first(&self, rules: &[GrantRule], person: &Person) -> Vec<(Box<str>, &'static str)> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut first = Vec::new();
        for claim in named_claims(rules) {
            let Some(value) = pointer::find(&person.claims, claim) else { continue };
            let all = rules.iter().flat_map(|rule| &rule.claims).filter(|(name, _)| **name == *claim);
            let values: Vec<ClaimValue> = all.flat_map(|(_, values)| values.iter().cloned()).collect();
            match claim_shape::hides(value, &values) {
                None => drop(seen.hidden.remove(claim)),
                Some(how) => {
                    seen.hidden.insert(claim.into(), how);
                    if seen.warned.insert((claim.into(), how)) {
                        first.push((claim.into(), how));
                    }
                }
            }
        }
        first
    }
    /// The claims that are missing since this sign-in.
    fn missing_first(&self, rules: &[GrantRule], person: &Person) -> Vec<Box<str>> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.sign_ins = seen.sign_ins.saturating_add(1);
        let mut missing: BTreeSet<Box<str>> = BTreeSet::new();
        for claim in named_claims(rules) {
            // Only names of the configuration are kept: the IdP may send any number of claims.
            if pointer::find(&person.claims, claim).is_some_and(|value| !value.is_null()) {
                seen.provided.insert(claim.into());
            } else if !seen.provided.contains(claim) {
                missing.insert(claim.into());
            }
        }
        let first = missing.difference(&seen.missing).cloned().collect();
        seen.missing = missing;
        first
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn login_c5_a_claim_that_userinfo_no_longer_says_is_named_until_it_is_said() {
        let (seen, named) = (ClaimsSeen::default(), ["groups".into(), "roles".into()]);
        let groups = json!({"groups": ["staff"]}).as_object().unwrap().clone();
        seen.note_userinfo(&named, &groups, &groups);
        assert_eq!(seen.trouble(), None);
        seen.note_userinfo(&named, &groups, &Map::new());
        assert!(seen.trouble().unwrap().contains("does not say the claim `groups` at a refresh"));
        seen.note_userinfo(&named, &Map::new(), &groups);
        assert_eq!(seen.trouble(), None);
        // A reload names it no more.
        seen.note_userinfo(&named, &groups, &Map::new());
        seen.follow(&[], &["roles".into()]);
        assert_eq!(seen.trouble(), None);
    }
}

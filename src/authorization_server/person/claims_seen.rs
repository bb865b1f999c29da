//! Whether the company IdP provides the claims that `grants` name.
//!
//! A claim that no sign-in has provided is a mistake of the configuration, here or there: its
//! grants apply to no user.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use crate::decide::authorization_server::people::{GrantRule, Person, named_claims};

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
    }

    /// What the operator must know.
    pub(crate) fn trouble(&self) -> Option<String> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<String> = seen.missing.iter().map(|claim| format!("`{claim}`")).collect();
        (!missing.is_empty()).then(|| {
            format!(
                "grants name {}, which none of {} sign-ins at the company IdP has provided",
                missing.join(", "),
                seen.sign_ins
            )
        })
    }

    /// The claims that are missing since this sign-in.
    fn missing_first(&self, rules: &[GrantRule], person: &Person) -> Vec<Box<str>> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.sign_ins = seen.sign_ins.saturating_add(1);
        let mut missing: BTreeSet<Box<str>> = BTreeSet::new();
        for claim in named_claims(rules) {
            // Only names of the configuration are kept: the IdP may send any number of claims.
            if person.claims.get(claim).is_some_and(|value| !value.is_null()) {
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

//! Decides what a request without a token may touch: only what a rule calls public.

use serde_json::Map;

use super::{Permit, Ruling, each_deciding, judge};
use crate::decide::{
    mcp::request::{target::Target, without_token::WithoutToken},
    policy::rule::{Access, Policy, Rule},
    refusal::Refusal,
    token::caller::Attributes,
};

#[cfg(test)]
mod tests;

/// Decides whether a request without a token may touch `target`. Every rule that decides must be
/// public, and so must every part of a batch.
///
/// # Errors
/// [`sign_in`].
pub fn evaluate_public(policy: &Policy, target: &Target, _: WithoutToken) -> Result<Permit, Refusal> {
    let mut ruling = Ruling { rule: None, reported: None };
    if policy.public().next().is_some() && is_public(policy, target, &mut ruling.rule) {
        Ok(Permit { ruling })
    } else {
        Err(sign_in(policy, target))
    }
}

/// The refusal of a request without a token: it names the scopes that the request needs, or none
/// where no token would help.
#[must_use]
pub fn sign_in(policy: &Policy, target: &Target) -> Refusal {
    match judge_without_scopes(policy, target) {
        Err(Refusal::Scope { needed }) => Refusal::SignIn { needed },
        // A token may have the claims that the rule wants.
        Err(Refusal::Forbidden { rule }) if wants_claims(policy, rule) => {
            Refusal::SignIn { needed: super::needed(policy, &[], rule_at(policy, rule)) }
        }
        Ok(_) => Refusal::SignIn { needed: policy.connect.clone() },
        Err(_) => Refusal::NoCredential,
    }
}

fn wants_claims(policy: &Policy, rule: usize) -> bool {
    rule_at(policy, rule).is_some_and(|rule| !rule.deny && !rule.claims.is_empty())
}

fn rule_at(policy: &Policy, index: usize) -> Option<&Rule> {
    match &policy.access {
        Access::Authenticated => None,
        Access::Rules(rules) => rules.get(index),
    }
}

/// The verdict about a caller with a token that has no scope and no claim, for lists: what such a
/// caller sees, an anonymous one sees, too.
///
/// # Errors
/// As [`judge`].
pub fn judge_without_scopes(policy: &Policy, target: &Target) -> Result<Ruling, Refusal> {
    judge(policy, Attributes { scopes: &[], claims: &Map::new() }, target)
}

/// Whether everyone may touch `target`; `first` becomes the first rule that decides.
fn is_public(policy: &Policy, target: &Target, first: &mut Option<usize>) -> bool {
    match target {
        // Which messages touch nothing and may come without a token, the proof says.
        Target::Open => true,
        Target::Tool(_) | Target::Prompt(_) | Target::Resources(_) => {
            let mut is_decided = false;
            let verdict = each_deciding(policy, target, &mut |index, rule| {
                is_decided = true;
                first.get_or_insert(index);
                if rule.public { Ok(()) } else { Err(Refusal::NoCredential) }
            });
            verdict.is_ok() && is_decided
        }
        Target::Several(parts) => !parts.is_empty() && parts.iter().all(|part| is_public(policy, part, first)),
        Target::Path(_)
        | Target::Template(_)
        | Target::Method(_)
        | Target::Tasks { .. }
        | Target::TaskList
        | Target::Stream
        | Target::EndSession => false,
    }
}

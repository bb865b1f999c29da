//! Decides whether a caller may touch a target, and names the rule that decided.

use crate::{
    base::{names::Scope, text::Text},
    decide::{
        mcp::{method::LIST_TASKS, request::target::Target},
        policy::{
            claims, resource,
            rule::{Access, Policy, Rule, Subject, Visit},
            template,
        },
        refusal::Refusal,
        token::caller::{Attributes, Caller},
    },
};

pub mod advertised;
pub mod path;
pub mod public;
#[cfg(test)]
pub(super) mod tests;

/// Proof that the policy permits one request. Only [`evaluate`] and [`public::evaluate_public`]
/// make a permit; `Upstream::send` consumes it.
///
/// ```compile_fail,E0451
/// use portcullis::decide::policy::evaluate::{Permit, Ruling};
/// let forged = Permit { ruling: Ruling { rule: None, reported: None } };
/// ```
#[derive(Debug, PartialEq)]
#[must_use]
pub struct Permit {
    ruling: Ruling,
}

impl Permit {
    /// [`Ruling::rule`].
    #[must_use]
    pub fn rule(&self) -> Option<usize> {
        self.ruling.rule
    }

    /// [`Ruling::reported`].
    #[must_use]
    pub fn reported(&self) -> Option<&Refusal> {
        self.ruling.reported.as_ref()
    }
}

/// The decision of the rules to allow a target. It is not a [`Permit`]: no request can be sent with
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// The index of the deciding rule, or of the first one if several rules decided. `None` if
    /// permission to connect is enough.
    pub rule: Option<usize>,
    /// What a `report_only` rule would have refused.
    pub reported: Option<Refusal>,
}

/// Decides whether `caller` may touch `target`.
///
/// # Errors
/// As [`judge`].
pub fn evaluate(policy: &Policy, caller: &Caller, target: &Target) -> Result<Permit, Refusal> {
    judge(policy, caller.attributes(), target).map(|ruling| Permit { ruling })
}

/// Decides whether the rules allow `target` to a token with these scopes and claims.
///
/// A refusal that no scope can change takes precedence over [`Refusal::Scope`]. Otherwise the
/// client would get more scope by a step-up, be refused again, and loop through consent (SPEC
/// A-56).
///
/// What a public rule permits needs no scope, not even those of `connect`.
///
/// [`Refusal::Scope`] names all scopes that the operation needs: first those of `connect`, then
/// those of each rule, in the order of the configuration. It leaves out only the scopes that a
/// broader scope of the caller implies (SPEC A-51, A-54).
///
/// # Errors
/// [`Refusal::Scope`], [`Refusal::Forbidden`], [`Refusal::EmailUnverified`], [`Refusal::NoRule`],
/// [`Refusal::UnsafeUri`].
pub fn judge(policy: &Policy, attributes: Attributes<'_>, target: &Target) -> Result<Ruling, Refusal> {
    let Attributes { scopes: granted, claims: held } = attributes;
    let mut ruling = Ruling { rule: None, reported: None };
    let mut lacking = !holds_all(policy, granted, &policy.connect);
    let mut is_public =
        lacking && matches!(target, Target::Tool(_) | Target::Prompt(_) | Target::Resources(_) | Target::Template(_));

    each_deciding(policy, target, &mut |index, rule| {
        ruling.rule.get_or_insert(index);
        is_public &= rule.public;
        let refusal = if rule.deny || !claims::hold(held, &rule.claims) {
            let lacks_verified = !rule.deny && claims::hold_but_for_email(held, &rule.claims);
            if lacks_verified { Refusal::EmailUnverified { rule: index } } else { Refusal::Forbidden { rule: index } }
        } else if holds(policy, granted, rule) {
            return Ok(());
        } else if rule.report_only {
            Refusal::Scope { needed: needed(policy, granted, [rule]) }
        } else {
            lacking = true;
            return Ok(());
        };
        if !rule.report_only {
            return Err(refusal);
        }
        ruling.reported.get_or_insert(refusal);
        Ok(())
    })?;

    if !lacking || (is_public && ruling.rule.is_some()) {
        return Ok(ruling);
    }
    let mut deciding = Vec::new();
    each_deciding(policy, target, &mut |_, rule| {
        if !rule.report_only {
            deciding.push(rule);
        }
        Ok(())
    })?;
    Err(Refusal::Scope { needed: needed(policy, granted, deciding) })
}

/// The first rule that decides about `target`, for the audit line of a refusal that does not name
/// the rule.
#[must_use]
pub fn deciding_rule(policy: &Policy, target: &Target) -> Option<usize> {
    let mut first = None;
    // An error is ignored: if a later resource has no rule, the rule of the first resource still
    // counts.
    let _ = each_deciding(policy, target, &mut |index, _| {
        first.get_or_insert(index);
        Ok(())
    });
    first
}

/// Whether `granted` has `needed`, or a scope that implies it (`scope_implies`).
#[must_use]
pub fn covers(policy: &Policy, granted: &[Scope], needed: &Scope) -> bool {
    held_by(policy, granted, needed).is_some()
}

/// The granted scope that is `needed` or implies it, directly or through other scopes. Each scope
/// is visited once, so that the search ends even if scopes imply each other. A `*` in a token's
/// scope is not a wildcard (attack 82).
pub(super) fn held_by<'a>(policy: &'a Policy, granted: &[Scope], needed: &'a Scope) -> Option<&'a Scope> {
    if granted.contains(needed) {
        return Some(needed);
    }
    if policy.implies.is_empty() {
        return None;
    }
    let mut would_do = vec![needed];
    let mut looked_at = 0;
    while let Some(&scope) = would_do.get(looked_at) {
        if granted.contains(scope) {
            return Some(scope);
        }
        for (broader, narrower) in &policy.implies {
            if narrower.iter().any(|pattern| pattern.matches(scope)) && !would_do.contains(&broader) {
                would_do.push(broader);
            }
        }
        looked_at += 1;
    }
    None
}

/// Visits the rules that decide about `target`: one for a tool, prompt or method, and one for each
/// resource. Visits none if permission to connect is enough.
fn each_deciding<'p>(policy: &'p Policy, target: &Target, visit: Visit<'_, 'p>) -> Result<(), Refusal> {
    let Access::Rules(rules) = &policy.access else {
        return Ok(());
    };
    match target {
        Target::Open | Target::Stream | Target::EndSession | Target::Path(_) => Ok(()),
        // Without a rule for `tasks/list`, only the caller's own tasks are shown, and permission to
        // connect is enough.
        Target::TaskList => {
            let listing = Target::Method(LIST_TASKS.into());
            let deciding = rules.iter().enumerate().find(|(_, rule)| names(&rule.subject, &listing));
            deciding.map_or(Ok(()), |(index, rule)| visit(index, rule))
        }
        Target::Tool(_) | Target::Prompt(_) | Target::Method(_) => {
            let deciding = rules.iter().enumerate().find(|(_, rule)| names(&rule.subject, target));
            let (index, rule) = deciding.ok_or(Refusal::NoRule)?;
            visit(index, rule)
        }
        // `target::of` never makes an empty list. An empty list is refused, because nothing in it
        // can be judged.
        Target::Resources(uris) if uris.is_empty() => Err(Refusal::NoRule),
        Target::Resources(uris) => uris.iter().try_for_each(|uri| resource::visit(rules, uri, visit)),
        Target::Template(template) => template::visit(rules, template, visit),
        // The owner of the tasks is unknown here, so only a rule for the method itself can permit
        // this.
        Target::Tasks { method, resources, .. } => {
            each_deciding(policy, &Target::Method(method.clone()), visit)?;
            resources.iter().try_for_each(|uri| resource::visit(rules, uri, visit))
        }
        Target::Several(parts) if parts.is_empty() => Err(Refusal::NoRule),
        Target::Several(parts) => parts.iter().try_for_each(|part| each_deciding(policy, part, visit)),
    }
}

/// Whether a `methods:` rule names `method`. With such a rule, the upstream alone protects the
/// tasks that the method touches.
#[must_use]
pub fn names_method(policy: &Policy, method: &Text) -> bool {
    let Access::Rules(rules) = &policy.access else { return false };
    let target = Target::Method(method.clone());
    rules.iter().any(|rule| names(&rule.subject, &target))
}

/// Whether a rule's subject names this tool, prompt or method.
pub(super) fn names(subject: &Subject, target: &Target) -> bool {
    let (patterns, name) = match (subject, target) {
        (Subject::Tools(patterns), Target::Tool(name))
        | (Subject::Prompts(patterns), Target::Prompt(name))
        | (Subject::Methods(patterns), Target::Method(name)) => (patterns, name),
        _ => return false,
    };
    patterns.iter().any(|pattern| pattern.matches(name))
}

fn holds(policy: &Policy, granted: &[Scope], rule: &Rule) -> bool {
    holds_all(policy, granted, &rule.scopes) && holds_any(policy, granted, &rule.any_scope)
}

fn holds_all(policy: &Policy, granted: &[Scope], scopes: &[Scope]) -> bool {
    scopes.iter().all(|scope| covers(policy, granted, scope))
}

pub(super) fn holds_any(policy: &Policy, granted: &[Scope], scopes: &[Scope]) -> bool {
    scopes.is_empty() || scopes.iter().any(|scope| covers(policy, granted, scope))
}

/// All scopes that `connect` and these rules need, each once. A rule whose `any_scope` the caller
/// does not satisfy adds only the first scope of that list.
fn needed<'p>(policy: &Policy, granted: &[Scope], rules: impl IntoIterator<Item = &'p Rule>) -> Vec<Scope> {
    let mut needed: Vec<Scope> = Vec::new();
    let mut add = |scope: &Scope| {
        let held_otherwise = held_by(policy, granted, scope).is_some_and(|holder| holder != scope);
        if !held_otherwise && !needed.contains(scope) {
            needed.push(scope.clone());
        }
    };
    policy.connect.iter().for_each(&mut add);
    for rule in rules {
        rule.scopes.iter().for_each(&mut add);
        if !holds_any(policy, granted, &rule.any_scope) {
            rule.any_scope.first().into_iter().for_each(&mut add);
        }
    }
    needed
}

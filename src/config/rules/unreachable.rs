//! Warns of rules that can never decide, because the rules above match all their targets.

use crate::{
    config::reader::Field,
    decide::policy::{covered::never_decide, rule::Rule},
};

/// A warning for each.
pub(super) fn warn(rules: &[(&Field<'_>, Option<Rule>)]) {
    for index in never_decide(rules.iter().map(|(_, rule)| rule.as_ref())) {
        if let Some((field, Some(rule))) = rules.get(index) {
            let expected = "an order in which this rule can decide: earlier rules match everything that it matches";
            field.reading.warning(&field.place, found(rule), expected);
        }
    }
}

/// The warning, with the rule's effect that is lost.
fn found(rule: &Rule) -> &'static str {
    if rule.deny {
        "a rule that can never decide, so it denies nothing"
    } else if rule.has_conditions() {
        "a rule that can never decide, so its scopes and claims are never required"
    } else {
        "a rule that can never decide"
    }
}

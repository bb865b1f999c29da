//! Warns of rules that can never decide, because the rules above match all their targets.

use crate::{
    config::{reader::Field, reading::WrittenFinding},
    decide::policy::{covered::never_decide, rule::Rule},
};

/// A warning for each.
pub(super) fn warn(rules: &[(&Field<'_>, Option<Rule>)]) {
    for covered in never_decide(rules.iter().map(|(_, rule)| rule.as_ref())) {
        let (Some((field, Some(rule))), Some((above, _))) = (rules.get(covered.rule), rules.get(covered.by)) else {
            continue;
        };
        let expected = "an order in which this rule can decide: earlier rules match everything that it matches";
        field.reading.warn(WrittenFinding::new(&field.place, found(rule), expected).see(&above.place));
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

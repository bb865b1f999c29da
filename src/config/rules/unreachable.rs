//! Warns of rules that can never decide, because the rules above match all their targets.

use crate::{
    config::reader::Field,
    decide::policy::{
        automaton::Covering,
        rule::{Rule, Subject},
    },
};

/// The most patterns of a file, and pairs of patterns, that are compared: comparing takes time.
const PATTERNS_MAX: usize = 4_096;
const PAIRS_MAX: usize = 200_000;

/// The first matching rule decides, so a rule never decides if earlier rules of its kind cover all
/// of its patterns.
pub(super) fn warn(rules: &[(&Field<'_>, Option<Rule>)]) {
    let count = |rule: &Option<Rule>| rule.as_ref().map_or(0, |rule| rule.subject.patterns().len());
    if rules.iter().map(|(_, rule)| count(rule)).sum::<usize>() > PATTERNS_MAX {
        return;
    }
    let mut earlier: Vec<(&'static str, Covering)> = Vec::new();
    let mut pairs = 0;
    for (field, rule) in rules {
        let Some(rule) = rule else { continue };
        let kind = rule.subject.key();
        // Wildcards stop at a slash only in a resource pattern that permits.
        let crosses = rule.deny || !matches!(rule.subject, Subject::Resources(_));
        let patterns: Vec<Covering> =
            rule.subject.patterns().into_iter().map(|pattern| Covering::new(pattern, crosses)).collect();
        let is_covered = |pattern: &Covering| {
            let mut above = earlier.iter().filter(|(of, other)| *of == kind && other.begins(pattern));
            above.any(|(_, other)| {
                pairs += 1;
                pairs <= PAIRS_MAX && other.covers(pattern)
            })
        };
        if !patterns.is_empty() && patterns.iter().all(is_covered) {
            let expected = "an order in which this rule can decide: earlier rules match everything that it matches";
            field.reading.warning(&field.place, found(rule), expected);
        }
        earlier.extend(patterns.into_iter().map(|pattern| (kind, pattern)));
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

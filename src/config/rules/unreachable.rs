//! Warns of rules that can never decide, because the rules above them match all that they match.

use crate::{
    config::reader::Field,
    decide::policy::{
        automaton::Covering,
        rule::{Rule, Subject},
    },
};

/// Patterns of a file, and pairs of them that are looked at closely. Beyond this the warning would
/// cost more than it is worth.
const PATTERNS_MAX: usize = 4_096;
const PAIRS_MAX: usize = 200_000;

/// First match decides, so a rule whose every pattern is covered by earlier rules of its kind is
/// never asked.
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
        // Only in a resource pattern that permits is there a slash at which wildcards stop.
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
            let expected = "an order in which this rule is asked: earlier ones match everything that it matches";
            field.reading.warning(&field.place, found(rule), expected);
        }
        earlier.extend(patterns.into_iter().map(|pattern| (kind, pattern)));
    }
}

/// What the author of the rule meant, and does not get.
fn found(rule: &Rule) -> &'static str {
    if rule.deny {
        "a rule that can never decide, so it denies nothing"
    } else if rule.has_conditions() {
        "a rule that can never decide, so its scopes and claims are never asked for"
    } else {
        "a rule that can never decide"
    }
}

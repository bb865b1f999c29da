//! Finds rules that can never decide, because the rules above match all their targets.

use crate::decide::policy::{
    automaton::Covering,
    rule::{Rule, Subject},
};

/// The most patterns of a server, and pairs of patterns, that are compared: comparing takes time.
const PATTERNS_MAX: usize = 4_096;
const PAIRS_MAX: usize = 200_000;

/// The indexes of the rules that can never decide: the first matching rule decides, and earlier
/// rules of their kind cover all of their patterns. `None` stands for a rule that cannot be read.
/// Of very many patterns not all are compared.
#[must_use]
pub fn never_decide<'r>(rules: impl Iterator<Item = Option<&'r Rule>> + Clone) -> Vec<usize> {
    let count = |rule: Option<&Rule>| rule.map_or(0, |rule| rule.subject.patterns().len());
    let mut covered = Vec::new();
    if rules.clone().map(count).sum::<usize>() > PATTERNS_MAX {
        return covered;
    }
    let mut earlier: Vec<(&'static str, Covering)> = Vec::new();
    let mut pairs = 0;
    for (index, rule) in rules.enumerate() {
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
            covered.push(index);
        }
        earlier.extend(patterns.into_iter().map(|pattern| (kind, pattern)));
    }
    covered
}

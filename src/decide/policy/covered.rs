//! Finds rules that can never decide, because the rules above match all their targets.

use crate::decide::policy::{
    automaton::Covering,
    rule::{Rule, Subject},
};

/// The most patterns of a server, and pairs of patterns, that are compared: comparing takes time.
const PATTERNS_MAX: usize = 4_096;
const PAIRS_MAX: usize = 200_000;

/// A rule that can never decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoveredRule {
    /// Its index.
    pub rule: usize,
    /// The index of the rule that covers its first pattern.
    pub by: usize,
}

/// The rules that can never decide: the first matching rule decides, and earlier rules of their
/// kind cover all of their patterns. `None` stands for a rule that cannot be read. Of very many
/// patterns not all are compared.
#[must_use]
pub fn never_decide<'r>(rules: impl Iterator<Item = Option<&'r Rule>> + Clone) -> Vec<CoveredRule> {
    let count = |rule: Option<&Rule>| rule.map_or(0, |rule| rule.subject.patterns().len());
    let mut covered = Vec::new();
    if rules.clone().map(count).sum::<usize>() > PATTERNS_MAX {
        return covered;
    }
    let mut earlier: Vec<(&'static str, usize, Covering)> = Vec::new();
    let mut pairs = 0;
    for (index, rule) in rules.enumerate() {
        let Some(rule) = rule else { continue };
        let kind = rule.subject.key();
        // Wildcards stop at a slash only in a resource pattern that permits.
        let crosses = rule.deny || !matches!(rule.subject, Subject::Resources(_));
        let patterns: Vec<Covering> =
            rule.subject.patterns().into_iter().map(|pattern| Covering::new(pattern, crosses)).collect();
        let coverer = |pattern: &Covering| {
            let mut above = earlier.iter().filter(|(of, _, other)| *of == kind && other.begins(pattern));
            let (_, by, _) = above.find(|(_, _, other)| {
                pairs += 1;
                pairs <= PAIRS_MAX && other.covers(pattern)
            })?;
            Some(*by)
        };
        let coverers: Option<Vec<usize>> = patterns.iter().map(coverer).collect();
        if let Some(by) = coverers.and_then(|of| of.first().copied()) {
            covered.push(CoveredRule { rule: index, by });
        }
        earlier.extend(patterns.into_iter().map(|pattern| (kind, index, pattern)));
    }
    covered
}

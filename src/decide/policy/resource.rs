//! Finds the resource rules that decide about a URI: those that match any reading (SPEC C-04).

use crate::decide::{
    policy::{
        pattern::Pattern,
        rule::{Rule, Subject, Visit},
        uri::{
            self,
            hazard::{self, Hazard},
            reading::{How, UriReading, as_written},
        },
    },
    refusal::Refusal,
};

#[cfg(test)]
mod tests;

/// How a rule relates to one reading of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// The rule is about another resource.
    No,
    /// The rule names the resource in another spelling: it must permit, and the rules below it are
    /// asked as well.
    Alike,
    /// As `Alike`, but the rule only guards the reading: it does not count as a rule that permits
    /// it.
    Guards,
    /// The rule decides.
    Yes,
    /// The pattern cannot judge the URI, so no rule below it can.
    Unsafe(&'static str),
}

/// The resource rules, each with its index and patterns.
pub(super) fn rules(rules: &[Rule]) -> impl Iterator<Item = (usize, &Rule, &[Pattern])> {
    rules.iter().enumerate().filter_map(|(index, rule)| match &rule.subject {
        Subject::Resources(patterns) => Some((index, rule, patterns.as_slice())),
        _ => None,
    })
}

/// Visits each rule that decides about a reading of `uri`. All of them must permit, so the
/// strictest verdict wins.
///
/// # Errors
/// The visitor's; [`Refusal::NoRule`], [`Refusal::UnsafeUri`].
pub(super) fn visit<'p>(all: &'p [Rule], uri: &str, visit: Visit<'_, 'p>) -> Result<(), Refusal> {
    let Some((index, rule, patterns)) = rules(all).next() else { return Err(Refusal::NoRule) };
    // No other spelling could avoid a pattern that matches everything.
    if patterns.iter().any(Pattern::is_everything) {
        return visit(index, rule);
    }
    let is_plain = uri::is_plain(uri);
    let hazard = if is_plain { None } else { hazard::of(uri) };
    visit_reading(all, &as_written(uri), hazard, visit)?;
    if is_plain {
        return Ok(());
    }
    uri::asked(uri).iter().skip(1).try_for_each(|reading| visit_reading(all, reading, hazard, visit))
}

fn visit_reading<'p>(
    all: &'p [Rule],
    reading: &UriReading<'_>,
    hazard: Option<Hazard>,
    visit: Visit<'_, 'p>,
) -> Result<(), Refusal> {
    let mut is_named = reading.how == How::Possible;
    for (index, rule, patterns) in rules(all) {
        match matches(rule, patterns, reading, hazard) {
            Match::No => {}
            Match::Alike => {
                visit(index, rule)?;
                // The URI must also be permitted as written.
                is_named |= reading.how != How::Written;
            }
            Match::Guards => visit(index, rule)?,
            Match::Yes => return visit(index, rule),
            Match::Unsafe(why) => return Err(Refusal::UnsafeUri(why)),
        }
    }
    if is_named { Ok(()) } else { Err(Refusal::NoRule) }
}

/// How `rule` relates to `reading`. Hazards count where the URI is judged as written. A pattern
/// that matches everything, and a pattern that equals the URI byte by byte, are safe with any
/// hazard.
pub(super) fn matches(rule: &Rule, patterns: &[Pattern], reading: &UriReading<'_>, hazard: Option<Hazard>) -> Match {
    let is_exact =
        |pattern: &Pattern| pattern.is_everything() || (pattern.is_literal() && pattern.matches(&reading.text, false));
    if patterns.iter().any(is_exact) {
        return Match::Yes;
    }
    match hazard.filter(|_| reading.how == How::Written) {
        Some(Hazard::Always(why)) => return Match::Unsafe(why),
        Some(Hazard::Pattern(why)) if !patterns.iter().all(Pattern::is_literal) => return Match::Unsafe(why),
        _ => {}
    }
    if patterns.iter().any(|pattern| pattern.matches(&reading.text, rule.deny)) {
        return Match::Yes;
    }
    if patterns.iter().any(|pattern| pattern.is_like(reading, rule.deny)) {
        return Match::Alike;
    }
    // A rule without conditions refuses clients without a token.
    let guards = !rule.public && patterns.iter().any(|pattern| pattern.guards(&reading.text, rule.deny));
    if guards { Match::Guards } else { Match::No }
}

//! Checks resource patterns: URIs that fall to a weaker rule (error), other spellings (warning).

use crate::{
    config::{
        place::Place,
        reading::{Reading, WrittenFinding},
        regular,
    },
    decide::policy::{
        narrowed,
        rule::{Policy, Rule, Subject},
    },
};

/// Checks the patterns of `rules`, which are written at `places`.
pub(super) fn check(reading: &Reading<'_>, policy: &Policy, rules: &[Rule], places: &[Vec<Place>]) {
    let quoted = |text: &str| format!("{text:?}");
    for (rule, places) in rules.iter().zip(places) {
        let Subject::Resources(patterns) = &rule.subject else { continue };
        for (pattern, place) in patterns.iter().zip(places) {
            // Of a regular expression, something else is told.
            let is_regular = regular::is_regular(pattern.as_str(), true);
            if let Some(canonical) = pattern.canonical().filter(|_| !is_regular) {
                let expected =
                    format!("{canonical:?}, as servers spell it: they normalise the URI that a client asks for");
                reading.warning(place, &quoted(pattern.as_str()), &expected);
            }
        }
    }
    for found in narrowed::find(policy, rules) {
        let Some(place) = places.get(found.rule).and_then(|of| of.get(found.pattern)) else { continue };
        let written = rules.get(found.rule).and_then(|rule| rule.subject.patterns().get(found.pattern).copied());
        let written = written.unwrap_or_default();
        let also = if written.contains('?') { " and whose `?` stands for one character" } else { "" };
        let what = format!(
            "{written:?}, whose `*` stops at \"/\"{also}: {:?} falls to rules[{}], which requires less",
            found.example, found.falls_to
        );
        let expected = format!("{:?}, where `**` crosses it", found.instead);
        let finding = WrittenFinding::new(place, &what, &expected);
        reading.refuse(match places.get(found.falls_to).and_then(|of| of.first()) {
            Some(other) => finding.see(other),
            None => finding,
        });
    }
}

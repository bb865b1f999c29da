//! Warns of patterns that probably match nothing: `!x`, regular expressions, URIs without a scheme.

use crate::{
    config::{place::Place, reading::Reading, regular},
    decide::policy::rule::{Rule, Subject},
};

/// Checks the patterns of `rules`, which are written at `places`: at most one warning each.
pub(super) fn check(reading: &Reading<'_>, rules: &[Rule], places: &[Vec<Place>]) {
    for (rule, places) in rules.iter().zip(places) {
        let of_resources = matches!(rule.subject, Subject::Resources(_));
        for (pattern, place) in rule.subject.patterns().into_iter().zip(places) {
            if regular::look(reading, place, pattern, of_resources) {
                continue;
            }
            let concern = plain_text(pattern).or_else(|| without_scheme(pattern).filter(|_| of_resources));
            if let Some((what, expected)) = concern {
                reading.warning(place, &format!("{pattern:?}, {what}"), &expected);
            }
        }
    }
}

/// Finds characters that have a meaning in shells and other gateways, and are plain text here.
fn plain_text(pattern: &str) -> Option<(String, String)> {
    if let Some(rest) = pattern.strip_prefix('!') {
        let expected = format!("a rule about {rest:?} above this one: `!` excludes nothing here, it is plain text");
        return Some(("which begins with `!`".to_owned(), expected));
    }
    // Brackets of an IPv6 address and braces of a URI template are not reported.
    if let Some(choice) = between(pattern, '[', ']').filter(|inside| !inside.contains([':', '/'])) {
        let expected = "one pattern for each character, or `?`, if a choice is meant: brackets are plain text here";
        return Some((format!("which holds `[{choice}]`"), expected.to_owned()));
    }
    let is_list = |inside: &&str| inside.contains(',') && inside.starts_with(|first: char| first.is_alphanumeric());
    if let Some(choice) = between(pattern, '{', '}').filter(is_list) {
        let expected = "one pattern for each word, if a choice is meant: braces are plain text here";
        return Some((format!("which holds `{{{choice}}}`"), expected.to_owned()));
    }
    None
}

/// The text between the first `open` and the next `close`, if there is any.
fn between(text: &str, open: char, close: char) -> Option<&str> {
    let (_, rest) = text.split_once(open)?;
    let (inside, _) = rest.split_once(close)?;
    (!inside.is_empty()).then_some(inside)
}

/// Finds a pattern that cannot match a URI, because it has no scheme and begins neither with a
/// wildcard nor with a template's variable.
fn without_scheme(pattern: &str) -> Option<(String, String)> {
    let pattern = pattern.trim_start();
    let is_scheme = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.');
    let end = pattern.find(|letter| !is_scheme(letter));
    let (scheme, rest) = pattern.split_at_checked(end.unwrap_or(pattern.len()))?;
    let begins_well = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    let may_have_one = match rest.chars().next() {
        Some('*' | '?' | '{') => scheme.is_empty() || begins_well,
        Some(':') => begins_well,
        _ => false,
    };
    if may_have_one {
        return None;
    }
    let front = if pattern.starts_with('/') { "file://" } else { "file:///" };
    Some(("which has no scheme".to_owned(), format!("a pattern for URIs, such as \"{front}{pattern}\"")))
}

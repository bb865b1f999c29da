//! Prints findings: text for people, or JSON with stable members.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    catalogue::{KnownFault, known},
    finding::Finding,
};
use crate::base::shown::shown;

/// The longest value; no word of the catalogue is longer.
const VALUE_CHARS_MAX: usize = 2_000;

/// The catalogue's row of a finding.
fn row(id: &str) -> Option<&'static KnownFault> {
    known().find(|known| known.id == id)
}

/// For people: one block for each finding.
pub(crate) fn text(findings: &[Finding]) -> String {
    let blocks: Vec<String> = findings.iter().map(block).collect();
    blocks.join("\n")
}

fn block(finding: &Finding) -> String {
    let known = row(finding.id);
    let label = finding.severity.label();
    let mut out = match known {
        Some(known) => format!("{label} {}: {}\n", finding.id, known.title),
        None => format!("{label} {}\n", finding.id),
    };
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  {name:<10}{}", bounded(value));
        }
    };
    line("at", &finding.at);
    line("found", &finding.found);
    line("expected", &finding.expected);
    if let Some(known) = known {
        let mut name = "seen";
        for (client, words) in known.seen {
            line(name, &format!("{client}: {words}"));
            name = "";
        }
    }
    let general = known.map_or("", |known| known.cause);
    line("cause", if finding.cause.is_empty() { general } else { &finding.cause });
    let general = known.map_or("", |known| known.fix);
    line("fix", if finding.fix.is_empty() { general } else { &finding.fix });
    line("in", finding.place.as_deref().filter(|place| *place != finding.at).unwrap_or_default());
    line("write", finding.line.as_deref().unwrap_or_default());
    line("example", finding.example.as_deref().unwrap_or_default());
    out
}

/// A text that may come from another server, in one line: shortened, and without what a terminal or
/// the runner of a build obeys. Runners look for `##[` and `##vso[` in the middle of a line, too.
fn bounded(value: &str) -> String {
    shown(value, VALUE_CHARS_MAX).to_string().replace("##", "# # ")
}

/// For programs.
pub(super) fn as_json(findings: &[Finding]) -> Value {
    findings.iter().map(member).collect()
}

fn member(finding: &Finding) -> Value {
    let known = row(finding.id);
    let seen: Vec<Value> = known
        .map_or(&[][..], |known| known.seen)
        .iter()
        .map(|(client, words)| json!({"client": client, "words": words}))
        .collect();
    let general = known.map_or("", |known| known.fix);
    json!({
        "id": finding.id,
        "severity": finding.severity.label(),
        "title": known.map(|known| known.title),
        "at": bounded(&finding.at),
        "found": bounded(&finding.found),
        "expected": bounded(&finding.expected),
        "seen": seen,
        "cause": match finding.cause.is_empty() {
            true => known.map(|known| known.cause.to_owned()),
            false => Some(bounded(&finding.cause)),
        },
        "fix": bounded(if finding.fix.is_empty() { general } else { &finding.fix }),
        "place": finding.place.as_deref().map(bounded),
        "line": finding.line.as_deref().map(bounded),
        "example": finding.example.as_deref().map(bounded),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_4_attack_425_a_value_of_another_server_forges_no_line_and_no_workflow_command() {
        let forged =
            "bad\n::error::INJECTED\r\n  fix       run me\u{1b}[2K \u{202E}\u{200B} ###[add-mask]x ##vso[task]";
        let finding = Finding::new("tls-name", forged).found(forged).expected(forged).fix(forged).line(forged);
        let finding = Finding { place: Some(forged.to_owned()), example: Some(forged.to_owned()), ..finding };
        let known = row(finding.id).unwrap();
        for text in [text(std::slice::from_ref(&finding)), format!("{:#}", as_json(&[finding]))] {
            for line in text.lines() {
                let line = line.trim_start();
                assert!(
                    !line.starts_with("::") && !line.contains("##") && !line.starts_with("fix       run"),
                    "{line}"
                );
                assert!(!line.contains(|c: char| c.is_control() || matches!(c, '\u{202E}' | '\u{200B}')), "{line:?}");
            }
            assert!(known.seen.iter().all(|(client, _)| text.contains(client)), "{text}");
        }
        let long = "a".repeat(VALUE_CHARS_MAX + 1);
        let cut = bounded(&long);
        assert!(cut.ends_with('…') && cut.chars().count() == VALUE_CHARS_MAX + 1);
    }
}

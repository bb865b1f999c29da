//! Prints findings: text for people, or JSON with stable members.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    catalogue::{KnownFault, known},
    finding::Finding,
};

/// The longest value; no word of the catalogue is longer.
const VALUE_CHARS_MAX: usize = 2_000;
/// The column where values begin.
const INDENT: &str = "            ";

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
            let value = bounded(value).replace('\n', &format!("\n{INDENT}"));
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  {name:<10}{value}");
        }
    };
    line("at", &finding.at);
    line("found", &finding.found);
    line("expected", &finding.expected);
    if let Some(known) = known {
        let seen: Vec<String> = known.seen.iter().map(|(client, words)| format!("{client}: {words}")).collect();
        line("seen", &seen.join("\n"));
        line("cause", known.cause);
    }
    let general = known.map_or("", |known| known.fix);
    line("fix", if finding.fix.is_empty() { general } else { &finding.fix });
    line("write", finding.line.as_deref().unwrap_or_default());
    out
}

/// A text that may come from another server: shortened, and without what a terminal obeys.
fn bounded(value: &str) -> String {
    let is_text = |character: &char| *character == '\n' || !character.is_control();
    value.chars().filter(is_text).take(VALUE_CHARS_MAX).collect()
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
        "cause": known.map(|known| known.cause),
        "fix": bounded(if finding.fix.is_empty() { general } else { &finding.fix }),
        "line": finding.line,
    })
}

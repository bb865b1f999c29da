//! Finds the resource rules that decide about a URI template: all that an expansion may match.

use crate::decide::{
    policy::{
        pattern::Pattern,
        resource::{self, Match},
        rule::{Rule, Visit},
        uri::{
            self,
            hazard::{self, Hazard},
            reading::How,
        },
    },
    refusal::Refusal,
};

#[cfg(test)]
mod tests;

/// Replaces an expression when a template is read as a URI. A template that contains this word is
/// read as if it had an expression there, which can only reach more rules.
const MARK: &str = "wqz";

/// A template, and the prefixes of its expansions.
pub(super) struct Template<'t> {
    text: &'t str,
    /// The template with a slash in each expression that may expand to a slash, so that `*` does
    /// not match it.
    judged: String,
    hazard: Option<&'static str>,
    begins: Vec<String>,
}

impl<'t> Template<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let marked = marked(text);
        let hazard = hazard::of(text).map(|hazard| match hazard {
            Hazard::Always(why) | Hazard::Pattern(why) => why,
        });
        let mut begins: Vec<String> = Vec::new();
        for begin in uri::readings(&marked).iter().map(|reading| begin(&reading.text, reading.how)) {
            if !begins.contains(&begin) {
                begins.push(begin);
            }
        }
        Self { text, judged: judged(text), hazard, begins }
    }

    /// How a rule relates to the template: [`Match::Alike`] if it may match an expansion.
    pub(super) fn meets(&self, rule: &Rule, patterns: &[Pattern]) -> Match {
        let is_exact =
            |pattern: &Pattern| pattern.is_everything() || (pattern.is_literal() && pattern.matches(self.text, false));
        if patterns.iter().any(is_exact) {
            return Match::Yes;
        }
        if let Some(why) = self.hazard {
            return Match::Unsafe(why);
        }
        if patterns.iter().any(|pattern| pattern.matches(&self.judged, rule.deny)) {
            return Match::Yes;
        }
        let is_reached = |pattern: &Pattern| self.begins.iter().any(|begin| pattern.is_reached_from(begin));
        if patterns.iter().any(is_reached) { Match::Alike } else { Match::No }
    }
}

/// A template is judged by its own text, with its braces: a pattern permits `file:///pub/{+path}`
/// only if it covers every text of that form. Completion only fills in the argument; a later read
/// is judged as a URI. But the suggestions may name resources that an earlier rule guards. So every
/// rule above the matching rule must permit as well, if it may match an expansion (SPEC C-05).
///
/// # Errors
/// The visitor's; [`Refusal::NoRule`], [`Refusal::UnsafeUri`].
pub(super) fn visit<'p>(all: &'p [Rule], template: &str, visit: Visit<'_, 'p>) -> Result<(), Refusal> {
    let template = Template::of(template);
    for (index, rule, patterns) in resource::rules(all) {
        match template.meets(rule, patterns) {
            Match::No => {}
            Match::Alike | Match::Guards => visit(index, rule)?,
            Match::Yes => return visit(index, rule),
            Match::Unsafe(why) => return Err(Refusal::UnsafeUri(why)),
        }
    }
    Err(Refusal::NoRule)
}

/// The prefix of all expansions of a reading.
fn begin(reading: &str, how: How) -> String {
    let fixed = reading.split(MARK).next().unwrap_or_default();
    let is_whole = fixed.len() == reading.len();
    let authority = fixed.split_once("://").map_or("/", |(_, rest)| rest);
    if is_whole || authority.contains('/') || how == How::Written {
        return fixed.to_owned();
    }
    // An expression in an authority may add a port, or an address in another spelling.
    let scheme = fixed.split(':').next().unwrap_or_default();
    format!("{scheme}:")
}

/// `text` with each expression replaced by a word that no parser changes.
fn marked(text: &str) -> String {
    let mut marked = String::new();
    for (index, part) in text.split('{').enumerate() {
        match part.split_once('}').filter(|_| index > 0) {
            Some((_, after)) => marked.extend([MARK, after]),
            None if index > 0 => marked.extend([MARK, part]),
            None => marked.push_str(part),
        }
    }
    marked
}

/// `text` with a slash in each expression that may expand to a slash: `+`, `#` and `/` (RFC 6570
/// §3.2), and `{path*}` in FastMCP.
fn judged(text: &str) -> String {
    text.replace("{+", "{/+").replace("{#", "{/#").replace("*}", "*/}")
}

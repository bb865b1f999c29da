//! The rules that `init` writes: one for each group of tools, resources or prompts.

use crate::config::flags::{page::Page, places::FlagValue};

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleGroup {
    /// What is in the group.
    pub comment: String,
    /// `tools`, `resources` or `prompts`.
    pub key: &'static str,
    /// The names or patterns.
    pub patterns: Vec<String>,
    /// The scopes that they need, besides those that every request needs.
    pub scopes: Vec<String>,
}

/// What problems call these lines.
const BY: &str = "init";

/// Writes `rules`.
pub(super) fn write(groups: &[RuleGroup], page: &mut Page) {
    page.comment("The first rule that matches decides; what no rule names is refused. docs/policy.md has more.");
    page.open("rules", BY);
    for (index, group) in groups.iter().enumerate() {
        page.comment(&group.comment);
        page.open_item(index, BY);
        page.list(group.key, BY, &values(&group.patterns));
        if !group.scopes.is_empty() {
            page.list("scopes", BY, &values(&group.scopes));
        }
        page.close();
    }
    page.close();
}

/// The scopes of the groups, each once.
pub(super) fn scopes(groups: &[RuleGroup]) -> Vec<FlagValue> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in groups.iter().flat_map(|group| &group.scopes) {
        if !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
    values(&scopes)
}

fn values(texts: &[String]) -> Vec<FlagValue> {
    texts.iter().map(|text| FlagValue { text: text.clone(), by: BY.to_owned() }).collect()
}

//! Groups what an MCP server offers into rules: what only reads, what writes, what deletes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::flags::groups::RuleGroup;

/// What a server offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Offered {
    /// The entries of `tools/list`.
    pub tools: Vec<Value>,
    /// The entries of `resources/list` and `resources/templates/list`.
    pub resources: Vec<Value>,
    /// The entries of `prompts/list`.
    pub prompts: Vec<Value>,
}

/// The rules, and the scope that every request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grouped {
    pub base: Option<String>,
    pub groups: Vec<RuleGroup>,
    /// Names that a rule cannot name alone.
    pub left_out: Vec<String>,
}

/// What a tool does, as far as its annotations and its name tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    Reads,
    Writes,
    Deletes,
}

const READING: [&str; 13] = [
    "count", "describe", "fetch", "find", "get", "inspect", "list", "lookup", "query", "read", "search", "show", "view",
];
/// A name with one of these does more than read, whatever its first word is.
const WRITING: [&str; 29] = [
    "add", "append", "approve", "cancel", "commit", "create", "edit", "exec", "execute", "insert", "merge", "move",
    "out", "patch", "pay", "post", "publish", "put", "rename", "replace", "run", "save", "send", "set", "submit",
    "update", "upload", "upsert", "write",
];
const DELETING: [&str; 9] = ["clear", "delete", "destroy", "drop", "erase", "purge", "remove", "reset", "wipe"];

impl Offered {
    /// One rule for each group; the scopes begin with `name`.
    pub(super) fn grouped(&self, name: &str) -> Grouped {
        let mut left_out = Vec::new();
        let mut names = |entries: &[Value]| -> Vec<(String, Effect)> {
            let mut found: Vec<(String, Effect)> = Vec::new();
            for entry in entries {
                let Some(name) = entry.get("name").and_then(Value::as_str) else { continue };
                match is_nameable(name) {
                    true if found.iter().any(|(other, _)| other == name) => {}
                    true => found.push((name.to_owned(), effect(name, entry))),
                    false => left_out.push(name.to_owned()),
                }
            }
            found
        };
        let tools = names(&self.tools);
        let prompts: Vec<String> = names(&self.prompts).into_iter().map(|(name, _)| name).collect();
        let of = |effect| tools.iter().filter(|(_, own)| *own == effect).map(|(name, _)| name.clone()).collect();
        let resources: Vec<String> =
            self.resources.iter().filter_map(pattern).collect::<BTreeSet<_>>().into_iter().collect();

        let base = format!("{name}:read");
        let mut groups = Vec::new();
        let mut push = |key, patterns: Vec<String>, scope: Option<&str>, comment: &str| {
            if !patterns.is_empty() {
                let scopes = scope.map(|scope| format!("{name}:{scope}")).into_iter().collect();
                groups.push(RuleGroup { comment: comment.to_owned(), key, patterns, scopes });
            }
        };
        push("tools", of(Effect::Reads), None, "Tools that only read, by their annotations or their names.");
        push("tools", of(Effect::Writes), Some("write"), "Tools that may change something.");
        push("tools", of(Effect::Deletes), Some("delete"), "Tools that may delete or destroy something.");
        push("resources", resources, None, "All resources that the server lists.");
        push("prompts", prompts, None, "All prompts that the server lists.");
        if groups.is_empty() {
            return Self::unknown(name);
        }
        Grouped { base: Some(base), groups, left_out }
    }

    /// The rules for a server that was not asked, or that offers nothing.
    pub(super) fn unknown(name: &str) -> Grouped {
        let all = |key| RuleGroup {
            comment: format!("The server named no {key}: replace `*` by names, and give each group its scopes."),
            key,
            patterns: vec!["*".to_owned()],
            scopes: Vec::new(),
        };
        let groups = vec![all("tools"), all("resources"), all("prompts")];
        Grouped { base: Some(format!("{name}:use")), groups, left_out: Vec::new() }
    }
}

/// Whether a rule can name it: `*` and `?` in a rule are wildcards.
fn is_nameable(name: &str) -> bool {
    !name.is_empty() && name.len() <= 256 && !name.contains(['*', '?']) && !name.chars().any(char::is_control)
}

/// Annotations count first (MCP 2025-11-25, ToolAnnotations), then the first word of the name.
fn effect(name: &str, entry: &Value) -> Effect {
    let hint = |hint: &str| entry.get("annotations").and_then(|all| all.get(hint)).and_then(Value::as_bool);
    if hint("readOnlyHint") == Some(true) {
        return Effect::Reads;
    }
    let words: Vec<String> = words(name);
    let has_one_of = |all: &[&str]| words.iter().any(|word| all.contains(&word.as_str()));
    if hint("destructiveHint") == Some(true) || has_one_of(&DELETING) {
        return Effect::Deletes;
    }
    if hint("readOnlyHint") == Some(false) || has_one_of(&WRITING) {
        return Effect::Writes;
    }
    match words.first().is_some_and(|word| READING.contains(&word.as_str())) {
        true => Effect::Reads,
        false => Effect::Writes,
    }
}

/// The words of `get_forecast`, `getForecast`, `weather.get-forecast`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars() {
        let begins = !character.is_alphanumeric() || (was_lower && character.is_uppercase());
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (character.is_alphanumeric(), words.last_mut()) {
            word.extend(character.to_lowercase());
        }
        was_lower = character.is_lowercase() || character.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The pattern for all resources like this one: its scheme and its authority.
fn pattern(entry: &Value) -> Option<String> {
    let uri = entry.get("uri").or_else(|| entry.get("uriTemplate")).and_then(Value::as_str)?;
    let (scheme, rest) = uri.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !is_scheme {
        return None;
    }
    Some(if rest.starts_with("//") { format!("{scheme}://**") } else { format!("{scheme}:**") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn offered(tools: &[Value]) -> Offered {
        Offered { tools: tools.to_vec(), ..Offered::default() }
    }

    #[test]
    fn first_2_a_tool_is_in_the_group_of_what_it_does() {
        for (tool, verdict) in [
            (json!({"name": "get_forecast"}), Effect::Reads),
            (json!({"name": "listNotes"}), Effect::Reads),
            (json!({"name": "add"}), Effect::Writes),
            (json!({"name": "get"}), Effect::Reads),
            (json!({"name": "gettext"}), Effect::Writes),
            (json!({"name": "get_and_delete"}), Effect::Deletes),
            (json!({"name": "notes.deleteAll"}), Effect::Deletes),
            (json!({"name": "undelete"}), Effect::Writes),
            (json!({"name": "find_and_replace"}), Effect::Writes),
            (json!({"name": "getOrCreateUser"}), Effect::Writes),
            (json!({"name": "read_write_file"}), Effect::Writes),
            (json!({"name": "status_set"}), Effect::Writes),
            (json!({"name": "check_out_cart"}), Effect::Writes),
            (json!({"name": "resolve_incident"}), Effect::Writes),
            (json!({"name": "query", "annotations": {"destructiveHint": true}}), Effect::Deletes),
            (json!({"name": "query", "annotations": {"destructiveHint": true, "readOnlyHint": true}}), Effect::Reads),
            (json!({"name": "run", "annotations": {"readOnlyHint": true}}), Effect::Reads),
            (json!({"name": "get_it", "annotations": {"readOnlyHint": false}}), Effect::Writes),
            (json!({"name": "run", "annotations": {"readOnlyHint": "true"}}), Effect::Writes),
        ] {
            assert_eq!(effect(tool["name"].as_str().unwrap(), &tool), verdict, "{tool}");
        }
    }

    #[test]
    fn first_2_each_group_has_its_scope_and_a_wildcard_name_is_left_out() {
        let tools =
            [json!({"name": "list"}), json!({"name": "put"}), json!({"name": "drop"}), json!({"name": "*"}), json!({})];
        let grouped = offered(&tools).grouped("notes");
        assert_eq!(grouped.base.as_deref(), Some("notes:read"));
        let rules: Vec<_> =
            grouped.groups.iter().map(|group| (group.patterns.join(" "), group.scopes.join(" "))).collect();
        let expected = [("list", ""), ("put", "notes:write"), ("drop", "notes:delete")];
        assert_eq!(rules, expected.map(|(names, scopes)| (names.to_owned(), scopes.to_owned())));
        assert_eq!(grouped.left_out, ["*"]);
    }

    #[test]
    fn first_2_resources_are_grouped_by_scheme() {
        let resources = [
            json!({"uri": "note://1"}),
            json!({"uriTemplate": "note://{id}"}),
            json!({"uri": "urn:a:b"}),
            json!({"uri": "no scheme"}),
            json!({"uri": "*://x"}),
        ];
        let grouped = Offered { resources: resources.to_vec(), ..Offered::default() }.grouped("n");
        assert_eq!(grouped.groups[0].patterns, ["note://**", "urn:**"]);
    }

    #[test]
    fn first_2_a_server_that_offers_nothing_gets_rules_to_fill_in() {
        let grouped = Offered::default().grouped("n");
        assert_eq!(grouped, Offered::unknown("n"));
        assert_eq!(grouped.groups.len(), 3);
    }
}

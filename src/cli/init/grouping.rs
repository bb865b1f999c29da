//! Groups what an MCP server offers into rules: what only reads, what writes, what deletes.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::{base::limits::operating::INIT_NAMES_MAX, config::flags::groups::RuleGroup};

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
    /// What no rule was written for, and why.
    pub left_out: LeftOut,
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
const WRITING: [&str; 57] = [
    "add", "and", "append", "approve", "archive", "assign", "ban", "block", "cancel", "close", "commit", "create",
    "deploy", "disable", "edit", "enable", "exec", "execute", "grant", "import", "insert", "install", "invite", "kill",
    "lock", "make", "mark", "merge", "move", "or", "out", "patch", "pay", "post", "publish", "put", "rename",
    "replace", "restart", "revoke", "run", "save", "send", "set", "start", "stop", "submit", "sync", "then", "toggle",
    "transfer", "trigger", "unlock", "update", "upload", "upsert", "write",
];
const DELETING: [&str; 9] = ["clear", "delete", "destroy", "drop", "erase", "purge", "remove", "reset", "wipe"];

impl Offered {
    /// One rule for each group; the scopes begin with `name`.
    pub(super) fn grouped(&self, name: &str) -> Grouped {
        let mut left_out = LeftOut::default();
        let tools = named(&self.tools, &mut left_out);
        let prompts: Vec<String> = named(&self.prompts, &mut left_out).into_iter().map(|(name, _)| name).collect();
        let resources = patterns(&self.resources, &mut left_out);
        for (key, count) in [("tools", tools.len()), ("prompts", prompts.len()), ("resources", resources.len())] {
            if count > INIT_NAMES_MAX {
                let why = format!(
                    "it lists more than {INIT_NAMES_MAX} {key}, so no rule names them: replace `*` in the rules"
                );
                return Grouped { left_out: LeftOut { told: vec![why], ..LeftOut::default() }, ..Self::unknown(name) };
            }
        }
        let of = |effect| tools.iter().filter(|(_, own)| *own == effect).map(|(name, _)| name.clone()).collect();

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
        push("resources", resources, None, "All resources of the schemes that the server lists.");
        push("prompts", prompts, None, "All prompts that the server lists.");
        if groups.is_empty() {
            return Grouped { left_out, ..Self::unknown(name) };
        }
        Grouped { base: Some(base), groups, left_out }
    }

    /// The rules for a server that was not asked, or that offers nothing.
    pub(super) fn unknown(name: &str) -> Grouped {
        let all = |key| RuleGroup {
            comment: format!("All {key}: replace `*` by names, and give each group its scopes."),
            key,
            patterns: vec!["*".to_owned()],
            scopes: Vec::new(),
        };
        let groups = vec![all("tools"), all("resources"), all("prompts")];
        Grouped { base: Some(format!("{name}:use")), groups, left_out: LeftOut::default() }
    }
}

/// What no rule was written for: the first of them in words, and the number of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub told: Vec<String>,
    pub more: usize,
}

impl LeftOut {
    fn add(&mut self, name: &str, why: &str) {
        const TOLD_MAX: usize = 10;
        if self.told.len() < TOLD_MAX {
            let shown: String = name.chars().take(64).collect();
            self.told.push(format!("no rule was written for {shown:?}: {why}"));
        } else {
            self.more += 1;
        }
    }
}

/// Each name once, with the most that an entry of this name does.
fn named(entries: &[Value], left_out: &mut LeftOut) -> Vec<(String, Effect)> {
    let mut found: Vec<(String, Effect)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for entry in entries {
        let Some(name) = entry.get("name").and_then(Value::as_str) else {
            left_out.add("", "an entry has no name");
            continue;
        };
        if let Some(why) = not_nameable(name) {
            left_out.add(name, why);
            continue;
        }
        let effect = effect(name, entry);
        let place = *places.entry(name).or_insert(found.len());
        match found.get_mut(place) {
            Some((_, known)) => *known = (*known).max(effect),
            None => found.push((name.to_owned(), effect)),
        }
    }
    found
}

/// Why a rule cannot name it alone.
fn not_nameable(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("its name is empty")
    } else if name.len() > 256 {
        Some("its name has more than 256 bytes")
    } else if name.contains(['*', '?']) {
        Some("`*` and `?` in a rule are wildcards")
    } else if name.chars().any(char::is_control) {
        Some("its name has a control character")
    } else {
        None
    }
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

/// The patterns for all resources like these, each once.
fn patterns(resources: &[Value], left_out: &mut LeftOut) -> Vec<String> {
    let mut found = BTreeSet::new();
    for entry in resources {
        let uri = entry.get("uri").or_else(|| entry.get("uriTemplate")).and_then(Value::as_str).unwrap_or_default();
        match pattern(uri) {
            Some(pattern) => _ = found.insert(pattern),
            None => left_out.add(uri, "it is not a URI with a scheme, such as note://1"),
        }
    }
    found.into_iter().collect()
}

/// The pattern for all resources like this one: its scheme.
fn pattern(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_scheme = scheme.len() <= 64
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
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
        assert_eq!(grouped.left_out.told.len(), 2, "{grouped:?}");
        assert_eq!(grouped.left_out.told[0], "no rule was written for \"*\": `*` and `?` in a rule are wildcards");
    }

    #[test]
    fn attack_420_a_name_that_a_rule_would_read_as_more_than_one_has_no_rule_and_is_told_why() {
        for (name, why) in [
            ("get_?????", "wildcards"),
            ("get_*", "wildcards"),
            ("get\u{7}", "has a control character"),
            ("get\nx", "has a control character"),
            ("", "is empty"),
            (&"g".repeat(257), "more than 256 bytes"),
        ] {
            for of in [
                Offered { tools: vec![json!({"name": name})], ..Offered::default() },
                Offered { prompts: vec![json!({"name": name})], ..Offered::default() },
            ] {
                let grouped = of.grouped("n");
                assert_eq!(grouped.groups, Offered::unknown("n").groups, "{name}");
                assert!(grouped.left_out.told[0].ends_with(why), "{:?}", grouped.left_out);
            }
        }
        let of = Offered { resources: vec![json!({"uri": "no scheme"}), json!({})], ..Offered::default() };
        assert_eq!(of.grouped("n").left_out.told.len(), 2);
    }

    #[test]
    fn attack_421_a_tool_that_is_listed_twice_has_the_scope_of_the_worse_entry() {
        let reads = json!({"name": "run", "annotations": {"readOnlyHint": true}});
        let deletes = json!({"name": "run", "annotations": {"destructiveHint": true}});
        for tools in [[reads.clone(), deletes.clone()], [deletes, reads]] {
            let groups = offered(&tools).grouped("n").groups;
            assert_eq!((groups.len(), &*groups[0].scopes), (1, &["n:delete".to_owned()][..]), "{groups:?}");
        }
    }

    #[test]
    fn attack_422_a_server_that_lists_without_an_end_gets_rules_to_fill_in() {
        let tools: Vec<Value> = (0..=INIT_NAMES_MAX).map(|at| json!({"name": format!("get_{at}")})).collect();
        let grouped = offered(&tools).grouped("n");
        assert_eq!((&*grouped.base.unwrap(), &grouped.groups), ("n:use", &Offered::unknown("n").groups));
        assert!(grouped.left_out.told[0].contains("more than 1000 tools"), "{:?}", grouped.left_out);
        let grouped = offered(&tools[1..]).grouped("n");
        assert_eq!(grouped.groups[0].patterns.len(), INIT_NAMES_MAX);

        let bad: Vec<Value> = (0..500).map(|at| json!({"name": format!("*{at}")})).collect();
        let left_out = offered(&bad).grouped("n").left_out;
        assert_eq!((left_out.told.len(), left_out.more), (10, 490));
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

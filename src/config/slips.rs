//! Finds slips of typing that are YAML, but say something else than was meant, and mends them.
//!
//! Each is reported once, so the file is refused. What is mended shows the other mistakes of the
//! file, and not what follows from this one. Values are never shown: they may be secrets.

use crate::config::{
    keys::everywhere,
    place::Position,
    problem::key_word,
    reading::Reading,
    tree::{self, KeyNode, Meaning, Node, Value},
};

/// Quotes of word processors, and the space that they put beside them.
const CURLY: [char; 8] = ['“', '”', '„', '‘', '’', '‚', '«', '»'];
const NO_BREAK: char = '\u{A0}';

/// Parses `text`, the whole of a file, and mends what it holds.
pub(super) fn parse(text: &str, reading: &Reading<'_>) -> Option<Node> {
    let mut root = tree::parse(text, reading)?;
    hidden(reading, &root, &text.lines().collect::<Vec<_>>());
    node(reading, &mut root, "");
    Some(root)
}

/// Whether `root` can be a configuration. If not, that is the only problem.
pub(super) fn is_configuration(reading: &Reading<'_>, root: &Node) -> bool {
    let wrong = whole(root);
    if let Some((at, found, expected)) = wrong {
        reading.explain(at, found, expected);
    }
    wrong.is_none()
}

/// What is wrong with the file as a whole.
fn whole(root: &Node) -> Option<(Position, &'static str, &'static str)> {
    const EXPECTED: &str = "a configuration, such as `portcullis init` writes it";
    match &root.value {
        Value::Map(entries) if entries.is_empty() => Some((root.at, "a file without a setting", EXPECTED)),
        Value::Scalar { .. } if is_nothing(root) => Some((root.at, "a file without a setting", EXPECTED)),
        Value::List(_) => Some((root.at, "a list", "a map: keys with values, such as `public_url: …`, without `- `")),
        Value::Map(entries) => {
            let has = |name: &str| entries.iter().find(|(key, _)| key.text == name).map(|(key, _)| key.at);
            let at = has("apiVersion").filter(|_| has("kind").is_some())?;
            Some((at, "a manifest of Kubernetes", "the configuration alone: the text below `gateway.yaml: |` in it"))
        }
        Value::Scalar { text, .. } if text.starts_with('<') => Some((root.at, "an HTML or XML file", EXPECTED)),
        Value::Scalar { text, .. } if text.starts_with("-----BEGIN") => {
            Some((root.at, "a certificate or a key (PEM)", EXPECTED))
        }
        Value::Scalar { text, plain: true } if text.contains('=') => {
            Some((root.at, "a TOML or INI file", "a configuration in YAML, with `key: value` in each line"))
        }
        Value::Scalar { .. } => None,
    }
}

/// Marks values that are empty because `#` begins a comment there.
fn hidden(reading: &Reading<'_>, of: &Node, lines: &[&str]) {
    match &of.value {
        Value::Scalar { .. } if is_nothing(of) => {
            let line = of.at.line.checked_sub(1).and_then(|index| lines.get(index));
            let rest: String =
                line.map(|line| line.chars().skip(of.at.column.saturating_sub(1)).collect()).unwrap_or_default();
            let comment = rest.trim_start_matches([':', '-', ' ', '\t']).strip_prefix('#');
            if comment.is_some_and(|comment| comment.starts_with(|first: char| !first.is_whitespace())) {
                reading.hides(of.at);
            }
        }
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter().for_each(|item| hidden(reading, item, lines)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| hidden(reading, value, lines)),
    }
}

fn node(reading: &Reading<'_>, of: &mut Node, path: &str) {
    match &mut of.value {
        Value::Scalar { text, plain: true } => {
            if let Some((found, expected)) = scalar(text) {
                reading.explain(of.at, found, expected);
                let bare = |c: char| CURLY.contains(&c) || c == NO_BREAK;
                *text = text.trim_matches(bare).to_owned();
            }
        }
        Value::Scalar { .. } => {}
        Value::List(items) => {
            let below = format!("{path}[]");
            items.iter_mut().for_each(|item| node(reading, item, &below));
        }
        Value::Map(entries) => {
            split_hash(reading, entries);
            entries.iter_mut().for_each(|(key, value)| self::key(reading, key, value));
            gather(reading, entries, path);
            let is_named = everywhere::of(path).next().is_none();
            for (key, value) in entries {
                let below = match (path, is_named) {
                    ("", _) => key.text.clone(),
                    (_, true) => format!("{path}.*"),
                    (_, false) => format!("{path}.{}", key.text),
                };
                node(reading, value, &below);
            }
        }
    }
}

/// What is wrong with a value without quotes.
fn scalar(text: &str) -> Option<(&'static str, &'static str)> {
    if text.starts_with(CURLY) {
        return Some(("typographic quotes, which are part of the value", "straight quotes, \" or ', or none"));
    }
    if text.starts_with(NO_BREAK) || text.ends_with(NO_BREAK) || text.contains(":\u{A0}") {
        return Some(("a no-break space (U+00A0)", "a common space"));
    }
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).or_else(|| text.strip_prefix('$'))?;
    let is_variable =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    is_variable.then_some((
        "a variable of the shell, which is not filled in here",
        "the value itself, or for a secret `env:` and the name of the variable, as in env:NAME",
    ))
}

/// Mends a key.
fn key(reading: &Reading<'_>, key: &mut KeyNode, value: &mut Node) {
    if key.text.starts_with(NO_BREAK) {
        reading.explain(key.at, "a no-break space (U+00A0) in the indentation", "common spaces");
        key.text = key.text.trim_start_matches(NO_BREAK).to_owned();
    } else if key.text.starts_with(CURLY) {
        reading.explain(key.at, "typographic quotes around a key", "the key without quotes");
        key.text = key.text.trim_matches(CURLY).to_owned();
    }
    if key.text.starts_with("//") || key.text.starts_with("/*") {
        let expected = "`#` at the beginning of a comment: JSON and YAML have no other";
        reading.explain(key.at, "a comment that begins with `//` or `/*`", expected);
        // The rest of the key is on another line.
        key.text = key.text.rsplit_once(['"', '\n', ' ']).map_or_else(String::new, |(_, last)| last.to_owned());
    }
    if let Some(bare) = key.text.strip_prefix('-').filter(|bare| everywhere::is_key(bare)) {
        reading.explain(
            key.at,
            &format!("`-{bare}` without a space after the dash"),
            &format!("a space after the dash: `- {bare}: …`"),
        );
    }
    // `{url:http://…}` is a key without a value.
    if let Some((name, rest)) =
        key.text.split_once(':').filter(|(name, _)| everywhere::is_key(name) && is_nothing(value))
    {
        reading.explain(
            key.at,
            &format!("`{name}:` without a space after it"),
            &format!("a space after the colon: `{name}: …`"),
        );
        let text = rest.trim_matches(['"', '\'']).to_owned();
        *value = Node { at: key.at, value: Value::Scalar { text, plain: false } };
        key.text = name.to_owned();
    }
}

/// The commas of an argon2 hash split a map in braces: `t=2` and `p=1$…` become keys.
fn split_hash(reading: &Reading<'_>, entries: &mut Vec<(KeyNode, Node)>) {
    let is_hash =
        |value: &Node| matches!(&value.value, Value::Scalar { text, plain: true } if text.starts_with("$argon2"));
    let Some(at) = entries.iter().position(|(_, value)| is_hash(value)) else { return };
    let is_part = |(key, value): &(KeyNode, Node)| key.text.contains('=') && is_nothing(value);
    let parts = entries.iter().skip(at + 1).take_while(|entry| is_part(entry)).count();
    if let Some((_, value)) = entries.get(at).filter(|_| parts > 0) {
        reading.explain(
            value.at,
            "a password hash without quotes (not shown), which its commas split",
            "quotes around the whole hash: in braces, a comma ends a value",
        );
        entries.drain(at + 1..=at + parts);
    }
}

/// Moves entries into the empty map before them, to which they belong: they begin in its column.
fn gather(reading: &Reading<'_>, entries: &mut Vec<(KeyNode, Node)>, path: &str) {
    let mut kept: Vec<(KeyNode, Node)> = Vec::with_capacity(entries.len());
    for (key, value) in entries.drain(..) {
        match kept.last_mut().filter(|(above, inside)| key.at.line > above.at.line && takes(path, above, inside, &key))
        {
            None => kept.push((key, value)),
            Some((above, inside)) => {
                if is_nothing(inside) {
                    let (name, above) = (key_word(&key.text), key_word(&above.text));
                    reading.explain(
                        key.at,
                        &format!("`{name}` in the column of `{above}`, which is empty then"),
                        &format!("more spaces before `{name}`, if it belongs to `{above}`"),
                    );
                    *inside = Node { at: key.at, value: Value::Map(Vec::new()) };
                }
                if let Value::Map(inner) = &mut inside.value {
                    inner.push((key, value));
                }
            }
        }
    }
    *entries = kept;
}

/// Whether `key` cannot stand beside `above` in the map at `path`, and can stand in it.
fn takes(path: &str, above: &KeyNode, inside: &Node, key: &KeyNode) -> bool {
    let was_moved =
        matches!(&inside.value, Value::Map(_)) && inside.at.line > above.at.line && inside.at.column == above.at.column;
    if !is_nothing(inside) && !was_moved {
        return false;
    }
    let has = |path: &str| everywhere::of(path).any(|name| name == key.text);
    let is_named = everywhere::of(path).next().is_none();
    if is_named {
        return has(&format!("{path}.*"));
    }
    let below = if path.is_empty() { above.text.clone() } else { format!("{path}.{}", above.text) };
    !has(path) && (has(&below) || everywhere::of(&format!("{below}.*")).next().is_some())
}

/// Whether nothing is written as a value.
fn is_nothing(value: &Node) -> bool {
    value.meaning() == Some(Meaning::Nothing)
}

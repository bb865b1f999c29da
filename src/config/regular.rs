//! Recognises a regular expression where a pattern with `*` and `?` is expected, and translates it.

use crate::config::{place::Place, reading::Reading};

/// The most patterns that one expression is written as.
const PATTERNS_MAX: usize = 8;

/// Warns if `pattern` looks like a regular expression. Returns whether it does.
pub(super) fn look(reading: &Reading<'_>, place: &Place, pattern: &str, of_resources: bool) -> bool {
    if !is_regular(pattern, of_resources) {
        return false;
    }
    let globs: Vec<String> = translated(pattern).iter().map(|glob| format!("{glob:?}")).collect();
    let how = "`*` stands for any text and `?` for one character, and all else for itself";
    let expected = match globs.as_slice() {
        [] => format!("patterns without regular expressions: {how}"),
        globs => format!("{}: {how}", globs.join(" and ")),
    };
    reading.warning(place, &format!("{pattern:?}, which looks like a regular expression"), &expected);
    true
}

/// Whether `pattern` has signs that no name of a tool, prompt, method or scope has. In a URI, `.*`
/// may stand for every extension, and dots are common in names: `github.*`.
pub(super) fn is_regular(pattern: &str, of_resources: bool) -> bool {
    let any_text = [".*", ".+"].iter().any(|sign| {
        pattern.match_indices(sign).any(|(at, _)| {
            let before = pattern.get(..at).and_then(|before| before.chars().next_back());
            match before {
                None => true,
                Some(before) => !of_resources && matches!(before, '_' | '-' | ')' | ']' | ':'),
            }
        })
    });
    let class = ["\\w", "\\d", "\\s", "\\.", "\\b", "\\S", "\\W", "\\D"].iter().any(|class| pattern.contains(class));
    let choice = pattern
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .is_some_and(|(in_it, _)| in_it.contains('|'));
    let repeated = ["]+", "]*", ")+", ")*"].iter().any(|sign| pattern.contains(sign)) && !of_resources;
    pattern.starts_with('^') || (pattern.ends_with('$') && pattern.len() > 1) || any_text || class || choice || repeated
}

/// Patterns that match what the expression probably stands for; none if it is too much.
fn translated(pattern: &str) -> Vec<String> {
    let (starts, ends) = (pattern.starts_with('^'), pattern.ends_with('$'));
    let mut rest = pattern.strip_prefix('^').unwrap_or(pattern);
    rest = rest.strip_suffix('$').unwrap_or(rest);
    let Some(mut globs) = alternatives(rest) else { return Vec::new() };
    for glob in &mut globs {
        if starts && !ends && !glob.ends_with('*') {
            glob.push('*');
        }
        if ends && !starts && !glob.starts_with('*') {
            glob.insert(0, '*');
        }
    }
    globs
}

/// One text for each choice in `(a|b)`. `None` for groups in groups, or too many choices.
fn alternatives(expression: &str) -> Option<Vec<String>> {
    let mut texts = vec![String::new()];
    let mut rest = expression;
    while let Some((before, group)) = rest.split_once('(') {
        let (inside, after) = group.split_once(')')?;
        if inside.contains('(') {
            return None;
        }
        let inside = inside.strip_prefix("?:").unwrap_or(inside);
        let plain = text_of(before);
        let choices: Vec<String> = inside.split('|').map(text_of).collect();
        texts = texts
            .iter()
            .flat_map(|text| choices.iter().map(move |choice| (text, choice)))
            .map(|(text, choice)| format!("{text}{plain}{choice}"))
            .collect();
        if texts.len() > PATTERNS_MAX {
            return None;
        }
        rest = after.strip_prefix(['?', '+', '*']).unwrap_or(after);
    }
    let last: Vec<String> = rest.split('|').map(text_of).collect();
    match last.as_slice() {
        [last] => Some(texts.iter().map(|text| format!("{text}{last}")).collect()),
        _ if texts == [""] => Some(last),
        _ => None,
    }
}

/// An expression without groups.
fn text_of(expression: &str) -> String {
    let mut out = String::new();
    let mut characters = expression.chars().peekable();
    while let Some(character) = characters.next() {
        let any = match character {
            '\\' => match characters.next() {
                Some('w' | 'd' | 's' | 'S' | 'W' | 'D') => true,
                Some('b') | None => false,
                Some(plain) => {
                    out.push(plain);
                    false
                }
            },
            '[' => {
                while characters.next_if(|inside| *inside != ']').is_some() {}
                characters.next().is_some()
            }
            // A dot is one character only where something says how often.
            '.' => {
                let repeats = matches!(characters.peek(), Some('*' | '+'));
                if !repeats {
                    out.push('.');
                }
                repeats
            }
            plain => {
                out.push(plain);
                false
            }
        };
        if any {
            match characters.next_if(|sign| matches!(sign, '*' | '+' | '?')) {
                Some('*') => out.push('*'),
                Some('+') => out.push_str("?*"),
                _ => out.push('?'),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{is_regular, translated};

    #[test]
    fn first_8_a_regular_expression_is_told_with_the_pattern_to_write() {
        for (expression, globs) in [
            ("get_.*", &["get_*"][..]),
            (".*", &["*"]),
            ("^admin", &["admin*"]),
            ("^admin$", &["admin"]),
            ("_admin$", &["*_admin"]),
            ("^get_.*$", &["get_*"]),
            ("^(get|list)_.+", &["get_?*", "list_?*"]),
            ("(a|b)", &["a", "b"]),
            ("\\w+", &["?*"]),
            ("user_\\d", &["user_?"]),
            ("acme\\.search", &["acme.search"]),
            ("[a-z]+_read", &["?*_read"]),
            ("^read|^write", &["read*", "^write*"]),
            ("((a|b)c|d)", &[]),
        ] {
            assert!(is_regular(expression, false), "{expression}");
            assert_eq!(translated(expression), globs, "{expression}");
        }
        for pattern in [
            "get_*",
            "*",
            "github.*",
            "acme.search",
            "a.b.*",
            "v1.*",
            "a$b",
            "$",
            "x?",
            "get_[ab]",
            "a|b",
            "mcp:tools:*",
            "a (b)",
        ] {
            assert!(!is_regular(pattern, false), "{pattern}");
        }
        for pattern in ["file:///**/.*", "file:///a/b.*", "https://a.example/(x)", "file:///[a]*/x"] {
            assert!(!is_regular(pattern, true), "{pattern}");
        }
    }
}

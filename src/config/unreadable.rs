//! Explains text that is not YAML: the place of the cause, in words that need no knowledge of YAML.
//!
//! The parser stops where the text makes no sense any more, often a line after the mistake. What is
//! written there is never shown: it may be a secret. Only words that are keys of the configuration
//! are.

use serde_yaml::granit_parser::ErrorKind;

use crate::config::{
    keys::everywhere,
    place::Position,
    unreadable::{
        lines::{TypedLine, TypedLines},
        marks::Marks,
    },
};

mod lines;
mod marks;

/// `*` at the beginning of a value.
pub(super) const BARE_STAR: &str = "`*` without quotes, which in YAML refers to another value";

/// What is wrong, where, and what to write.
#[derive(Debug, PartialEq)]
pub(super) struct Unreadable {
    pub(super) at: Position,
    pub(super) found: String,
    pub(super) expected: String,
}

impl Unreadable {
    fn new(at: Position, found: impl Into<String>, expected: impl Into<String>) -> Option<Self> {
        Some(Self { at, found: found.into(), expected: expected.into() })
    }
}

/// Explains why the parser stopped at `at`.
pub(super) fn explain(text: &str, at: Position, kind: &ErrorKind) -> Unreadable {
    let lines = TypedLines::of(text);
    let marks = Marks::until(text, at);
    other_format(&lines, at)
        .or_else(|| special(&lines, at, kind))
        .or_else(|| tab(&lines, at, kind))
        .or_else(|| quote(&lines, &marks, at, kind))
        .or_else(|| bracket(&lines, &marks, (text, at), kind))
        .or_else(|| line(&lines, at, kind))
        .unwrap_or_else(|| Unreadable {
            at,
            found: format!("YAML that cannot be read ({kind})"),
            expected: "well-formed YAML".to_owned(),
        })
}

/// A file of another kind.
fn other_format(lines: &TypedLines<'_>, at: Position) -> Option<Unreadable> {
    let first = lines.filled()?;
    let start = Position { line: first.number, column: first.indent + 1 };
    let body = first.body();
    if body.starts_with("-----BEGIN ") {
        return Unreadable::new(start, "a PEM file", "a configuration in YAML");
    }
    if body.starts_with('<') {
        return Unreadable::new(start, "an HTML or XML file", "a configuration in YAML");
    }
    if body.starts_with('[') && body.ends_with(']') && lines.next(first.number).is_some_and(|next| next.has_equals()) {
        return Unreadable::new(start, "a TOML or INI file", "a configuration in YAML, with `key: value` in each line");
    }
    let stopped = lines.at(at.line)?;
    stopped.column_of("{{").and_then(|column| {
        let at = Position { line: at.line, column };
        Unreadable::new(
            at,
            "`{{`, a template that was not filled in",
            "the value itself: the gateway fills in no templates",
        )
    })
}

/// A character that begins something else in YAML.
fn special(lines: &TypedLines<'_>, at: Position, kind: &ErrorKind) -> Option<Unreadable> {
    let line = lines.at(at.line)?;
    match kind {
        ErrorKind::MissingAnchorOrAliasName | ErrorKind::UnknownAnchor => {
            let sign = line.char_at(at.column).filter(|sign| matches!(sign, '*' | '&'))?;
            match sign {
                '*' => Unreadable::new(at, BARE_STAR, "quotes around the pattern, as in \"*\""),
                _ => Unreadable::new(at, "`&` without quotes, which in YAML names a value", "quotes around the value"),
            }
        }
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => {
            let found = format!("the control character U+{:04X}", u32::from(*character));
            let column = line.column_of(&character.to_string()).unwrap_or(at.column);
            Unreadable::new(Position { column, ..at }, found, "text without it")
        }
        ErrorKind::UnexpectedCharacter { character } => {
            let found = format!("a value that begins with {character}, which YAML reserves");
            Unreadable::new(at, found, "quotes around the value")
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape => Unreadable::new(
            at,
            "a backslash between double quotes, where it begins an escape",
            "single quotes around the value, in which a backslash is plain text",
        ),
        ErrorKind::DirectiveDisallowed => {
            Unreadable::new(at, "a line that begins with %, a directive of YAML", "the file without this line")
        }
        ErrorKind::BomInsideDocument => {
            Unreadable::new(at, "a byte order mark in the middle of the file", "the file without it")
        }
        _ if line.char_at(at.column) == Some('#') => Unreadable::new(
            at,
            "`#` without quotes, which in YAML begins a comment",
            "quotes around the value, if it begins with `#`; otherwise a space before the comment",
        ),
        _ => None,
    }
}

/// A tab where YAML counts spaces.
fn tab(lines: &TypedLines<'_>, at: Position, kind: &ErrorKind) -> Option<Unreadable> {
    let is_about_tabs = matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar
            | ErrorKind::InvalidMappingValueWhitespace
            | ErrorKind::InvalidBlockEntryWhitespace
    );
    // After spaces, a tab is taken for the end of the indentation.
    let stopped = lines.at(at.line)?;
    let line = [Some(stopped), lines.before(at.line)].into_iter().flatten().find(|line| line.tab_in_indent().is_some());
    let line = line.or_else(|| is_about_tabs.then_some(stopped))?;
    let column = line.tab_in_indent().or_else(|| line.column_of("\t"))?;
    let at = Position { line: line.number, column };
    Unreadable::new(at, "a tab in the indentation", "spaces: YAML counts them, and permits no tab there")
}

/// A quote that is not closed, or closed too early.
fn quote(lines: &TypedLines<'_>, marks: &Marks, at: Position, kind: &ErrorKind) -> Option<Unreadable> {
    let is_in_quotes = matches!(
        kind,
        ErrorKind::UnclosedQuotedScalar
            | ErrorKind::InvalidQuotedScalarIndent
            | ErrorKind::DocumentIndicatorInQuotedScalar
    );
    let trails =
        matches!(kind, ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar);
    let unclosed = |(at, quote): (Position, char)| {
        Unreadable::new(
            at,
            format!("`{quote}` that is not closed in its line"),
            format!("`{quote}` at the end of the value"),
        )
    };
    if let Some(open) = marks.quote.filter(|_| is_in_quotes || at.line > lines.count()) {
        return unclosed(open);
    }
    let closed = marks.closed?;
    if closed.1.line > closed.0.line && (trails || marks.brackets.is_empty()) && kind != &ErrorKind::UnknownAnchor {
        return unclosed((closed.0, closed.2));
    }
    if trails {
        return Unreadable::new(
            at,
            "text after a closing quote",
            "the whole value between the quotes, or a comma or a new line before the next one",
        );
    }
    None
}

/// A bracket that is not closed, or closes nothing.
fn bracket(
    lines: &TypedLines<'_>,
    marks: &Marks,
    (text, at): (&str, Position),
    kind: &ErrorKind,
) -> Option<Unreadable> {
    let close = |open: char| if open == '[' { ']' } else { '}' };
    match kind {
        ErrorKind::MismatchedFlowCollectionEnd { open, close: found } => {
            let (open, found) = (*open, *found);
            return Unreadable::new(
                at,
                format!("`{found}`, where a `{open}` is open"),
                format!("`{}`: a list is [a, b], and a map is {{key: value}}", close(open)),
            );
        }
        ErrorKind::MisplacedFlowCollectionEnd => {
            let sign = lines.at(at.line)?.char_at(at.column)?;
            return Unreadable::new(
                at,
                format!("`{sign}`, which closes nothing"),
                "as many opening as closing brackets",
            );
        }
        _ => {}
    }
    if let ErrorKind::UnclosedFlowCollection { open } = kind {
        return Unreadable::new(at, format!("`{open}` that is not closed"), format!("`{}` at its end", close(*open)));
    }
    let (opened, sign) = *marks.brackets.last()?;
    let lacks_comma =
        matches!(kind, ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator);
    // JSON has brackets around the whole file.
    let is_closed = || {
        let whole = Marks::until(text, Position { line: lines.count() + 1, column: 1 });
        whole.brackets.is_empty() && whole.quote.is_none()
    };
    // The next line does not look like the rest of a list or a map in brackets.
    if at.line > lines.count() || (opened.line < at.line && !(lacks_comma && is_closed())) {
        let found = format!("`{sign}` that is not closed");
        let line = lines.at(opened.line)?;
        return match line.comment().filter(|comment| comment.contains(close(sign))) {
            Some(_) => Unreadable::new(
                opened,
                format!("{found}: `#` after a space hides the rest of its line"),
                format!("`{}` before the comment, or quotes around a value that has `#`", close(sign)),
            ),
            None => Unreadable::new(opened, found, format!("`{}` at its end", close(sign))),
        };
    }
    match kind {
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            Unreadable::new(at, "two values without a comma between them", "a comma between values in brackets")
        }
        ErrorKind::InvalidColonPlacement | ErrorKind::FlowMappingValueAdjacentCollection => {
            Unreadable::new(at, "a colon that is not part of a key", "quotes around a value that has a colon")
        }
        _ => None,
    }
}

/// A line that does not fit to those above it.
fn line(lines: &TypedLines<'_>, at: Position, kind: &ErrorKind) -> Option<Unreadable> {
    let here = lines.at(at.line)?;
    let above = lines.before(at.line);
    if let Some(line) = [Some(here), above].into_iter().flatten().find(|line| line.body().starts_with("//")) {
        let at = Position { line: line.number, column: line.indent + 1 };
        return Unreadable::new(at, "`//`, which begins no comment in YAML", "`#` in place of `//`");
    }
    match kind {
        ErrorKind::MappingValueNotAllowed => {
            if let Some(column) = here.second_colon() {
                let at = Position { line: here.number, column };
                return Unreadable::new(
                    at,
                    "a colon and a space inside a value",
                    "quotes around the value, or a new line for the next key",
                );
            }
            // The line above was taken for the beginning of this key.
            above.filter(|above| !above.is_key()).and_then(without_colon).or_else(|| indentation(lines, here))
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => without_colon(here),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::InvalidIndentation
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::ExpectedDocumentStart => indentation(lines, here),
        _ => None,
    }
}

/// A line that should be a key and its value.
fn without_colon(line: TypedLine<'_>) -> Option<Unreadable> {
    let (word, after) = line.first_word();
    let shown = if everywhere::is_key(word) { format!("`{word}") } else { "a key".to_owned() };
    let close = if everywhere::is_key(word) { "`" } else { "" };
    let at = Position { line: line.number, column: line.word_column() + word.chars().count() };
    if after.starts_with("://") {
        let at = Position { line: line.number, column: line.word_column() };
        return Unreadable::new(
            at,
            "a value in the column of its key",
            "the value after the colon of its key, in the same line",
        );
    }
    if after.starts_with(':') {
        let at = Position { column: at.column + 1, ..at };
        let found = if everywhere::is_key(word) {
            format!("`{word}:` without a space after it")
        } else {
            "a colon without a space after it".to_owned()
        };
        let expected = format!("a space after the colon: `{}: …`", if everywhere::is_key(word) { word } else { "key" });
        return Unreadable::new(at, found, expected);
    }
    if after.trim_start().starts_with('=') {
        let found = format!("{shown} ={}", if close.is_empty() { " …" } else { "`" });
        let expected = format!(
            "a colon in place of the equals sign: `{}: …`",
            if everywhere::is_key(word) { word } else { "key" }
        );
        return Unreadable::new(at, found, expected);
    }
    let at = Position { line: line.number, column: line.word_column() };
    let found = if everywhere::is_key(word) {
        format!("`{word}` without a colon")
    } else {
        "a line without a colon".to_owned()
    };
    let expected = format!("a colon after the key: `{}:`", if everywhere::is_key(word) { word } else { "key" });
    Unreadable::new(at, found, expected)
}

/// A line that begins in a column where no line above begins.
fn indentation(lines: &TypedLines<'_>, here: TypedLine<'_>) -> Option<Unreadable> {
    let at = Position { line: here.number, column: here.indent + 1 };
    let open = lines.open_columns(here.number);
    let found = format!("a line that begins in column {}", at.column);
    let named = |line: &TypedLine<'_>| {
        let (word, _) = line.first_word();
        let column = line.word_column();
        if everywhere::is_key(word) {
            format!("column {column}, like `{word}` in line {}", line.number)
        } else {
            format!("column {column}, like line {}", line.number)
        }
    };
    let nearest: Vec<String> = {
        let mut open: Vec<&TypedLine<'_>> = open.iter().filter(|line| line.word_column() != at.column).collect();
        open.sort_by_key(|line| line.word_column().abs_diff(at.column));
        open.iter().take(2).map(|line| named(line)).collect()
    };
    if nearest.is_empty() {
        return None;
    }
    Unreadable::new(at, found, nearest.join(", or "))
}

//! Writes YAML, for `explain` and the reference.

use std::{borrow::Borrow, fmt::Write};

use serde_json::Value;

/// A YAML value.
pub(super) enum Out {
    /// Written without change.
    Plain(String),
    /// `[a, b]`.
    Flow(Vec<Out>),
    /// `{a: b}`.
    FlowMap(Vec<(String, Out)>),
    /// A list, one element a line.
    List(Vec<Out>),
    /// A map, one entry a line.
    Map(Vec<(String, Out)>),
}

/// `true`.
pub(super) fn yes() -> Out {
    Out::Plain("true".to_owned())
}

/// Text. It is quoted as in JSON, unless it can only be read as text.
pub(super) fn text(text: &str) -> Out {
    Out::Plain(scalar(text))
}

/// A text that an operator typed, in one line: every reader of YAML takes it for text. `explain`
/// writes the word `off` without quotes, as its documents do.
pub(super) fn typed(text: &str) -> String {
    if text.eq_ignore_ascii_case("off") { in_quotes(text) } else { scalar(text) }
}

fn scalar(text: &str) -> String {
    let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/' | b'.' | b'+');
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') && text.bytes().all(safe);
    let reserved =
        matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "y" | "n");
    let is_url = text.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty()
            && scheme.bytes().all(|b| b.is_ascii_lowercase())
            && rest.bytes().all(|b| safe(b) || b == b':')
    });
    if (is_word && !reserved) || (is_url && !text.ends_with(':')) {
        return text.to_owned();
    }
    in_quotes(text)
}

/// `text` in double quotes. What a terminal or a reader of YAML could take for something else is
/// written as a number.
fn in_quotes(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            ' '..='~' => quoted.push(character),
            _ if character.is_alphanumeric() => quoted.push(character),
            _ => {
                let _ = match u32::from(character) {
                    code @ 0..=0xffff => write!(quoted, "\\u{code:04x}"),
                    code => write!(quoted, "\\U{code:08x}"),
                };
            }
        }
    }
    quoted.push('"');
    quoted
}

/// A list of texts in one line.
pub(super) fn texts<T: Borrow<str>>(of: &[T]) -> Out {
    Out::Flow(of.iter().map(|one| text(one.borrow())).collect())
}

/// A map, one entry a line.
pub(super) fn map<'k>(entries: impl IntoIterator<Item = (&'k str, Out)>) -> Out {
    Out::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A map in one line.
pub(super) fn flow<'k>(entries: impl IntoIterator<Item = (&'k str, Out)>) -> Out {
    Out::FlowMap(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl Out {
    /// Writes lines, each `indent` spaces in.
    pub(super) fn block(&self, indent: usize, out: &mut String) {
        match self {
            Self::Map(entries) => {
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        let _ = write!(out, "{:indent$}", "");
                    }
                    let _ = write!(out, "{}:", scalar(key));
                    value.after_key(indent + 2, out);
                }
            }
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        let _ = write!(out, "{:indent$}", "");
                    }
                    out.push_str("- ");
                    item.block(indent + 2, out);
                }
            }
            Self::Plain(_) | Self::Flow(_) | Self::FlowMap(_) => {
                self.line(out);
                out.push('\n');
            }
        }
    }

    fn after_key(&self, indent: usize, out: &mut String) {
        match self {
            Self::Map(_) | Self::List(_) => {
                let _ = write!(out, "\n{:indent$}", "");
            }
            Self::Plain(_) | Self::Flow(_) | Self::FlowMap(_) => out.push(' '),
        }
        self.block(indent, out);
    }

    /// A value in one line.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::String(of) => text(of),
            Value::Array(items) => Self::Flow(items.iter().map(Self::of).collect()),
            Value::Object(members) => flow(members.iter().map(|(key, value)| (key.as_str(), Self::of(value)))),
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Plain(value.to_string()),
        }
    }

    /// Writes everything in one line.
    pub(super) fn line(&self, out: &mut String) {
        let (open, close) = match self {
            Self::Plain(text) => return out.push_str(text),
            Self::Flow(_) | Self::List(_) => ('[', ']'),
            Self::FlowMap(_) | Self::Map(_) => ('{', '}'),
        };
        out.push(open);
        match self {
            Self::Flow(items) | Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    item.line(out);
                }
            }
            Self::FlowMap(entries) | Self::Map(entries) => {
                for (index, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    let _ = write!(out, "{}: ", scalar(key));
                    value.line(out);
                }
            }
            Self::Plain(_) => {}
        }
        out.push(close);
    }
}

//! Parses YAML into a small tree in which every value and key has its position.

use std::{collections::HashMap, mem};

use serde_yaml::granit_parser::{Event, Options, Parser, ScalarStyle, Span};

use crate::config::{
    place::{Place, Position},
    reading::Reading,
    unreadable,
};

/// The maximum cost of one file: a value costs one, and one more for each 16 bytes of text. Each
/// use of an alias costs as much as its value, which stops an alias bomb.
const COST_MAX: usize = 200_000;
/// Elements of one list, and keys of one map: duplicates are found pair by pair.
const ENTRIES_MAX: usize = 4_096;
/// Nesting of lists and maps; a configuration file needs seven.
const DEPTH_MAX: usize = 32;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A scalar; `plain` if it has no quotes, so that it may be a number, a bool or nothing.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Node>),
    /// A map, in the file's order, duplicates kept.
    Map(Vec<(KeyNode, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeyNode {
    pub(super) at: Position,
    pub(super) text: String,
}

/// What a scalar means in the core schema of YAML 1.2, where `yes`, `no`, `on` and `off` are text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning<'a> {
    /// Nothing, `~` or `null`.
    Nothing,
    /// `true` or `false`.
    Bool(bool),
    /// Text that some YAML readers take for a number.
    Number(&'a str),
    /// Text.
    Text(&'a str),
}

impl Node {
    fn scalar(at: Position, text: &str, plain: bool) -> Self {
        Self { at, value: Value::Scalar { text: text.to_owned(), plain } }
    }

    /// What a scalar means; `None` for a list or a map.
    pub(super) fn meaning(&self) -> Option<Meaning<'_>> {
        let Value::Scalar { text, plain } = &self.value else { return None };
        Some(match text.as_str() {
            text if !plain => Meaning::Text(text),
            "" | "~" | "null" | "Null" | "NULL" => Meaning::Nothing,
            "true" | "True" | "TRUE" => Meaning::Bool(true),
            "false" | "False" | "FALSE" => Meaning::Bool(false),
            text if is_number(text) => Meaning::Number(text),
            text => Meaning::Text(text),
        })
    }

    fn cost(&self) -> usize {
        match &self.value {
            Value::Scalar { text, .. } => cost_of(text),
            Value::List(items) => items.iter().map(Self::cost).sum::<usize>() + 1,
            Value::Map(entries) => {
                entries.iter().map(|(key, node)| node.cost() + cost_of(&key.text)).sum::<usize>() + 1
            }
        }
    }
}

fn cost_of(text: &str) -> usize {
    1 + text.len() / 16
}

fn is_number(text: &str) -> bool {
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return !digits.is_empty() && digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
    }
    if matches!(bare, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    bare.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
        && bare.bytes().any(|b| b.is_ascii_digit())
        && bare.parse::<f64>().is_ok()
}

/// Parses `text`. Records YAML errors in `reading`; `None` if they leave no tree.
pub(super) fn parse(text: &str, reading: &Reading<'_>) -> Option<Node> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.disallow_directives = true;
    options.emit_unresolved_aliases = true;
    options.flow_nesting_limit = DEPTH_MAX;
    options.block_nesting_limit = DEPTH_MAX;
    let mut builder = Builder { reading, open: Vec::new(), root: None, anchors: HashMap::new(), cost: 0, documents: 0 };
    for step in Parser::new_from_str_with_options(text, options) {
        match step {
            Ok((event, span)) => builder.take(event, &span)?,
            Err(error) => {
                let mark = error.marker();
                let at = Position { line: mark.line().max(1), column: mark.col() + 1 };
                let why = unreadable::explain(text, at, error.kind());
                reading.problem(&Place::new(why.at, ""), &why.found, &why.expected);
                return None;
            }
        }
    }
    // An empty file is an empty map, so that each missing key is reported.
    let start = Position { line: 1, column: 1 };
    Some(builder.root.unwrap_or(Node { at: start, value: Value::Map(Vec::new()) }))
}

/// A collection that is not closed yet.
struct Open {
    at: Position,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map(Vec<(KeyNode, Node)>, Slot),
}

/// What a map waits for next.
enum Slot {
    Key,
    /// The value of this key; `None` if the key was refused, and its value is dropped.
    Value(Option<KeyNode>),
}

struct Builder<'r> {
    reading: &'r Reading<'r>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, (Node, usize)>,
    cost: usize,
    documents: usize,
}

impl Builder<'_> {
    /// Handles one event; `None` stops the parser.
    fn take(&mut self, event: Event<'_>, span: &Span) -> Option<()> {
        let at = Position { line: span.start.line(), column: span.start.col() + 1 };
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.problem(at, "a second document", "one YAML document");
                    return None;
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(span);
                let plain = style == ScalarStyle::Plain && tag.is_none();
                self.close(Node::scalar(at, &text, plain), anchor, cost_of(&text))?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.refuse_tag(span);
                self.open.push(Open { at, anchor, kind: OpenKind::List(Vec::new()) });
            }
            Event::MappingStart(_, anchor, _) => {
                self.refuse_tag(span);
                self.open.push(Open { at, anchor, kind: OpenKind::Map(Vec::new(), Slot::Key) });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Open { at, anchor, kind } = self.open.pop()?;
                let value = match kind {
                    OpenKind::List(items) => Value::List(items),
                    OpenKind::Map(entries, _) => Value::Map(entries),
                };
                self.close(Node { at, value }, anchor, 1)?;
            }
            Event::Alias(id) => match self.anchors.get(&id) {
                Some((node, cost)) => {
                    let (node, cost) = (node.clone(), *cost);
                    self.close(node, 0, cost)?;
                }
                None => self.unknown_alias(
                    at,
                    "an alias inside its own value",
                    "an alias of a value that is written above it",
                )?,
            },
            Event::UnresolvedAlias(_) => {
                self.unknown_alias(at, unreadable::BARE_STAR, "quotes around the pattern, as in \"*_read\"")?;
            }
            _ => {}
        }
        Some(())
    }

    /// Adds a finished value to the collection around it.
    fn close(&mut self, node: Node, anchor: usize, cost: usize) -> Option<()> {
        self.cost += cost;
        let entries = match self.open.last().map(|open| &open.kind) {
            Some(OpenKind::List(items)) => items.len(),
            Some(OpenKind::Map(entries, _)) => entries.len(),
            None => 0,
        };
        if self.cost > COST_MAX || entries >= ENTRIES_MAX {
            let expected =
                format!("at most {ENTRIES_MAX} in one list or map, and {COST_MAX} in all, aliases written out");
            self.problem(node.at, "too many values", &expected);
            return None;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), node.cost()));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { kind: OpenKind::List(items), .. }) => items.push(node),
            Some(Open { kind: OpenKind::Map(entries, slot), .. }) => match mem::replace(slot, Slot::Key) {
                Slot::Value(Some(key)) => entries.push((key, node)),
                Slot::Value(None) => {}
                Slot::Key => {
                    let key = key_from(self.reading, node);
                    *slot = Slot::Value(key);
                }
            },
        }
        Some(())
    }

    fn unknown_alias(&mut self, at: Position, found: &str, expected: &str) -> Option<()> {
        self.reading.explain(at, found, expected);
        self.close(Node::scalar(at, "", true), 0, 1)
    }

    fn refuse_tag(&self, span: &Span) {
        if let Some(start) = span.tag_start() {
            let at = Position { line: start.line(), column: start.col() + 1 };
            let expected = "quotes around the value, if it begins with `!`; otherwise the value alone";
            self.problem(at, "`!` without quotes, which in YAML begins a tag", expected);
            // What remains is the value without its beginning.
            self.reading.explained(Position { line: span.start.line(), column: span.start.col() + 1 });
        }
    }

    fn problem(&self, at: Position, found: &str, expected: &str) {
        self.reading.problem(&Place::new(at, ""), found, expected);
    }
}

/// A key; `None` if the node cannot be a key.
fn key_from(reading: &Reading<'_>, node: Node) -> Option<KeyNode> {
    let place = Place::new(node.at, "");
    match node.value {
        // A merge lets two places set one key; YAML readers differ on which one wins.
        Value::Scalar { text, plain: true } if text == "<<" => {
            reading.problem(&place, "a merge key (<<)", "the keys themselves, written out");
            None
        }
        Value::Scalar { text, .. } => Some(KeyNode { at: node.at, text }),
        // `{{ .Values.url }}` is a map in a map.
        Value::Map(_) => {
            let at = Position { column: node.at.column.saturating_sub(1).max(1), ..node.at };
            reading.explain(
                at,
                "a map as a key, or `{{`, a template that was not filled in",
                "the value itself: the gateway fills in no templates",
            );
            None
        }
        Value::List(_) => {
            reading.problem(&place, "a list as a key", "a key that is one word");
            None
        }
    }
}

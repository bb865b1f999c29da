//! Reads one value or one map of the tree, and records every mistake in it.

use std::collections::HashMap;

use crate::config::{
    hints,
    keys::everywhere::{self, elsewhere},
    place::Place,
    problem::{key_word, nearest, quoted},
    reading::Reading,
    tree::{KeyNode, Meaning, Node, Value},
};

/// One value, and the path of its key.
#[derive(Clone)]
pub(super) struct Field<'r> {
    pub(super) reading: &'r Reading<'r>,
    pub(super) place: Place,
    node: &'r Node,
}

impl<'r> Field<'r> {
    pub(super) fn root(reading: &'r Reading<'r>, node: &'r Node) -> Self {
        Self { reading, place: Place::new(node.at, ""), node }
    }

    /// Records a mistake. The message shows the value.
    pub(super) fn wrong<T>(&self, expected: &str) -> Option<T> {
        self.reading.problem(&self.place, &self.shown(), &self.hinted(expected));
        None
    }

    /// Like [`Self::wrong`], with a suggestion from `words`.
    pub(super) fn wrong_word<'w, T>(&self, expected: &str, words: impl IntoIterator<Item = &'w str>) -> Option<T> {
        let near = self.scalar_text().and_then(|text| nearest(text, words));
        let expected = if near.is_some() { expected.to_owned() } else { self.hinted(expected) };
        self.reading.problem_near(&self.place, &self.shown(), &expected, near);
        None
    }

    /// Like [`Self::wrong`], with the word that was meant.
    pub(super) fn wrong_near<T>(&self, expected: &str, meant: &str) -> Option<T> {
        self.reading.problem_near(&self.place, &self.shown(), expected, Some(meant.to_owned()));
        None
    }

    /// What is expected, and the slip of typing that the value shows.
    fn hinted(&self, expected: &str) -> String {
        match &self.node.value {
            Value::Scalar { text, plain } => format!("{expected}{}", hints::of(text, *plain)),
            _ => expected.to_owned(),
        }
    }

    /// Like [`Self::wrong`], but the message shows the kind of the value and not the value.
    pub(super) fn wrong_kind<T>(&self, expected: &str) -> Option<T> {
        self.reading.problem(&self.place, self.kind(), expected);
        None
    }

    /// Records a warning. The message shows the value.
    pub(super) fn warn(&self, expected: &str) {
        self.reading.warning(&self.place, &self.shown(), expected);
    }

    fn shown(&self) -> String {
        match self.node.meaning() {
            Some(Meaning::Number(text)) => format!("the number {text}"),
            Some(Meaning::Bool(value)) => value.to_string(),
            Some(Meaning::Text(text)) => quoted(text),
            Some(Meaning::Nothing) | None => self.kind().to_owned(),
        }
    }

    fn kind(&self) -> &'static str {
        match (&self.node.value, self.node.meaning()) {
            (Value::List(_), _) => "a list",
            (Value::Map(_), _) => "a map",
            (_, Some(Meaning::Nothing)) => "nothing",
            (_, Some(Meaning::Bool(_))) => "true or false",
            (_, Some(Meaning::Number(_))) => "a number",
            _ => "text",
        }
    }

    /// What a scalar means; `None` for a list or a map.
    pub(super) fn meaning(&self) -> Option<Meaning<'r>> {
        self.node.meaning()
    }

    /// The text of a scalar of any kind.
    pub(super) fn scalar_text(&self) -> Option<&'r str> {
        match &self.node.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether it is a scalar without quotes.
    pub(super) fn is_bare(&self) -> bool {
        matches!(self.node.value, Value::Scalar { plain: true, .. })
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    /// The key of a map that has one entry.
    pub(super) fn only_key(&self) -> Option<&'r str> {
        match &self.node.value {
            Value::Map(entries) if entries.len() == 1 => entries.first().map(|(key, _)| key.text.as_str()),
            _ => None,
        }
    }

    pub(super) fn is_empty_map(&self) -> bool {
        matches!(&self.node.value, Value::Map(entries) if entries.is_empty())
    }

    /// Whether this is a list with an element.
    pub(super) fn is_filled_list(&self) -> bool {
        matches!(&self.node.value, Value::List(items) if !items.is_empty())
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
    }

    /// Text that is not empty. A number or a bool is a mistake: in quotes it would be text.
    pub(super) fn text(&self, expected: &str) -> Option<&'r str> {
        match self.node.meaning() {
            Some(Meaning::Text("")) => {
                self.reading.problem(&self.place, "empty text", expected);
                None
            }
            Some(Meaning::Text(text)) => Some(text),
            Some(Meaning::Number(_) | Meaning::Bool(_)) => self.wrong(&format!("{expected} (quote it)")),
            Some(Meaning::Nothing) | None => self.wrong(expected),
        }
    }

    pub(super) fn bool(&self) -> Option<bool> {
        match self.node.meaning() {
            Some(Meaning::Bool(value)) => Some(value),
            // These words are bools in YAML 1.1, so the message may show them. Other text could be
            // a secret.
            Some(Meaning::Text("yes" | "on" | "y" | "Yes" | "On" | "YES" | "ON" | "Y")) => {
                self.wrong_near("true or false", "true")
            }
            Some(Meaning::Text("no" | "off" | "n" | "No" | "Off" | "NO" | "OFF" | "N")) => {
                self.wrong_near("true or false", "false")
            }
            Some(Meaning::Text(text @ ("true" | "false"))) => self.wrong_near("true or false without quotes", text),
            _ => self.wrong_kind("true or false"),
        }
    }

    /// A whole number between `least` and `most`.
    pub(super) fn integer(&self, least: u32, most: u32) -> Option<u32> {
        let number = match self.node.meaning() {
            // `010` is eight to some YAML readers and ten to others.
            Some(Meaning::Number(text)) if text == "0" || !text.starts_with(['0', '+']) => text.parse().ok(),
            _ => None,
        };
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => Some(number),
            None => self.wrong(&format!("a whole number from {least} to {most}")),
        }
    }

    /// One of `words`, as the value that it stands for.
    pub(super) fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.scalar_text();
        if let Some((_, value)) = words.iter().find(|(word, _)| Some(*word) == text) {
            return Some(*value);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        // `warning` is `warn` elsewhere.
        let begins = |word: &&&str| text.is_some_and(|text| word.len() > 2 && text.to_lowercase().starts_with(**word));
        match names.iter().find(begins) {
            Some(word) => self.wrong_near(&one_of(&names), word),
            None => self.wrong_word(&one_of(&names), names.iter().copied()),
        }
    }

    /// The elements of a list, each with its path, such as `listen[0]`.
    pub(super) fn list(&self, expected: &str) -> Option<Vec<Self>> {
        let Value::List(items) = &self.node.value else {
            let how = hints::how_to_list(expected, self.is_map());
            return self.wrong_kind(&format!("a list of {expected}{how}"));
        };
        let name = |index: usize| format!("{}[{index}]", self.place.key);
        Some(
            (items.iter().enumerate())
                .map(|(index, node)| Self { reading: self.reading, place: Place::new(node.at, &name(index)), node })
                .collect(),
        )
    }

    /// A list of at least one element.
    pub(super) fn full_list(&self, expected: &str) -> Option<Vec<Self>> {
        let items = self.list(expected)?;
        if items.is_empty() {
            self.reading.problem(&self.place, "an empty list", &format!("a non-empty list of {expected}"));
            return None;
        }
        Some(items)
    }

    /// A list without duplicates.
    pub(super) fn distinct(&self, expected: &str) -> Option<Vec<Self>> {
        let items = self.list(expected)?;
        let mut seen: HashMap<&str, &Place> = HashMap::new();
        for item in &items {
            let Some(text) = item.scalar_text() else { continue };
            match seen.get(text) {
                Some(first) => {
                    let found = format!("{} a second time", quoted(text));
                    self.reading.problem_see(&item.place, &found, "each one once", first);
                }
                None => _ = seen.insert(text, &item.place),
            }
        }
        Some(items)
    }

    /// The entries of a map whose keys the operator chooses; a duplicate key is a mistake.
    pub(super) fn entries(&self, expected: &str) -> Option<Vec<Entry<'r>>> {
        let Value::Map(entries) = &self.node.value else {
            let how = if self.is_list() { ": a name and a colon in place of each `- `" } else { "" };
            return self.wrong_kind(&format!("a map of {expected}{how}"));
        };
        let entry = |(key, node): (&'r KeyNode, &'r Node)| {
            let at = Place::new(key.at, &self.name_of(key));
            Entry { name: &key.text, at, value: self.child(key, node) }
        };
        Some(self.unique(entries).map(entry).collect())
    }

    /// Reads a map whose keys are fixed: a key that `read` does not ask for is a mistake. `section`
    /// names the map for the test that compares readers and schema.
    pub(super) fn section<T>(
        &self,
        section: &'static str,
        read: impl FnOnce(&mut Fields<'r>) -> Option<T>,
    ) -> Option<T> {
        let Value::Map(entries) = &self.node.value else {
            return self.wrong_kind(&match everywhere::main_key(section)
                .filter(|_| self.meaning() != Some(Meaning::Nothing))
            {
                Some(key) if !self.is_list() => format!("a map such as {{{key}: …}}"),
                _ => "a map".to_owned(),
            });
        };
        let entries = self.unique(entries).collect();
        let mut fields = Fields { section, of: self.clone(), entries, asked: Vec::new() };
        let result = read(&mut fields);
        fields.refuse_unknown();
        result
    }

    fn child(&self, key: &KeyNode, node: &'r Node) -> Self {
        Self { reading: self.reading, place: Place::new(node.at, &self.name_of(key)), node }
    }

    fn name_of(&self, key: &KeyNode) -> String {
        let word = key_word(&key.text);
        if self.place.key.is_empty() { word } else { format!("{}.{word}", self.place.key) }
    }

    /// The entries; a duplicate key is a mistake and is left out.
    fn unique(&self, entries: &'r [(KeyNode, Node)]) -> impl Iterator<Item = (&'r KeyNode, &'r Node)> {
        let mut seen: HashMap<&str, &KeyNode> = HashMap::new();
        let mut first = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            if let Some(earlier) = seen.get(key.text.as_str()) {
                let at = |key: &KeyNode| Place::new(key.at, &self.name_of(key));
                self.reading.problem_see(&at(key), "this key a second time", "each key once", &at(earlier));
            } else {
                seen.insert(&key.text, key);
                first.push((key, node));
            }
        }
        first.into_iter()
    }
}

/// An entry of a map whose keys the operator chooses.
pub(super) struct Entry<'r> {
    pub(super) name: &'r str,
    /// The place of the name.
    pub(super) at: Place,
    pub(super) value: Field<'r>,
}

/// The entries of a map whose keys are fixed, and the keys that its reader has asked for.
pub(super) struct Fields<'r> {
    section: &'static str,
    /// The map itself.
    pub(super) of: Field<'r>,
    entries: Vec<(&'r KeyNode, &'r Node)>,
    asked: Vec<&'static str>,
}

impl<'r> Fields<'r> {
    /// The value of `key`, if it is written.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Field<'r>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        #[cfg(test)]
        self.of.reading.asked.borrow_mut().entry(self.section).or_default().insert(key);
        let (key, node) = self.entries.iter().find(|(written, _)| written.text == key)?;
        Some(self.of.child(key, node))
    }

    /// The value of `key`; it is a mistake to leave it out.
    pub(super) fn need(&mut self, key: &'static str, expected: &str) -> Option<Field<'r>> {
        let found = self.get(key);
        if found.is_none() {
            let name = match self.of.place.key.as_str() {
                "" => key.to_owned(),
                parent => format!("{parent}.{key}"),
            };
            self.of.reading.problem(&Place::new(self.of.place.at, &name), "nothing", expected);
        }
        found
    }

    /// A bool; `false` if it is not written.
    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        self.get(key).and_then(|field| field.bool()).unwrap_or(false)
    }

    /// Reads exactly one of `keys`. If several are written, all are read, so that every mistake is
    /// reported.
    pub(super) fn exactly_one<T>(
        &mut self,
        keys: &[&'static str],
        read: impl Fn(&'static str, Field<'r>) -> Option<T>,
    ) -> Option<T> {
        let found: Vec<_> = keys.iter().filter_map(|key| Some((*key, self.get(key)?))).collect();
        let names: Vec<&str> = found.iter().map(|(key, _)| *key).collect();
        let mut values: Vec<Option<T>> = found.into_iter().map(|(key, field)| read(key, field)).collect();
        if values.len() == 1 {
            return values.pop().flatten();
        }
        let have = if names.is_empty() { "none of them".to_owned() } else { names.join(" and ") };
        self.of.reading.problem(&self.of.place, &have, &format!("exactly one of {}", keys.join(", ")));
        None
    }

    fn refuse_unknown(self) {
        for (key, value) in &self.entries {
            if !self.asked.iter().any(|asked| *asked == key.text) {
                let expected = match self.asked.as_slice() {
                    [] => "no keys here".to_owned(),
                    asked => one_of(asked),
                };
                let near = nearest(&key.text, self.asked.iter().copied());
                let near = near.or_else(|| elsewhere(&key.text, self.section, &self.of.place.key));
                // A slip, such as a colon that is missing, makes a key of a secret (P10).
                let is_value = near.is_none() && value.meaning() == Some(Meaning::Nothing);
                let (found, name) = match is_key_like(&key.text) && !is_value {
                    true => ("an unknown key", self.of.name_of(key)),
                    false => ("a text that is not a key with a value; it is not shown", self.of.place.key.clone()),
                };
                self.of.reading.problem_near(&Place::new(key.at, &name), found, &expected, near);
            }
        }
    }
}

/// Whether a text can be a key of this file.
fn is_key_like(text: &str) -> bool {
    const CHARS_MAX: usize = 40;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    text.len() <= CHARS_MAX && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(is_plain)
}

/// `a, b or c`.
pub(super) fn one_of(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

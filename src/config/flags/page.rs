//! Writes YAML line by line, and notes which flag each line came from.

use std::fmt::Write;

use crate::config::{
    flags::places::{FlagPlace, FlagPlaces, FlagValue},
    problem::key_word,
    yaml::typed,
};

/// Lines, and the keys that are open.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    lines: usize,
    /// The whole keys of what is open.
    open: Vec<String>,
    /// Whether the next line begins an element of a list.
    is_first_of_item: bool,
    places: Vec<FlagPlace>,
}

impl Page {
    /// An empty line.
    pub(super) fn blank(&mut self) {
        self.line("");
    }

    /// A line of comment.
    pub(super) fn comment(&mut self, words: &str) {
        // An element of a list begins with its first key.
        if !self.is_first_of_item {
            let indent = self.indent();
            self.line(&format!("{:indent$}# {words}", ""));
        }
    }

    /// A key with what a flag says.
    pub(super) fn value(&mut self, key: &str, value: &FlagValue) {
        self.plain(key, &typed(&value.text), &value.by);
    }

    /// A key with a value that is YAML already.
    pub(super) fn plain(&mut self, key: &str, yaml: &str, by: &str) {
        self.entry(key, &format!(" {yaml}"), by);
    }

    /// A key with a list, one element a line.
    pub(super) fn list(&mut self, key: &str, by: &str, values: &[FlagValue]) {
        self.open(key, by);
        for (index, value) in values.iter().enumerate() {
            let (indent, whole) = (self.indent(), self.item(index));
            self.line(&format!("{:indent$}- {}", "", typed(&value.text)));
            self.note(whole, &value.by);
        }
        self.close();
    }

    /// Begins a map or a list.
    pub(super) fn open(&mut self, key: &str, by: &str) {
        let whole = self.entry(key, "", by);
        self.open.push(whole);
    }

    /// Begins an element, which is a map, of the list that is open.
    pub(super) fn open_item(&mut self, index: usize, by: &str) {
        let whole = self.item(index);
        self.places.push(FlagPlace { line: self.lines + 1, key: whole.clone(), by: by.to_owned() });
        self.open.push(whole);
        self.is_first_of_item = true;
    }

    /// Ends what was begun last.
    pub(super) fn close(&mut self) {
        self.open.pop();
    }

    /// The text, and where each flag is in it.
    pub(super) fn finish(self) -> (String, FlagPlaces) {
        (self.text, FlagPlaces { places: self.places })
    }

    fn entry(&mut self, key: &str, rest: &str, by: &str) -> String {
        let whole = match self.open.last() {
            Some(parent) => format!("{parent}.{}", key_word(key)),
            None => key_word(key),
        };
        let indent = self.indent();
        match std::mem::take(&mut self.is_first_of_item) {
            true => {
                let before = indent.saturating_sub(2);
                self.line(&format!("{:before$}- {}:{rest}", "", typed(key)));
            }
            false => self.line(&format!("{:indent$}{}:{rest}", "", typed(key))),
        }
        self.note(whole.clone(), by);
        whole
    }

    fn item(&self, index: usize) -> String {
        format!("{}[{index}]", self.open.last().map_or("", String::as_str))
    }

    fn indent(&self) -> usize {
        2 * self.open.len()
    }

    fn note(&mut self, key: String, by: &str) {
        self.places.push(FlagPlace { line: self.lines, key, by: by.to_owned() });
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
        self.lines += 1;
    }
}

//! Keys whose default has a type of its own: the reader and the table share one constant.

use std::time::Duration;

use serde_json::Value;

use crate::config::{
    keys::row::{KeyRow, ValueShape},
    units::{duration_text, size_text},
};

/// A duration (`Duration`), a size (`u64`) or a number (`u32`) between two bounds.
pub(in crate::config) struct RangedKey<T> {
    pub(in crate::config) name: &'static str,
    /// The default.
    pub(in crate::config) default: T,
    /// The least value that may be written.
    pub(in crate::config) least: T,
    /// The largest value that may be written.
    pub(in crate::config) most: T,
    /// What the key means.
    pub(in crate::config) about: &'static str,
}

impl<T: Copy> RangedKey<T> {
    fn with(&self, shape: ValueShape, default: Value) -> KeyRow {
        KeyRow::optional(self.name, shape, self.about).or(default)
    }
}

impl RangedKey<Duration> {
    /// Its row.
    pub(super) fn row(&self) -> KeyRow {
        self.with(ValueShape::Duration(self.least, self.most), duration_text(self.default).into())
    }
}

impl RangedKey<u64> {
    /// Its row.
    pub(super) fn row(&self) -> KeyRow {
        self.with(ValueShape::Size(self.least, self.most), size_text(self.default).into())
    }
}

impl RangedKey<u32> {
    /// Its row.
    pub(super) fn row(&self) -> KeyRow {
        self.with(ValueShape::Integer(self.least, self.most), self.default.into())
    }
}

/// A choice of words, each of which stands for a value.
pub(in crate::config) struct WordKey<T: 'static> {
    pub(in crate::config) name: &'static str,
    /// All words, with their values.
    pub(in crate::config) words: &'static [(&'static str, T)],
    /// The default.
    pub(in crate::config) default: T,
    /// What the key means.
    pub(in crate::config) about: &'static str,
}

impl<T: PartialEq> WordKey<T> {
    /// The word for `value`.
    pub(in crate::config) fn word(&self, value: &T) -> &'static str {
        self.words.iter().find(|(_, other)| other == value).map_or("", |(word, _)| word)
    }

    /// Its row.
    pub(super) fn row(&self) -> KeyRow {
        let words = self.words.iter().map(|(word, _)| *word).collect();
        KeyRow::optional(self.name, ValueShape::Words(words), self.about).or(self.word(&self.default).into())
    }
}

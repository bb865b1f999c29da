//! Why a key of a key set is not used, in words for a log line.

use std::{borrow::Cow, fmt};

use serde_json::Value;

use super::document::JwkEntry;

/// The part of an id that a message shows.
const ID_CHARS_SHOWN: usize = 64;

/// Why a key may not verify tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is for something else, such as encryption, or of a kind that is not supported.
    OtherPurpose(&'static str),
    /// Something is wrong with it.
    Odd(Cow<'static, str>),
}

/// A key of a key set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedKey {
    position: usize,
    id: Option<Box<str>>,
    unfit: Unfit,
}

impl UnusedKey {
    pub(super) fn new(position: usize, entry: &JwkEntry, unfit: Unfit) -> Self {
        let id = entry.members.get("kid").and_then(Value::as_str);
        Self { position, id: id.map(|id| id.chars().take(ID_CHARS_SHOWN).collect::<String>().into()), unfit }
    }

    /// Whether something is wrong with it. Keys for another purpose are normal.
    #[must_use]
    pub fn is_odd(&self) -> bool {
        matches!(self.unfit, Unfit::Odd(_))
    }

    /// Whether both are called the same and are unused for the same reason, at whatever place.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.id == other.id && self.unfit == other.unfit
    }

    /// Its id and its place in the key set.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.id {
            Some(id) => format!("{id:?} (keys[{}])", self.position),
            None => format!("keys[{}]", self.position),
        }
    }

    /// The reason.
    #[must_use]
    pub fn why(&self) -> &str {
        match &self.unfit {
            Unfit::OtherPurpose(why) => why,
            Unfit::Odd(why) => why,
        }
    }
}

impl fmt::Display for UnusedKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.name(), self.why())
    }
}

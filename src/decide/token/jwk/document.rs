//! Reads the JSON of a key set: each key for itself, so that an odd key spoils no other.

use std::fmt;

use serde::de::{Deserialize, Deserializer as _, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{Deserializer, Map, Value, value::RawValue};

use crate::base::text::BYTE_ORDER_MARK;

/// The part of a member's name that a message shows.
const NAME_CHARS_SHOWN: usize = 64;

/// The bytes are not a JSON object with one list of keys.
pub(super) struct NoKeySet;

/// One key as written.
pub(super) struct JwkEntry {
    /// The members, without those that are `null`: such a member says nothing.
    pub(super) members: Map<String, Value>,
    /// Why the key has no meaning, or several.
    pub(super) trouble: Option<String>,
}

/// The keys of `document`: the elements of its member `keys`, or the document itself if it is one
/// bare key (RFC 7517 §4).
///
/// A byte order mark says nothing and is passed over. Two lists of keys are refused unless they are
/// the same text. No other member of a key set is read.
pub(super) fn entries(document: &[u8]) -> Result<Vec<&RawValue>, NoKeySet> {
    let text = document.strip_prefix(BYTE_ORDER_MARK).unwrap_or(document);
    let whole: &RawValue = serde_json::from_slice(text).map_err(|_| NoKeySet)?;
    let mut reader = Deserializer::from_str(whole.get());
    match reader.deserialize_map(Lists::default()).map_err(|_| NoKeySet)? {
        Lists { keys: Some(keys), .. } => serde_json::from_str(keys.get()).map_err(|_| NoKeySet),
        Lists { is_bare_key: true, .. } => Ok(vec![whole]),
        Lists { .. } => Err(NoKeySet),
    }
}

#[derive(Default)]
struct Lists<'a> {
    keys: Option<&'a RawValue>,
    is_bare_key: bool,
}

impl<'de> Visitor<'de> for Lists<'de> {
    type Value = Self;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object with one list of keys")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Self, A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            if name != "keys" {
                self.is_bare_key |= name == "kty";
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            let list: &RawValue = members.next_value()?;
            if self.keys.replace(list).is_some_and(|before| before.get() != list.get()) {
                return Err(A::Error::custom("two lists"));
            }
        }
        Ok(self)
    }
}

impl JwkEntry {
    /// Reads one key.
    pub(super) fn read(raw: &RawValue) -> Self {
        serde_json::from_str(raw.get()).unwrap_or_else(|_| {
            let trouble = if raw.get().starts_with('{') { "its JSON cannot be read" } else { "it is not an object" };
            Self { members: Map::new(), trouble: Some(trouble.to_owned()) }
        })
    }
}

impl<'de> Deserialize<'de> for JwkEntry {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = JwkEntry;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    /// A member that is written twice with one value has one meaning. With two values, one reader
    /// takes the first and another the last, so the key is not used.
    fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<JwkEntry, A::Error> {
        let mut entry = JwkEntry { members: Map::new(), trouble: None };
        // Names are compared after their escapes are read.
        while let Some(name) = given.next_key::<String>()? {
            let value: Value = given.next_value()?;
            match entry.members.get(&name) {
                Some(before) if *before != value => {
                    let shown: String = name.chars().take(NAME_CHARS_SHOWN).collect();
                    entry.trouble.get_or_insert_with(|| format!("its member {shown:?} has two values"));
                }
                Some(_) => {}
                None => drop(entry.members.insert(name, value)),
            }
        }
        entry.members.retain(|_, value| !value.is_null());
        Ok(entry)
    }
}

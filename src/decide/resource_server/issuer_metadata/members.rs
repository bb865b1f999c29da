//! The members of a metadata document, each read for itself.

use std::{collections::HashMap, fmt};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// The members that are read. All others are skipped, whatever they hold.
const READ: [&str; 13] = [
    "issuer",
    "jwks_uri",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "id_token_signing_alg_values_supported",
    "registration_endpoint",
    "token_endpoint_auth_methods_supported",
    "scopes_supported",
    "grant_types_supported",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "authorization_response_iss_parameter_supported",
];

/// The members of a document that are read.
pub(super) struct Members {
    /// `None`: it is there twice, with different values.
    found: HashMap<&'static str, Option<Value>>,
    /// Members that [`Members::take`] could not read.
    pub(super) odd: Vec<&'static str>,
}

impl Members {
    /// A text that decides; `None` if it is absent or null.
    ///
    /// # Errors
    /// The name, if it has no meaning.
    pub(super) fn decisive(&mut self, name: &'static str) -> Result<Option<String>, &'static str> {
        match self.found.remove(name) {
            None | Some(Some(Value::Null)) => Ok(None),
            Some(Some(Value::String(text))) => Ok(Some(text)),
            Some(_) => Err(name),
        }
    }

    /// A member as `read` understands it; `None` if it is absent, null or not understood.
    pub(super) fn take<T>(&mut self, name: &'static str, read: fn(Value) -> Option<T>) -> Option<T> {
        let found = self.found.remove(name)?;
        if found == Some(Value::Null) {
            return None;
        }
        let value = found.and_then(read);
        if value.is_none() {
            self.odd.push(name);
        }
        value
    }
}

pub(super) fn text(value: Value) -> Option<String> {
    if let Value::String(text) = value { Some(text) } else { None }
}

/// A list of texts. Some issuers write a single one without a list.
pub(super) fn texts(value: Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(all) => all.into_iter().map(text).collect(),
        _ => None,
    }
}

/// A boolean, also as text.
pub(super) fn yes_or_no(value: Value) -> Option<bool> {
    match value {
        Value::Bool(is_so) => Some(is_so),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(document: D) -> Result<Self, D::Error> {
        document.deserialize_map(OneObject)
    }
}

struct OneObject;

impl<'de> Visitor<'de> for OneObject {
    type Value = Members;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Members, M::Error> {
        let mut found: HashMap<&'static str, Option<Value>> = HashMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let Some(known) = READ.iter().find(|known| **known == name) else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = Some(members.next_value::<Value>()?);
            let before = found.entry(known).or_insert_with(|| value.clone());
            if *before != value {
                *before = None;
            }
        }
        Ok(Members { found, odd: Vec::new() })
    }
}

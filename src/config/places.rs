//! Where each value of a configuration is written, for commands that report about values.

use std::collections::BTreeMap;

use crate::config::tree::{Node, Value};

/// The position of each value, by the path of its key: `servers.weather.upstream.url`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPlaces {
    at: BTreeMap<String, (usize, usize)>,
}

impl KeyPlaces {
    pub(super) fn of(root: &Node) -> Self {
        let mut places = Self::default();
        places.walk(String::new(), root);
        places
    }

    /// The line and column of the value of `key`, or of the key itself if its value is a map or a
    /// list; of the nearest map around it, if the key is not written.
    #[must_use]
    pub fn find(&self, key: &str) -> (usize, usize) {
        self.find_inside(key).unwrap_or_else(|| self.at.get("").copied().unwrap_or((1, 1)))
    }

    /// As `find`, but nothing if not even the first word of `key` is written.
    #[must_use]
    pub fn find_inside(&self, key: &str) -> Option<(usize, usize)> {
        let mut key = key;
        while !key.is_empty() {
            if let Some(at) = self.at.get(key) {
                return Some(*at);
            }
            key = key.rfind(['.', '[']).and_then(|end| key.get(..end)).unwrap_or_default();
        }
        None
    }

    /// The tree's depth and size are bounded.
    fn walk(&mut self, key: String, node: &Node) {
        match &node.value {
            Value::Scalar { .. } => {}
            Value::List(items) => {
                items.iter().enumerate().for_each(|(index, item)| self.walk(format!("{key}[{index}]"), item));
            }
            Value::Map(entries) => {
                for (name, value) in entries {
                    let inner = if key.is_empty() { name.text.clone() } else { format!("{key}.{}", name.text) };
                    self.walk(inner.clone(), value);
                    if !matches!(value.value, Value::Scalar { .. }) {
                        self.at.insert(inner, (name.at.line, name.at.column));
                    }
                }
            }
        }
        self.at.insert(key, (node.at.line, node.at.column));
    }
}

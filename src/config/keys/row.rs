//! What a row of the table of keys holds: name, shape of the value, default and meaning.

use std::time::Duration;

use serde_json::Value;

/// A map whose keys are fixed.
pub(in crate::config) struct KeySection {
    /// What the map is for: one or two sentences.
    pub(in crate::config) about: &'static str,
    /// Exactly one of these keys must be written; empty if there is no such choice.
    pub(in crate::config) one_of: &'static [&'static str],
    /// Its keys, in the order of the documentation.
    pub(in crate::config) keys: Vec<KeyRow>,
}

impl KeySection {
    /// Whether the map can be left out: all its required keys have a default.
    pub(in crate::config) fn has_defaults(&self) -> bool {
        self.one_of.is_empty() && self.keys.iter().all(|key| !key.required || !matches!(key.preset, Preset::Nothing))
    }
}

/// One key.
pub(in crate::config) struct KeyRow {
    pub(in crate::config) name: &'static str,
    pub(in crate::config) shape: ValueShape,
    /// Whether it must be written if its map is.
    pub(in crate::config) required: bool,
    pub(in crate::config) preset: Preset,
    /// What the key means: full sentences.
    pub(in crate::config) about: &'static str,
}

/// The default of a key.
pub(in crate::config) enum Preset {
    /// Nothing: the feature is off, or the list is empty.
    Nothing,
    /// This value.
    Value(Value),
    /// It depends on something else, in words that continue "Default: ".
    Depends(String),
}

/// What a value looks like.
pub(in crate::config) enum ValueShape {
    /// Text.
    Text(TextShape),
    /// One of these words.
    Words(Vec<&'static str>),
    /// This value alone.
    Only(Value),
    /// `true` or `false`.
    Flag,
    /// A whole number between two bounds.
    Integer(u32, u32),
    /// A size between two bounds.
    Size(u64, u64),
    /// A duration between two bounds.
    Duration(Duration, Duration),
    /// One of these words, or something else that is not text.
    WordsOr(Vec<&'static str>, Box<ValueShape>),
    /// `off`, or something else.
    OffOr(Box<ValueShape>),
    /// A list.
    List(ListShape),
    /// A map whose keys are scopes, claims or headers.
    Map {
        /// What is mapped to what, such as "claims by header name".
        what: &'static str,
        of: Box<ValueShape>,
    },
    /// A map whose keys are names that the operator chooses.
    ByName(KeySection),
    /// A map whose keys are paths of URLs.
    ByPath(KeySection),
    /// A map whose keys are fixed.
    Section(KeySection),
    /// A value of a claim, or a list of such values.
    ClaimValues,
}

/// A list.
pub(in crate::config) struct ListShape {
    /// What is listed, in the plural: "scopes".
    pub(in crate::config) what: &'static str,
    /// Whether the list may be empty.
    pub(in crate::config) may_be_empty: bool,
    pub(in crate::config) of: Box<ValueShape>,
}

/// Text.
#[derive(Clone, Copy)]
pub(in crate::config) struct TextShape {
    /// What the text is, with its article: "a scope".
    pub(in crate::config) what: &'static str,
    pub(in crate::config) form: TextForm,
}

/// Which texts are accepted, as far as a pattern can tell.
#[derive(Clone, Copy)]
pub(in crate::config) enum TextForm {
    /// All.
    Any,
    /// All but the empty one.
    Filled,
    /// Those that match this regular expression.
    Matching(&'static str),
    /// Those that match it, and `null`.
    MatchingOrNull(&'static str),
    /// References to secrets.
    Secret,
}

impl KeyRow {
    /// A key that must be written.
    pub(super) fn required(name: &'static str, shape: impl Into<ValueShape>, about: &'static str) -> Self {
        Self { required: true, ..Self::optional(name, shape, about) }
    }

    /// A key that may be left out.
    pub(super) fn optional(name: &'static str, shape: impl Into<ValueShape>, about: &'static str) -> Self {
        Self { name, shape: shape.into(), required: false, preset: Preset::Nothing, about }
    }

    /// A key that may be left out, whose value is a map.
    pub(super) fn section(name: &'static str, section: KeySection) -> Self {
        let about = section.about;
        Self::optional(name, ValueShape::Section(section), about)
    }

    /// A flag; `false` by default.
    pub(super) fn flag(name: &'static str, about: &'static str) -> Self {
        Self::optional(name, ValueShape::Flag, about).or(Value::Bool(false))
    }

    /// The same key, but required.
    pub(super) fn must(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same key with this default.
    pub(super) fn or(self, default: Value) -> Self {
        Self { preset: Preset::Value(default), ..self }
    }

    /// The same key with a default that depends on something else.
    pub(super) fn or_else(self, default: impl Into<String>) -> Self {
        Self { preset: Preset::Depends(default.into()), ..self }
    }
}

impl From<TextShape> for ValueShape {
    fn from(shape: TextShape) -> Self {
        Self::Text(shape)
    }
}

impl From<ListShape> for ValueShape {
    fn from(shape: ListShape) -> Self {
        Self::List(shape)
    }
}

/// A list that may be empty.
pub(super) fn list(what: &'static str, of: impl Into<ValueShape>) -> ListShape {
    ListShape { what, may_be_empty: true, of: Box::new(of.into()) }
}

/// A list of at least one element.
pub(super) fn filled_list(what: &'static str, of: impl Into<ValueShape>) -> ListShape {
    ListShape { what, may_be_empty: false, of: Box::new(of.into()) }
}

/// A map whose keys are scopes, claims or headers.
pub(super) fn map(what: &'static str, of: impl Into<ValueShape>) -> ValueShape {
    ValueShape::Map { what, of: Box::new(of.into()) }
}

/// Text that matches a regular expression.
pub(super) const fn matching(what: &'static str, pattern: &'static str) -> TextShape {
    TextShape { what, form: TextForm::Matching(pattern) }
}

/// Text that is not empty.
pub(super) const fn filled(what: &'static str) -> TextShape {
    TextShape { what, form: TextForm::Filled }
}

/// `true` alone.
pub(super) fn only_true() -> ValueShape {
    ValueShape::Only(Value::Bool(true))
}

/// An IP address with a port.
pub(super) const ADDRESS: TextShape =
    matching("an IP address and a port", "^(\\[[0-9A-Fa-f:.]+\\]|[0-9.]+):[0-9]{1,5}$");
/// A network in CIDR notation.
pub(super) const NETWORK: TextShape = matching("a network such as 10.0.0.0/8", "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$");
/// A file.
pub(super) const FILE: TextShape = matching("the path of a file", ".");
/// Any text but the empty one, described by a pattern.
pub(super) const NAME: TextShape = matching("a name", ".");
/// A host name, perhaps with a port.
pub(super) const HOST: TextShape = matching("a host name", "^([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?$");
/// A public path.
pub(super) const PATH: TextShape =
    matching("a path", "^/([A-Za-z0-9._~!$&'()*+,=:@-]+(/[A-Za-z0-9._~!$&'()*+,=:@-]+)*/?)?$");
/// A pattern of a rule.
pub(super) const PATTERN: TextShape = matching("a name, with `*` for any text and `?` for any character", ".");
/// A scope.
pub(super) const SCOPE: TextShape = matching("a scope", "^[!#-\\[\\]-~]+$");
/// A secret.
pub(super) const SECRET: TextShape =
    TextShape { what: "a secret reference: `env:NAME` or `file:PATH`", form: TextForm::Secret };
/// An issuer's identifier.
pub(super) const ISSUER: TextShape = matching("a URL", "^https?://[^?#]+$");
/// A URL of an upstream.
pub(super) const UPSTREAM_URL: TextShape = matching("a URL", "^https?://[^#@]+$");

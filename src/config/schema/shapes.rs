//! Shapes that many keys share.

use serde_json::{Map, Value, json};

pub(super) const DURATION: &str = "^(0|[1-9][0-9]*)(ms|s|m|h|d)$";

/// A map whose keys are ours.
pub(super) fn object(about: &str, required: &[&str], properties: Value) -> Value {
    let shape = json!({"type": "object", "description": about, "additionalProperties": false, "required": required});
    with(shape, "properties", properties)
}

/// A map whose keys are names in the sense of this file.
pub(super) fn by_name(about: &str, of: Value) -> Value {
    let names = json!({"pattern": "^[A-Za-z0-9._-]{1,64}$"});
    let shape = json!({"type": "object", "description": about, "minProperties": 1, "propertyNames": names});
    with(shape, "additionalProperties", of)
}

/// A map whose keys mean something elsewhere: claims, scopes, headers.
pub(super) fn any_key(about: &str, of: Value) -> Value {
    with(json!({"type": "object", "description": about}), "additionalProperties", of)
}

/// A list.
pub(super) fn list(about: &str, of: Value) -> Value {
    with(json!({"type": "array", "description": about}), "items", of)
}

/// A list of at least one element.
pub(super) fn filled_list(about: &str, of: Value) -> Value {
    with(json!({"type": "array", "description": about, "minItems": 1}), "items", of)
}

fn with(mut schema: Value, key: &str, value: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
    schema
}

/// Text that matches a pattern.
pub(super) fn text(about: &str, pattern: &str) -> Value {
    json!({"type": "string", "description": about, "pattern": pattern})
}

/// One of some words.
pub(super) fn words(about: &str, words: &[&str], default: &str) -> Value {
    json!({"enum": words, "description": about, "default": default})
}

/// A boolean that is false where it is not written.
pub(super) fn flag(about: &str) -> Value {
    json!({"type": "boolean", "description": about, "default": false})
}

/// A duration.
pub(super) fn duration(about: &str, default: &str) -> Value {
    json!({"type": "string", "description": about, "pattern": DURATION, "default": default})
}

/// An IP address with a port.
pub(super) fn address() -> Value {
    text("IP address and port.", "^(\\[[0-9A-Fa-f:.]+\\]|[0-9.]+):[0-9]{1,5}$")
}

/// A path of a file.
pub(super) fn path(about: &str) -> Value {
    text(about, "^/([A-Za-z0-9._~!$&'()*+,=:@-]+(/[A-Za-z0-9._~!$&'()*+,=:@-]+)*)?$")
}

/// One scope.
pub(super) fn scope() -> Value {
    text("A scope.", "^[!#-\\[\\]-~]+$")
}

/// A pattern of a rule.
pub(super) fn pattern() -> Value {
    text("A name, with * for any text and ? for any character.", ".")
}

/// A reference to a secret.
pub(super) fn secret(about: &str) -> Value {
    text(&format!("{about} A reference, never the secret itself."), "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")
}

/// A shape with its default.
pub(super) fn with_default(schema: Value, default: Value) -> Value {
    with(schema, "default", default)
}

/// Requires exactly one of some keys.
pub(super) fn exactly_one(schema: &mut Value, keys: &[&str]) {
    let one: Vec<Value> = keys.iter().map(|key| json!({"required": [key]})).collect();
    let members: Option<&mut Map<String, Value>> = schema.as_object_mut();
    if let Some(members) = members {
        members.insert("oneOf".to_owned(), Value::Array(one));
    }
}

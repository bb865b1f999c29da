//! Writes values, times and forms of a token for a line of the log.

use std::time::Duration;

use serde_json::Value;

use crate::{base::shown::shown, decide::refusal::told::listed};

/// Characters of one value.
pub(super) const VALUE_CHARS_MAX: usize = 120;

/// The form of a token that is not a JWT.
pub(super) fn form(token: &str) -> String {
    match token.split('.').count() {
        1 => "an opaque token: a text without dots".to_owned(),
        3 => "three parts that are not base64url of strict JSON".to_owned(),
        5 => "five parts, as an encrypted token (JWE) has".to_owned(),
        parts => format!("{parts} parts"),
    }
}

/// A length of time.
pub(super) fn span(length: Duration) -> String {
    match length.as_secs() {
        secs @ ..=299 => format!("{secs} s"),
        secs @ 300..=17_999 => format!("{} min", secs / 60),
        secs @ 18_000..=345_599 => format!("{} h", secs / 3600),
        secs => format!("{} days", secs / 86_400),
    }
}

/// A value of a claim that may be shown.
pub(super) fn value_shown(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text, VALUE_CHARS_MAX).to_string(),
        Value::Array(all) if all.iter().all(Value::is_string) => listed(all.iter().filter_map(Value::as_str), ", "),
        Value::Number(_) | Value::Bool(_) | Value::Null => value.to_string(),
        other => shape(other),
    }
}

/// What kind of value it is.
pub(super) fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(text) if text.is_empty() => "an empty text",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
    .to_owned()
}

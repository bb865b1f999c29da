//! Says what a file holds that should hold the keys of an issuer.

use memchr::memmem;
use serde_json::Value;

use crate::{config::reader::Field, decide::token::jwk::KeySet};

const EXPECTED: &str = "a JSON Web Key Set, {\"keys\": […]}, with a public key that verifies signatures: until it has one, no token \
     is accepted";

/// Warns of a file at `path` without a usable key, or with a private key. It is read again when it
/// changes, so it may get one later.
pub(super) fn look(field: &Field<'_>, path: &str, bytes: &[u8]) {
    let told = |what: &str| format!("{path}, {what}");
    let json: Option<Value> = serde_json::from_slice(bytes).ok();
    if KeySet::read(bytes).is_ok() {
        let keys = json.as_ref().and_then(|json| json.get("keys")).and_then(Value::as_array);
        if keys.into_iter().flatten().any(|key| key.get("d").is_some()) {
            let expected = "the public keys alone: everyone who can read this file can sign tokens";
            field.reading.warning(&field.place, &told("which holds a private key"), expected);
        }
        return;
    }
    field.reading.warning(&field.place, &told(instead(bytes, json.as_ref())), EXPECTED);
}

/// What the file holds instead.
fn instead(bytes: &[u8], json: Option<&Value>) -> &'static str {
    let has = |part: &str| memmem::find(bytes, part.as_bytes()).is_some();
    match json {
        Some(Value::Array(keys)) if keys.is_empty() => "which is an empty list",
        Some(Value::Array(_)) => "which is a list without `{\"keys\": …}` around it",
        Some(Value::Object(of)) if of.get("keys").and_then(Value::as_array).is_some_and(Vec::is_empty) => {
            "whose `keys` is empty"
        }
        Some(Value::Object(of)) if of.contains_key("keys") => "in which no key can verify a token",
        Some(Value::Object(of)) if of.contains_key("jwks_uri") => {
            "which is the metadata of an issuer: its keys are at `jwks_uri`"
        }
        Some(Value::Object(of)) if of.contains_key("kty") => "which is one key without `{\"keys\": […]}` around it",
        Some(_) => "which is JSON without `keys`",
        None if bytes.trim_ascii().is_empty() => "which is empty",
        None if has("PRIVATE KEY-----") => "which is a PEM file with a private key",
        None if has("-----BEGIN ") => "which is a PEM file",
        None if bytes.trim_ascii_start().starts_with(b"<") => "which is an HTML page",
        None => "which is no JSON",
    }
}

//! Describes the configuration file as a JSON Schema, for editors.
//!
//! The schema covers keys, kinds of values and patterns. `portcullis check` covers everything.

use serde_json::{Value, json};

use crate::config::keys::{
    self,
    row::{KeyRow, KeySection, Preset, TextForm, ValueShape},
};

const DURATION: &str = "^(0|[1-9][0-9]*)(ms|s|m|h|d)$";
const SIZE: &str = "^(0|[1-9][0-9]*)(B|KiB|MiB|GiB)$";
const SECRET: &str = "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$";
const NAME: &str = "^[A-Za-z0-9._-]{1,64}$";

/// JSON Schema (2020-12) of `gateway.yaml`.
#[must_use]
pub fn json_schema() -> Value {
    let file = keys::file();
    let about = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gateway.yaml",
        "description": file.about,
    });
    merged(map(&file), about)
}

/// A map whose keys are fixed, without its description.
fn map(section: &KeySection) -> Value {
    let keys = || section.keys.iter();
    let required: Vec<&str> = keys().filter(|key| key.required).map(|key| key.name).collect();
    let properties: Value = keys().map(|key| (key.name.to_owned(), property(key))).collect();
    let map = json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    });
    if section.one_of.is_empty() {
        return map;
    }
    let one_of: Vec<Value> = section.one_of.iter().map(|key| json!({"required": [key]})).collect();
    merged(map, json!({"oneOf": one_of}))
}

/// One key of a map.
fn property(key: &KeyRow) -> Value {
    let mut about = key.about.to_owned();
    if let ValueShape::Text(text) = key.shape
        && matches!(text.form, TextForm::Secret)
    {
        about.push_str(" A reference, never the secret itself.");
    }
    let default = match &key.preset {
        Preset::Nothing => json!({}),
        Preset::Value(value) => json!({"default": value}),
        Preset::Depends(words) => {
            about.push_str(&format!(" Default: {words}."));
            json!({})
        }
    };
    merged(merged(shape(&key.shape), default), json!({"description": about}))
}

/// A value, without its description.
fn shape(of: &ValueShape) -> Value {
    match of {
        ValueShape::Text(text) => match text.form {
            TextForm::Any => json!({"type": "string"}),
            TextForm::Filled => json!({"type": "string", "minLength": 1}),
            TextForm::Matching(pattern) => json!({"type": "string", "pattern": pattern}),
            TextForm::MatchingOrNull(pattern) => json!({"type": ["string", "null"], "pattern": pattern}),
            TextForm::Secret => json!({"type": "string", "pattern": SECRET}),
        },
        ValueShape::Words(words) => json!({"enum": words}),
        ValueShape::Only(value) => json!({"const": value}),
        ValueShape::Flag => json!({"type": "boolean"}),
        ValueShape::Integer(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        ValueShape::Size(..) => json!({"type": "string", "pattern": SIZE}),
        ValueShape::Duration(..) => json!({"type": "string", "pattern": DURATION}),
        ValueShape::OffOr(other) => {
            let off = json!({"enum": ["off", false]});
            // Without a type, because the alternative is text as well.
            let off = match **other {
                ValueShape::Section(_) => merged(off, json!({"type": ["string", "boolean"]})),
                _ => off,
            };
            json!({"anyOf": [off, element(other)]})
        }
        ValueShape::WordsOr(words, other) => json!({"anyOf": [{"enum": words}, element(other)]}),
        ValueShape::List(list) => {
            let items = json!({"type": "array", "items": element(&list.of)});
            if list.may_be_empty { items } else { merged(items, json!({"minItems": 1})) }
        }
        ValueShape::Map { of, .. } => json!({"type": "object", "additionalProperties": element(of)}),
        ValueShape::ByName(section) => json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": NAME},
            "additionalProperties": merged(map(section), json!({"description": section.about})),
        }),
        ValueShape::ByPath(section) => json!({
            "type": "object",
            "propertyNames": {"pattern": "^/"},
            "additionalProperties": merged(map(section), json!({"description": section.about})),
        }),
        ValueShape::Section(section) => map(section),
        ValueShape::ClaimValues => {
            let glob = json!({
                "type": "object",
                "required": ["glob"],
                "additionalProperties": false,
                "properties": {"glob": {"type": "string", "minLength": 1}},
            });
            let scalar = json!({"type": ["string", "number", "boolean"]});
            let list = json!({"type": "array", "minItems": 1, "items": {"anyOf": [scalar, glob]}});
            json!({"anyOf": [scalar, glob, list]})
        }
    }
}

/// A value inside another one, with its description.
fn element(of: &ValueShape) -> Value {
    let about = match of {
        ValueShape::Text(text) => sentence(text.what),
        ValueShape::List(list) => sentence(list.what),
        ValueShape::Section(section) => section.about.to_owned(),
        _ => return shape(of),
    };
    merged(shape(of), json!({"description": about}))
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| format!("{}{}.", first.to_ascii_uppercase(), letters.as_str())).unwrap_or_default()
}

/// `into` with the members of `more`.
fn merged(mut into: Value, mut more: Value) -> Value {
    if let (Some(into), Some(more)) = (into.as_object_mut(), more.as_object_mut()) {
        into.append(more);
    }
    into
}

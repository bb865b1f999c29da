//! The schema, the readers and the documented example know the same keys.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::Value;

use super::environment;
use crate::config::{
    demo_account::DemoAccount,
    reader::Field,
    reading::Reading,
    schema::json_schema,
    tree::{self, Node},
};

/// The place of a key of `embedded` in the schema.
macro_rules! concat_embedded {
    ($pointer:literal) => {
        concat!("/properties/authorization_servers/additionalProperties/properties/embedded", $pointer)
    };
}

/// Every map that the readers know, and its place in the schema.
const SECTIONS: &[(&str, &str)] = &[
    ("", ""),
    ("listen[]", "/properties/listen/items"),
    ("listen[].tls", "/properties/listen/items/properties/tls"),
    ("listen[].tls.acme", "/properties/listen/items/properties/tls/properties/acme"),
    (
        "listen[].tls.acme.external_account",
        "/properties/listen/items/properties/tls/properties/acme/properties/external_account",
    ),
    ("admin", "/properties/admin"),
    ("authorization_servers.*", "/properties/authorization_servers/additionalProperties"),
    ("authorization_servers.*.jwks", "/properties/authorization_servers/additionalProperties/properties/jwks"),
    (
        "authorization_servers.*.introspection",
        "/properties/authorization_servers/additionalProperties/properties/introspection",
    ),
    ("authorization_servers.*.embedded", concat_embedded!("")),
    ("authorization_servers.*.embedded.login", concat_embedded!("/properties/login")),
    ("authorization_servers.*.embedded.login.oidc", concat_embedded!("/properties/login/properties/oidc")),
    (
        "authorization_servers.*.embedded.login.oidc.jwks",
        concat_embedded!("/properties/login/properties/oidc/properties/jwks"),
    ),
    ("authorization_servers.*.embedded.registration", concat_embedded!("/properties/registration")),
    (
        "authorization_servers.*.embedded.registration.client_id_documents",
        concat_embedded!("/properties/registration/properties/client_id_documents"),
    ),
    ("authorization_servers.*.embedded.clients[]", concat_embedded!("/properties/clients/items")),
    ("authorization_servers.*.embedded.grants[]", concat_embedded!("/properties/grants/items")),
    ("authorization_servers.*.embedded.store", concat_embedded!("/properties/store")),
    ("keys", "/properties/keys"),
    ("servers.*", "/properties/servers/additionalProperties"),
    ("servers.*.upstream", "/properties/servers/additionalProperties/properties/upstream"),
    ("servers.*.paths[]", "/properties/servers/additionalProperties/properties/paths/items"),
    ("servers.*.rules[]", "/properties/servers/additionalProperties/properties/rules/items"),
    ("servers.*.credential", "/properties/servers/additionalProperties/properties/credential"),
    ("servers.*.credential.header", "/properties/servers/additionalProperties/properties/credential/properties/header"),
    (
        "servers.*.credential.forward",
        "/properties/servers/additionalProperties/properties/credential/properties/forward",
    ),
    ("servers.*.limits", "/properties/servers/additionalProperties/properties/limits"),
    ("servers.*.legacy_sse", "/properties/servers/additionalProperties/properties/legacy_sse/anyOf/1"),
    ("limits", "/properties/limits"),
    ("documents.*", "/properties/documents/additionalProperties"),
    ("log", "/properties/log"),
    ("drain", "/properties/drain"),
];

/// A file that opens every section, whatever is wrong in it.
const EVERY_SECTION: &str = "
listen: [{tls: {}}, {tls: {acme: {external_account: {}}}}]
admin: {}
authorization_servers:
  a: {introspection: {}, jwks: {}}
  b: {embedded: {login: {oidc: {jwks: {}}}, registration: {client_id_documents: {}}, clients: [{}], grants: [{}], store: {}}}
keys: {}
servers:
  a: {upstream: {}, paths: [{}], rules: [{}], limits: {}, credential: {header: {}, forward: {}}, legacy_sse: {}}
limits: {}
documents: {/a: {}}
log: {}
drain: {}
";

#[test]
fn the_schema_has_the_keys_that_the_readers_ask_for() {
    let (base, demo) = (Path::new("/nonexistent"), DemoAccount::default());
    let reading = Reading::new("gateway.yaml", base, &environment, &demo);
    let root = tree::parse(EVERY_SECTION, &reading).unwrap();
    let _ = Field::root(&reading, &root).section("", crate::config::file::whole);
    let mut asked: BTreeMap<_, BTreeSet<&str>> = reading.asked.borrow().clone();

    let schema = json_schema();
    for (section, pointer) in SECTIONS {
        let described = schema.pointer(pointer).unwrap_or_else(|| panic!("{section} is not described"));
        assert_eq!(described["additionalProperties"], Value::Bool(false), "{section}");
        let described: BTreeSet<&str> =
            described["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(asked.remove(section).unwrap_or_default(), described, "{section}");
    }
    assert!(asked.is_empty(), "sections without a schema: {asked:?}");
}

#[test]
fn every_described_value_has_a_description_or_a_shape() {
    fn walk(at: &str, schema: &Value) {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string() || property["$ref"].is_string(), "{at}.{key}");
            walk(&format!("{at}.{key}"), property);
        }
        for inner in ["items", "additionalProperties"] {
            if schema[inner].is_object() {
                walk(at, &schema[inner]);
            }
        }
    }
    walk("", &json_schema());
}

#[test]
fn the_whole_example_and_the_starter_have_the_shape_of_the_schema() {
    let (starter, demo) = (include_str!("../../../gateway.yaml"), DemoAccount::default());
    for text in [super::whole::EXAMPLE, starter, super::SMALLEST] {
        let base = Path::new("/nonexistent");
        let reading = Reading::new("gateway.yaml", base, &environment, &demo);
        let root = tree::parse(text, &reading).unwrap();
        shape("", &root, &json_schema());
    }
    let reading = Reading::new("gateway.yaml", Path::new("/nonexistent"), &environment, &demo);
    let wrong = tree::parse("public_url: x\nlisten: []\nsecrets: 1\n", &reading).unwrap();
    assert!(std::panic::catch_unwind(|| shape("", &wrong, &json_schema())).is_err());
}

/// Checks properties, required keys, alternatives, enums and the kinds of values.
fn shape(at: &str, node: &Node, schema: &Value) {
    if let Some(alternatives) = schema["anyOf"].as_array() {
        let kind = match node.value {
            tree::Value::Map(_) => "object",
            tree::Value::List(_) => "array",
            tree::Value::Scalar { .. } => "string",
        };
        let fits =
            |one: &&Value| one["type"] == kind || one["type"].as_array().is_some_and(|of| of.contains(&kind.into()));
        return shape(at, node, alternatives.iter().find(fits).unwrap_or_else(|| panic!("{at}: no alternative")));
    }
    match &node.value {
        tree::Value::Map(entries) => {
            assert_eq!(schema["type"], "object", "{at}");
            let has = |key: &str| entries.iter().any(|(written, _)| written.text == key);
            for key in schema["required"].as_array().into_iter().flatten() {
                assert!(has(key.as_str().unwrap()), "{at}: {key} is missing");
            }
            if let Some(one_of) = schema["oneOf"].as_array() {
                let fitting = one_of.iter().filter(|one| has(one["required"][0].as_str().unwrap())).count();
                assert_eq!(fitting, 1, "{at}: alternatives");
            }
            for (key, value) in entries {
                let place = format!("{at}.{}", key.text);
                let property = &schema["properties"][&key.text];
                let inner = if property.is_null() { &schema["additionalProperties"] } else { property };
                assert!(inner.is_object(), "{place} is unknown");
                shape(&place, value, inner);
            }
        }
        tree::Value::List(items) => {
            assert_eq!(schema["type"], "array", "{at}");
            assert!(items.len() as u64 >= schema["minItems"].as_u64().unwrap_or(0), "{at} is empty");
            items.iter().for_each(|item| shape(&format!("{at}[]"), item, &schema["items"]));
        }
        tree::Value::Scalar { text, .. } => {
            let value = match node.meaning().unwrap() {
                tree::Meaning::Bool(value) => Value::from(value),
                tree::Meaning::Number(number) => serde_json::from_str(number).unwrap(),
                _ => Value::from(text.as_str()),
            };
            let kind = match value {
                Value::Bool(_) => "boolean",
                Value::Number(_) if schema["type"] == "integer" => "integer",
                Value::Number(_) => "number",
                _ => "string",
            };
            if let Some(words) = schema["enum"].as_array() {
                assert!(words.contains(&value), "{at}: {value} is not in {words:?}");
            } else if !schema["const"].is_null() {
                assert_eq!(schema["const"], value, "{at}");
            } else {
                let kinds = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
                assert!(kinds.contains(&Value::from(kind)), "{at}: {value} is not {kinds:?}");
            }
        }
    }
}

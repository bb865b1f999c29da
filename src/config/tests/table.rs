//! The table of keys, the readers and the reference agree about defaults.

use serde_json::{Map, Value, json};

use super::read;
use crate::config::{
    Settings,
    keys::{
        self,
        row::{KeySection, Preset, ValueShape},
    },
    reference,
};

/// `written` with all omitted defaults added, and their number.
fn spelled_out(section: &KeySection, written: &Value, count: &mut usize) -> Value {
    let mut out = written.as_object().cloned().unwrap_or_default();
    for key in &section.keys {
        let value = match (out.get(key.name), &key.shape, &key.preset) {
            (Some(value), shape, _) => inside(shape, value, count),
            (None, _, Preset::Value(value)) => {
                *count += 1;
                value.clone()
            }
            (None, ValueShape::Section(inner), _) if inner.has_defaults() => {
                spelled_out(inner, &Value::Object(Map::new()), count)
            }
            (None, ..) => continue,
        };
        out.insert(key.name.to_owned(), value);
    }
    Value::Object(out)
}

fn inside(shape: &ValueShape, value: &Value, count: &mut usize) -> Value {
    match (shape, value) {
        (ValueShape::Section(section), _) => spelled_out(section, value, count),
        (ValueShape::ByName(section) | ValueShape::ByPath(section), Value::Object(entries)) => {
            entries.iter().map(|(name, value)| (name.clone(), spelled_out(section, value, count))).collect()
        }
        (ValueShape::List(list), Value::Array(items)) => {
            items.iter().map(|item| inside(&list.of, item, count)).collect()
        }
        _ => value.clone(),
    }
}

#[test]
fn a_default_of_the_table_is_what_the_readers_use() {
    let server = json!({"path": "/mcp", "upstream": {"url": "http://127.0.0.1:8000/mcp"}});
    let with = |key: &str, value: Value| {
        let mut server = server.clone();
        server[key] = value;
        server
    };
    let file = |authorization_server: Value, server: Value| {
        json!({
            "public_url": "https://mcp.example.com",
            "listen": [{"address": "127.0.0.1:8080"}],
            "authorization_servers": {"one": authorization_server},
            "servers": {"one": server},
        })
    };
    let external = json!({"issuer": "https://login.example.com"});
    let oidc = json!({"issuer": "https://login.example.com", "client_id": "a", "client_secret": "env:SESSION_KEY"});
    let embedded = json!({"embedded": {"path": "/oauth", "login": {"oidc": oidc}, "grants": [{"scopes": ["*"]}]}});
    let settings = |file: &Value| -> Settings {
        read(&file.to_string()).unwrap_or_else(|problems| panic!("{problems}\n{file:#}")).settings
    };
    let mut counts = Vec::new();
    for (authorization_server, server, beside) in [
        (&external, with("access", json!("authenticated")), None),
        (&external, with("rules", json!([{"tools": ["*"]}])), None),
        // Keys of an external issuer cannot be written beside `embedded`.
        (&embedded, with("access", json!("authenticated")), Some("embedded")),
    ] {
        let short = file(authorization_server.clone(), server);
        let mut count = 0;
        let mut long = spelled_out(&keys::file(), &short, &mut count);
        if let Some(only) = beside {
            let one = &mut long["authorization_servers"]["one"];
            *one = json!({only: one[only].take()});
        }
        assert_eq!(settings(&short), settings(&long), "{long:#}");
        counts.push(count);
    }
    assert!(counts.iter().all(|count| *count >= 25), "{counts:?}");
}

#[test]
fn a_default_is_among_the_words_of_its_key() {
    fn walk(section: &KeySection) {
        for key in &section.keys {
            if let (ValueShape::Words(words), Preset::Value(value)) = (&key.shape, &key.preset) {
                assert!(words.contains(&value.as_str().unwrap()), "{}: {value}", key.name);
            }
            assert!(key.about.ends_with('.'), "{}: {}", key.name, key.about);
            each_inside(&key.shape, walk);
        }
    }
    walk(&keys::file());
}

fn each_inside(shape: &ValueShape, walk: fn(&KeySection)) {
    match shape {
        ValueShape::Section(section) | ValueShape::ByName(section) | ValueShape::ByPath(section) => walk(section),
        ValueShape::List(list) => each_inside(&list.of, walk),
        ValueShape::OffOr(other) | ValueShape::WordsOr(_, other) => each_inside(other, walk),
        _ => {}
    }
}

#[test]
fn every_link_of_the_reference_leads_to_a_heading() {
    let page = reference::page();
    let headings: Vec<String> = page.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    let links: Vec<&str> = page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() >= 20, "{links:?}");
    for link in links {
        assert_eq!(headings.iter().filter(|heading| *heading == link).count(), 1, "{link}");
    }
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || "_- ".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

//! Writes the reference of the configuration file, `docs/configuration.md`, from the table of keys.

use serde_json::Value;

use crate::config::{
    keys::{
        self,
        row::{KeyRow, KeySection, ListShape, Preset, ValueShape},
    },
    units::{duration_text, size_text},
    yaml::Out,
};

/// The text above the tables.
const INTRODUCTION: &str = "\
<!-- Generated from the table in src/config/keys.rs. Do not edit.
     To write it again: UPDATE_DOCS=1 cargo test --locked --test docs configuration -->

# Configuration

For operators who write `gateway.yaml`: every key of it, in the order of the file.

- `portcullis check --config gateway.yaml` reports every mistake, each with its line and column.
- `portcullis explain --config gateway.yaml` prints the file with every default written out.
- `portcullis schema` prints a JSON Schema for editors.

The smallest useful file:

```yaml
public_url: https://mcp.example.com
listen:
  - address: 127.0.0.1:8080
authorization_servers:
  corporate:
    issuer: https://login.example.com
servers:
  weather:
    path: /weather/mcp
    upstream: {url: \"http://127.0.0.1:8000/mcp\"}
    access: authenticated
```

## How values are written

- **Keys**: an unknown key and a key that is written twice are errors.
- **Durations**: a whole number and a unit, such as `250ms`, `30s`, `5m`, `24h` or `30d`.
- **Sizes**: a whole number and a unit, such as `512B`, `64KiB`, `4MiB` or `1GiB`.
- **Secrets**: a reference, never the secret itself. `env:NAME` is a variable of the environment; `file:PATH` is a \
file, without the line break at its end.
- **Paths of files**: a relative path is relative to the folder of the configuration file.
- **Names**: `<name>` in a heading stands for a name that you choose, of at most 64 letters, digits, dots, dashes and \
underscores. `[]` stands for each element of a list.
";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut out = INTRODUCTION.to_owned();
    section("", &keys::file(), &mut out);
    out
}

/// The table of one map, followed by the tables of the maps inside it.
fn section(path: &str, of: &KeySection, out: &mut String) {
    let heading = if path.is_empty() { "Top level".to_owned() } else { format!("`{path}`") };
    out.push_str(&format!("\n## {heading}\n\n{}", of.about));
    if !of.one_of.is_empty() {
        out.push_str(&format!(" Exactly one of {} must be written.", words(of.one_of, "and")));
    }
    out.push_str("\n\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
    for key in &of.keys {
        let (name, about) = (key.name, key.about);
        out.push_str(&format!("| `{name}` | {} | {} | {about} |\n", value(path, key), default(of, key)));
    }
    for key in &of.keys {
        if let Some((path, inner)) = inner(&join(path, key.name), &key.shape) {
            section(&path, inner, out);
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The map inside a value that has a table of its own, and its path.
fn inner<'s>(path: &str, shape: &'s ValueShape) -> Option<(String, &'s KeySection)> {
    match shape {
        ValueShape::Section(section) => Some((path.to_owned(), section)),
        ValueShape::ByName(section) => Some((format!("{path}.<name>"), section)),
        ValueShape::ByPath(section) => Some((format!("{path}.<path>"), section)),
        ValueShape::List(list) => inner(&format!("{path}[]"), &list.of),
        ValueShape::OffOr(other) | ValueShape::WordsOr(_, other) => inner(path, other),
        _ => None,
    }
}

/// The cell that describes a key's value.
fn value(path: &str, key: &KeyRow) -> String {
    let shape = shape(&key.shape);
    match inner(&join(path, key.name), &key.shape) {
        Some((path, _)) => format!("{shape}: [`{path}`](#{})", anchor(&path)),
        None => shape,
    }
}

fn shape(of: &ValueShape) -> String {
    match of {
        ValueShape::Text(text) => text.what.to_owned(),
        ValueShape::Words(all) => words(all, "or"),
        ValueShape::Only(value) => code(&line(&Out::of(value))),
        ValueShape::Flag => words(&["true", "false"], "or"),
        ValueShape::Integer(least, most) => format!("a number from {least} to {most}"),
        ValueShape::Size(least, most) => format!("a size from {} to {}", size_text(*least), size_text(*most)),
        ValueShape::Duration(least, most) => {
            format!("a duration from {} to {}", duration_text(*least), duration_text(*most))
        }
        ValueShape::OffOr(other) => format!("`off`, or {}", shape(other)),
        ValueShape::WordsOr(all, other) => format!("{}, or {}", words(all, "or"), shape(other)),
        ValueShape::List(list) => listed(list),
        ValueShape::Map { what, .. } => format!("a map of {what}"),
        ValueShape::ByName(_) => "a map by name".to_owned(),
        ValueShape::ByPath(_) => "a map by path".to_owned(),
        ValueShape::Section(_) => "a map".to_owned(),
        ValueShape::ClaimValues => "text, a number, `true` or `false`, `{glob: …}`, or a list of them".to_owned(),
    }
}

fn listed(list: &ListShape) -> String {
    let (what, filled) = (list.what, if list.may_be_empty { "" } else { "non-empty " });
    match &*list.of {
        ValueShape::Words(all) => format!("a {filled}list of {what}: {}", words(all, "and")),
        _ => format!("a {filled}list of {what}"),
    }
}

/// The cell with a key's default.
fn default(of: &KeySection, key: &KeyRow) -> String {
    match (&key.preset, &key.shape) {
        (Preset::Value(Value::String(text)), _) => code(text),
        (Preset::Value(value), _) => code(&line(&Out::of(value))),
        (Preset::Depends(words), _) => words.clone(),
        (Preset::Nothing, _) if key.required => "required".to_owned(),
        (Preset::Nothing, _) if of.one_of.contains(&key.name) => "–".to_owned(),
        (Preset::Nothing, ValueShape::Section(inner)) if inner.has_defaults() => "that of each key".to_owned(),
        (Preset::Nothing, _) => "none".to_owned(),
    }
}

fn line(value: &Out) -> String {
    let mut out = String::new();
    value.line(&mut out);
    out
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// `a`, `b` and `c`, each as code.
fn words(all: &[&str], last: &str) -> String {
    let all: Vec<String> = all.iter().map(|word| code(word)).collect();
    match all.split_last() {
        Some((one, [])) => one.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}

/// The anchor that GitHub gives the heading of a path.
fn anchor(path: &str) -> String {
    path.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect()
}

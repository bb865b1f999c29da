//! Reads names of claims, and conditions on claims: exact values, and `{glob: …}`.

use serde_json::{Number, Value};

use crate::{
    config::{
        place::{Place, Written},
        problem::quoted,
        reader::{Entry, Field},
        reading::Reading,
        tree::Meaning,
        value,
    },
    decide::{
        json::pointer,
        policy::{claims::ClaimValue, glob::Glob},
    },
};

/// A claim's name, or a pointer into a claim, in its shortest spelling.
pub(super) fn claim_name(reading: &Reading<'_>, place: &Place, text: &str) -> Option<Box<str>> {
    if let Err(expected) = pointer::check(text) {
        reading.problem(place, &quoted(text), expected);
        return None;
    }
    if let Some(meant) = pointer::meant_by_dots(text) {
        let expected =
            format!("{meant}, if this is a path into a claim: a name with dots is the whole name of one claim");
        reading.warning(place, &quoted(text), &expected);
    }
    Some(pointer::canonical(text).into())
}

/// Names of claims.
pub(super) fn claim_names(field: &Field<'_>, expected: &str) -> Vec<Written<Box<str>>> {
    let written = value::texts(field, expected).into_iter();
    let names = written.filter_map(|Written { value, place }| {
        claim_name(field.reading, &place, &value).map(|value| Written { value, place })
    });
    names.collect()
}

/// Claims, each with its accepted values.
pub(super) fn claim_conditions(field: &Field<'_>) -> Option<Vec<(Box<str>, Vec<ClaimValue>)>> {
    let entries = field.entries("claims")?;
    if entries.is_empty() {
        field.reading.problem(&field.place, "an empty map", "at least one claim");
    }
    let mut conditions: Vec<(Box<str>, Vec<ClaimValue>)> = Vec::new();
    let mut places: Vec<&Place> = Vec::new();
    for entry in &entries {
        let values = accepted(&entry.value);
        let Some(name) = claim_name(field.reading, &entry.at, entry.name) else { continue };
        if let Some(((_, _), first)) = conditions.iter().zip(&places).find(|((known, _), _)| *known == name) {
            let found = format!("{} for the claim {name} a second time", quoted(entry.name));
            field.reading.problem_see(&entry.at, &found, "each claim once", first);
            continue;
        }
        conditions.push((name, values));
        places.push(&entry.at);
    }
    Some(conditions)
}

fn accepted(field: &Field<'_>) -> Vec<ClaimValue> {
    const VALUES: &str = "values of a claim: text, numbers, true or false, or {glob: …}";
    if !field.is_list() {
        return accepted_value(field).into_iter().collect();
    }
    field.full_list(VALUES).unwrap_or_default().iter().filter_map(accepted_value).collect()
}

/// One value or pattern.
fn accepted_value(field: &Field<'_>) -> Option<ClaimValue> {
    const EXPECTED: &str = "a value of a claim: text, a number, true or false, or {glob: …}";
    if field.is_map() {
        return glob(field);
    }
    let value = exact(field, EXPECTED)?;
    if let Some(text) = value.as_str().filter(|text| text.contains('*')) {
        let expected = format!("{{glob: {value}}}, if `*` stands for any text: a text is compared as it is");
        field.reading.warning(&field.place, &quoted(text), &expected);
    }
    Some(ClaimValue::Is(value))
}

/// One value, its type kept: the claim `"5"` is not the claim `5`.
pub(super) fn claim_value(field: &Field<'_>) -> Option<Value> {
    exact(field, "a value of a claim: text, a number, true or false")
}

fn exact(field: &Field<'_>, expected: &str) -> Option<Value> {
    match field.meaning() {
        Some(Meaning::Text(text)) => Some(Value::from(text)),
        Some(Meaning::Bool(value)) => Some(Value::from(value)),
        // JSON's own spelling alone: `0x10`, `010` and `+1` are numbers in YAML and not in a token.
        Some(Meaning::Number(text)) => match serde_json::from_str::<Number>(text) {
            Ok(number) => Some(Value::Number(number)),
            Err(_) => field.wrong("a number as JSON writes it, or text (quote it)"),
        },
        Some(Meaning::Nothing) | None => field.wrong(expected),
    }
}

/// `{glob: …}`.
fn glob(field: &Field<'_>) -> Option<ClaimValue> {
    const EXPECTED: &str = "{glob: \"*@example.com\"}, a value, or a list of them";
    let entries = field.entries(EXPECTED)?;
    let [Entry { name: "glob", value, .. }] = &entries[..] else { return field.wrong_kind(EXPECTED) };
    let text = value.text("a pattern: text, with * for any text and ? for any character")?;
    let glob = Glob::new(text);
    if glob.is_literal() {
        value.warn("a pattern with * or ?: without them it is compared as it is");
    }
    Some(ClaimValue::Like(glob))
}

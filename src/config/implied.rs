//! Reads `scope_implies`: which scopes stand for others.

use crate::{
    base::names::Scope,
    config::{
        place::Place,
        problem::quoted,
        reader::{Entry, Field},
        reading::WrittenFinding,
        regular,
    },
    decide::policy::glob::Glob,
};

/// `scope_implies`.
pub(super) fn implied(field: &Field<'_>) -> Vec<(Scope, Vec<Glob>)> {
    let entries = field.entries("lists of scopes, by the scope that stands for them").unwrap_or_default();
    let pair = |entry: &Entry<'_>| {
        if !Scope::is_valid(entry.name) {
            let expected = "one scope: no spaces, quotes or backslashes";
            field.reading.problem(&entry.at, "a key that is not a scope", expected);
        }
        let items = entry.value.full_list("scopes or patterns of scopes").unwrap_or_default();
        let pattern = |item: &Field<'_>| {
            let text = item.text("a scope or a pattern of scopes")?;
            regular::look(item.reading, &item.place, text, false);
            Some(Glob::new(text))
        };
        (Scope::from(entry.name), items.iter().filter_map(pattern).collect())
    };
    let read: Vec<(Scope, Vec<Glob>)> = entries.iter().map(pair).collect();
    let places: Vec<&Place> = entries.iter().map(|entry| &entry.at).collect();
    stand_for_each_other(field, &read, &places);
    read
}

/// Two scopes that stand for each other are one scope: the narrower one permits all that the
/// broader one does.
fn stand_for_each_other(field: &Field<'_>, read: &[(Scope, Vec<Glob>)], places: &[&Place]) {
    let leads = |from: usize, to: usize| {
        let Some((to, _)) = read.get(to) else { return false };
        read.get(from).is_some_and(|(_, narrower)| narrower.iter().any(|pattern| pattern.matches(to)))
    };
    for (index, place) in places.iter().enumerate() {
        let Some(other) = (0..index).find(|other| leads(index, *other) && leads(*other, index)) else { continue };
        let (Some((scope, _)), Some((first, _)), Some(see)) = (read.get(index), read.get(other), places.get(other))
        else {
            continue;
        };
        let found = format!("{}, which stands for {} and the other way round", quoted(scope), quoted(first));
        let expected = "one of them as the broader scope: a token with either has both";
        field.reading.warn(WrittenFinding::new(place, &found, expected).see(see));
    }
}

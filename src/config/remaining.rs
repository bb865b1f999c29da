//! Which API keys stay in force while the configuration as a whole is refused.
//!
//! A key that was taken out must stop working, whatever else is wrong (attack 316). So the keys in
//! force are compared with their file as far as it can be read; nothing is added or widened.

use std::{collections::HashSet, path::Path};

use crate::{
    base::limits::operating::CONFIG_BYTES_MAX,
    config::{api_keys, environment::process_environment, reader::Field, reading::Reading, secret, tree},
    decide::token::api_key::{ApiKeyEntry, hex_of},
};

/// The keys in force that the file at `path` still has. A file that cannot be read has none.
#[must_use]
pub fn remaining(in_force: &[ApiKeyEntry], path: &Path) -> Vec<ApiKeyEntry> {
    match secret::bounded(path, CONFIG_BYTES_MAX) {
        Ok(bytes) => remaining_in(in_force, &String::from_utf8_lossy(&bytes)),
        Err(_) => Vec::new(),
    }
}

/// The keys in force that are also in `wanted`, each with what both give it.
#[must_use]
pub fn common(in_force: &[ApiKeyEntry], wanted: &[ApiKeyEntry]) -> Vec<ApiKeyEntry> {
    let is_same = |key: &ApiKeyEntry, other: &ApiKeyEntry| key.sha256 == other.sha256 && key.name == other.name;
    let narrowed = |key: &ApiKeyEntry| {
        let mut same = wanted.iter().filter(|other| is_same(key, other)).peekable();
        same.peek()?;
        let common = same.fold(key.clone(), narrow);
        (!common.servers.is_empty()).then_some(common)
    };
    in_force.iter().filter_map(narrowed).collect()
}

/// The keys in force that the text of a file still has. Where it is not YAML with a list of keys,
/// those stay whose digest stands in it outside comments.
#[must_use]
pub fn remaining_in(in_force: &[ApiKeyEntry], text: &str) -> Vec<ApiKeyEntry> {
    if let Some(written) = entries(text) {
        return common(in_force, &written);
    }
    let digests: HashSet<String> = (text.lines().map(without_comment))
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()))
        .map(str::to_ascii_lowercase)
        .collect();
    in_force.iter().filter(|key| digests.contains(&hex_of(&key.sha256))).cloned().collect()
}

/// The entries that can be read; `None` if there is no list of them.
fn entries(text: &str) -> Option<Vec<ApiKeyEntry>> {
    let reading = Reading::new("", Path::new("/"), &process_environment);
    let root = tree::parse(text, &reading)?;
    let mut list = None;
    let _ = Field::root(&reading, &root).section("keys file", |fields| {
        list = fields.get("keys")?.list("API keys");
        Some(())
    });
    let read = |item: &Field<'_>| item.section("keys file[]", |fields| api_keys::entry(fields, None));
    Some(list?.iter().filter_map(read).map(|(entry, _)| entry).collect())
}

/// `key` with what `other` gives it, too.
fn narrow(mut key: ApiKeyEntry, other: &ApiKeyEntry) -> ApiKeyEntry {
    key.servers.retain(|server| other.servers.contains(server));
    key.scopes.retain(|scope| other.scopes.contains(scope));
    key.claims.retain(|name, value| other.claims.get(name) == Some(value));
    key.not_after = key.not_after.into_iter().chain(other.not_after).min();
    key
}

/// A line up to its comment (YAML 1.2.2 §6.6).
fn without_comment(line: &str) -> &str {
    let begins = |at: usize| line.get(..at).is_none_or(|before| before.is_empty() || before.ends_with([' ', '\t']));
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| begins(*at));
    comment.and_then(|at| line.get(..at)).unwrap_or(line)
}

#[cfg(test)]
mod tests;

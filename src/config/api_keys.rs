//! Reads `keys` and the file of API keys that it names.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{
    base::{
        date,
        digest::SHA256_BYTES,
        limits::tokens::API_KEYS_MAX,
        names::{Scope, ServerName},
    },
    config::{
        claims::claim_value,
        named_file,
        place::{Place, Written},
        problem::{nearest, quoted},
        reader::{Field, Fields},
        server::WrittenServer,
        value,
    },
    decide::token::api_key::{self, ApiKeyEntry, RESERVED_CLAIMS},
};

/// `keys` as written.
#[derive(Default)]
pub(super) struct WrittenApiKeys {
    /// The file.
    pub(super) file: Option<PathBuf>,
    /// What it holds; `None` if it has a mistake.
    pub(super) entries: Option<Vec<ApiKeyEntry>>,
}

/// `keys`. Problems of the file are reported with the line in that file.
pub(super) fn api_keys(field: &Field<'_>, servers: &[WrittenServer]) -> WrittenApiKeys {
    let mut written = WrittenApiKeys::default();
    let file = field.section("keys", |fields| {
        let file = fields.need("file", "the path of a file with API keys")?;
        let path = value::path(&file, "the path of a file with API keys")?;
        Some((file, path))
    });
    if let Some((file, path)) = file {
        field.reading.entries.borrow_mut().api_keys = Some(path.clone());
        written.entries = entries(&file, &path, servers);
        written.file = Some(path);
    }
    written
}

fn entries(field: &Field<'_>, path: &Path, servers: &[WrittenServer]) -> Option<Vec<ApiKeyEntry>> {
    named_file::read(field, path, "keys file", |fields| {
        fields
            .need("keys", "a list of API keys, each with `name`, `sha256` and `servers`")
            .map(|field| list(&field, servers))
    })
}

/// The list may be empty: the last key must be removable.
fn list(field: &Field<'_>, servers: &[WrittenServer]) -> Vec<ApiKeyEntry> {
    let items = field.list("API keys").unwrap_or_default();
    if items.len() > API_KEYS_MAX {
        field.reading.problem(&field.place, &format!("{} keys", items.len()), &format!("at most {API_KEYS_MAX} keys"));
    }
    let mut names: HashMap<Box<str>, Place> = HashMap::new();
    let mut digests = HashMap::new();
    let mut entries = Vec::new();
    for item in items.iter().take(API_KEYS_MAX) {
        let Some((entry, name)) = item.section("keys file[]", |fields| entry(fields, Some(servers))) else { continue };
        if let Some(first) = names.get(&entry.name) {
            let found = format!("{} a second time", quoted(&name.value));
            field.reading.problem_see(&name.place, &found, "each name once", first);
        } else if let Some(other) = digests.insert(entry.sha256, name.clone()) {
            let Written { value, place }: &Written<Box<str>> = &other;
            let found = format!("the same key as {}", quoted(value));
            field.reading.problem_see(&name.place, &found, "each key once: one key has one name", place);
        }
        names.entry(entry.name.clone()).or_insert(name.place);
        entries.push(entry);
    }
    entries
}

/// Asks for all keys before the first `?`, so that every mistake is reported.
///
/// `servers`: those that it may name; without them, it may name any.
pub(super) fn entry(
    fields: &mut Fields<'_>,
    servers: Option<&[WrittenServer]>,
) -> Option<(ApiKeyEntry, Written<Box<str>>)> {
    let name = fields.need("name", "a name that says who uses the key").and_then(|field| name(&field));
    let sha256 = fields.need("sha256", SHA256).and_then(|field| sha256(&field));
    let opened = fields.need("servers", "the servers that take the key: names under `servers`");
    let opened = opened.and_then(|field| opened_servers(&field, servers));
    let scopes = fields.get("scopes").map(|field| scopes(&field, opened.as_deref(), servers.unwrap_or_default()));
    let scopes = scopes.unwrap_or_default();
    let claims = fields.get("claims").map(|field| claims(&field)).unwrap_or_default();
    let not_after = fields.get("not_after").map(|field| {
        const EXPECTED: &str =
            "the last day of the key such as 2027-01-31, or its end such as 2027-01-31T12:00:00Z (UTC)";
        date::end_of(field.text(EXPECTED)?).or_else(|| field.wrong(EXPECTED))
    });
    let not_after = match not_after {
        Some(end) => Some(end?),
        None => None,
    };
    let name = name?;
    let servers = opened?.into_iter().map(|name| ServerName::from(&*name)).collect();
    Some((ApiKeyEntry { name: name.value.clone(), sha256: sha256?, scopes, claims, servers, not_after }, name))
}

fn name(field: &Field<'_>) -> Option<Written<Box<str>>> {
    const EXPECTED: &str = "a name of at most 64 letters, digits, dots, dashes and underscores";
    const BYTES_MAX: usize = 64;
    let text = field.text(EXPECTED)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    match text.len() <= BYTES_MAX && text.bytes().all(plain) {
        true => Some(Written { value: text.into(), place: field.place.clone() }),
        false => field.wrong(EXPECTED),
    }
}

const SHA256: &str = "the 64 hexadecimal digits that `portcullis key new` prints";

/// A wrong value is never shown: it may be the key itself.
fn sha256(field: &Field<'_>) -> Option<[u8; SHA256_BYTES]> {
    let text = field.scalar_text().unwrap_or_default();
    if api_key::has_prefix(text) {
        let found = "an API key itself (not shown)";
        let expected = format!("{SHA256}: its SHA-256; make a new key, because this one was written down");
        field.reading.problem(&field.place, found, &expected);
        return None;
    }
    let mut digest = [0; SHA256_BYTES];
    let is_hex = text.len() == 2 * SHA256_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    for (byte, pair) in digest.iter_mut().zip(pairs) {
        *byte = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or_default();
    }
    if is_hex {
        return Some(digest);
    }
    field.reading.problem(&field.place, "a value that is not a SHA-256 (not shown)", SHA256);
    None
}

/// At least one: a key opens what is written, and nothing else (P3).
fn opened_servers(field: &Field<'_>, servers: Option<&[WrittenServer]>) -> Option<Vec<Box<str>>> {
    const EXPECTED: &str = "a name under `servers` of the configuration";
    field.full_list("names of servers")?;
    let items = field.distinct("names of servers")?;
    let known = |item: &Field<'_>| -> Option<Box<str>> {
        let text = item.text(EXPECTED)?;
        match servers {
            Some(servers) if !servers.iter().any(|server| *server.name == *text) => {
                item.wrong_word(EXPECTED, servers.iter().map(|server| &*server.name))
            }
            _ => Some(text.into()),
        }
    };
    items.iter().map(known).collect()
}

/// Scopes, with a warning for one that no rule of these servers asks for: probably a typo.
fn scopes(field: &Field<'_>, opened: Option<&[Box<str>]>, servers: &[WrittenServer]) -> Vec<Scope> {
    let written = value::scopes(field);
    let opened = opened.unwrap_or_default();
    let settings: Option<Vec<_>> =
        servers.iter().filter(|server| opened.contains(&server.name)).map(|server| server.settings.as_ref()).collect();
    // What a server with a mistake asks for is not known.
    if let Some(settings) = settings.filter(|settings| !settings.is_empty()) {
        let known: Vec<&Scope> = settings
            .iter()
            .flat_map(|server| {
                let implying = server.policy.implies.iter().map(|(scope, _)| scope);
                server.known_scopes.iter().chain(&server.scopes_supported).chain(implying)
            })
            .collect();
        for scope in written.iter().filter(|scope| !known.contains(&&scope.value)) {
            let mut expected = "a scope that a rule of its servers names: this one opens nothing there".to_owned();
            if let Some(near) = nearest(&scope.value, known.iter().map(|scope| scope.as_str())) {
                expected.push_str(&format!("; did you mean {near:?}?"));
            }
            field.reading.warning(&scope.place, &quoted(&scope.value), &expected);
        }
    }
    written.into_iter().map(|scope| scope.value).collect()
}

fn claims(field: &Field<'_>) -> Map<String, Value> {
    let mut claims = Map::new();
    for entry in field.entries("claims").unwrap_or_default() {
        if RESERVED_CLAIMS.contains(&entry.name) {
            let expected =
                "claims of your own: the gateway sets `iss` and `sub`, and the others have no meaning for a key";
            field.reading.problem(&entry.at, &format!("the claim {}", quoted(entry.name)), expected);
        }
        let value = match entry.value.is_list() {
            true => {
                let items = entry.value.list("values of a claim").unwrap_or_default();
                items.iter().map(claim_value).collect::<Option<Vec<_>>>().map(Value::Array)
            }
            false => claim_value(&entry.value),
        };
        claims.extend(value.map(|value| (entry.name.to_owned(), value)));
    }
    claims
}

//! Reads the secret that a reference (`env:NAME`, `file:PATH`) stands for.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use zeroize::Zeroizing;

use crate::{
    base::{limits::operating::SECRET_FILE_BYTES_MAX, secret::Secret},
    config::reader::Field,
};

/// A secret and its reference.
pub(super) struct Referred {
    pub(super) secret: Secret,
    /// `env:NAME`, or `file:` and an absolute path.
    pub(super) reference: Box<str>,
}

const EXPECTED: &str = "a reference to a secret: env:NAME or file:PATH";

/// Reads the secret that `field` refers to. A wrong value is not shown: it may be the secret
/// itself.
pub(super) fn secret(field: &Field<'_>) -> Option<Referred> {
    let reference = field.scalar_text();
    if let Some(name) = reference.and_then(|text| text.strip_prefix("env:")).filter(|name| is_variable(name)) {
        return from_environment(field, name);
    }
    if let Some(path) = reference.and_then(|text| text.strip_prefix("file:")).filter(|path| !path.is_empty()) {
        return from_file(field, path);
    }
    let (found, expected) = misspelt(field);
    field.reading.problem(&field.place, found, expected);
    None
}

/// What a value is that is not a reference, and what to write. The value is never shown.
fn misspelt(field: &Field<'_>) -> (&'static str, &'static str) {
    let Some(text) = field.scalar_text() else {
        return match field.only_key() {
            Some("env") => ("`env: ` with a space, which makes a map", "env:NAME without a space, in quotes"),
            Some("file") => ("`file: ` with a space, which makes a map", "file:PATH without a space, in quotes"),
            _ => ("a list or a map", EXPECTED),
        };
    };
    let lower = text.to_ascii_lowercase();
    if text.starts_with("env:") {
        return (
            "a reference to a variable that can have no such name (not shown)",
            "env:NAME, with letters, digits and _",
        );
    }
    if let Some("env:" | "file:") = lower.split_inclusive(':').next() {
        return ("a reference in capitals (not shown)", "env:NAME or file:PATH, with env and file in lower case");
    }
    if ["env.", "env=", "env ", "environment:", "secret:", "$"].iter().any(|start| lower.starts_with(start)) {
        return ("a reference that is spelt in another way (not shown)", EXPECTED);
    }
    if text.starts_with(['/', '.']) {
        return ("a path without `file:` before it, or a secret (not shown)", EXPECTED);
    }
    (
        "a value that is not a reference (not shown)",
        "a reference to a secret, which does not belong into this file: env:NAME or file:PATH",
    )
}

/// Shortest secret that attackers may guess at and that is stored as a digest: 256 random bits as
/// text.
const LONG_BYTES_MIN: usize = 32;

/// Like [`secret`], for a secret that must be too long to guess.
pub(super) fn long_secret(field: &Field<'_>) -> Option<Referred> {
    let referred = secret(field)?;
    let length = referred.secret.expose().len();
    if length < LONG_BYTES_MIN {
        let found = format!("{}, which has {length} bytes", referred.reference);
        field.reading.problem(&field.place, &found, "at least 32 random bytes");
        return None;
    }
    Some(referred)
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn from_environment(field: &Field<'_>, name: &str) -> Option<Referred> {
    let fault = match (field.reading.lookup)(name).map(OsString::into_string) {
        Some(Ok(value)) if !value.is_empty() => {
            if value.ends_with(['\n', '\r']) {
                let found = format!("env:{name}, which ends with a line break");
                let expected =
                    "the secret alone, or file:PATH, where a line break at the end is not part of the secret";
                field.reading.warning(&field.place, &found, expected);
            }
            return Some(Referred { secret: Secret::new(value.into_bytes()), reference: format!("env:{name}").into() });
        }
        Some(Ok(_)) => "empty",
        Some(Err(_)) => "not UTF-8",
        None => "not set",
    };
    let reference = match may_be_key(name) {
        true => "a reference to a variable with a name like a key (not shown)".to_owned(),
        false => format!("env:{name}"),
    };
    field.reading.problem(&field.place, &format!("{reference}, which is {fault}"), "a variable that holds the secret");
    None
}

/// Whether the name of a variable looks like a key, as when a shell replaced `env:$KEY` (P10).
#[must_use]
pub fn may_be_key(name: &str) -> bool {
    let has = |is: fn(&char) -> bool| name.chars().filter(is).count();
    let (digits, lower, upper) =
        (has(char::is_ascii_digit), has(char::is_ascii_lowercase), has(char::is_ascii_uppercase));
    name.len() >= 24 && digits >= 4 && (!name.contains('_') || lower > 0 && upper > 0)
}

fn from_file(field: &Field<'_>, path: &str) -> Option<Referred> {
    let whole = field.reading.base.join(path);
    field.reading.depends_on(&whole);
    let mut bytes = match bounded(&whole, SECRET_FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(cause) => return unreadable(field, "file:", path, &cause),
    };
    // Editors and `echo` end a file with a line break, which is not part of the secret.
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        field.reading.problem(&field.place, &format!("file:{path}, which is empty"), "a file that holds the secret");
        return None;
    }
    let reference = format!("file:{}", whole.display()).into();
    Some(Referred { secret: Secret::new(std::mem::take(&mut *bytes)), reference })
}

/// Records that a file cannot be read.
pub(super) fn unreadable<T>(field: &Field<'_>, prefix: &str, path: &str, cause: &io::Error) -> Option<T> {
    let place = &field.place;
    if let Some(expected) = too_large(cause) {
        field.reading.problem(place, &format!("{prefix}{path}, which is larger"), &expected);
        return None;
    }
    let expected = match path.starts_with("~/") || path.contains("/~/") {
        true => "a file that can be read: `~` does not stand for the home folder here",
        false => "a file that can be read",
    };
    field.reading.problem(place, &format!("{prefix}{path}, which cannot be read ({cause})"), expected);
    None
}

/// What is expected instead of a file that is too large.
pub(super) fn too_large(cause: &io::Error) -> Option<String> {
    (cause.kind() == io::ErrorKind::FileTooLarge).then(|| format!("a file of {cause}"))
}

/// The whole of a regular file of at most `most` bytes. Reading a pipe or a device could block.
pub(super) fn bounded(path: &Path, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let kind = fs::metadata(path)?.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() { "it is a folder" } else { "not a regular file: it could not be read again" };
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("at most {} KiB", most / 1024)));
    }
    Ok(bytes)
}

//! Reads `documents`: the operator's own pages, each with its path, bytes and media type.

use std::path::Path;

use bytes::Bytes;
use http::HeaderValue;
use serde_json::Value;

use crate::{
    base::{limits::operating::DOCUMENT_BYTES_MAX, media},
    config::{
        DocumentSettings,
        place::Place,
        problem::quoted,
        reader::{Entry, Field, Fields},
        secret, value,
    },
};

/// A document as written. The paths of other sections are compared with it.
pub(super) struct WrittenDocument {
    /// Where its path is written.
    pub(super) place: Place,
    pub(super) settings: Option<DocumentSettings>,
}

/// `documents`.
pub(super) fn documents(field: &Field<'_>) -> Vec<WrittenDocument> {
    let entries = field.entries("documents by path").unwrap_or_default();
    entries.iter().map(document).collect()
}

fn document(entry: &Entry<'_>) -> WrittenDocument {
    let path = path(entry);
    let settings = entry.value.section("documents.*", |fields| settings(fields, path.unwrap_or_default()));
    WrittenDocument { place: entry.at.clone(), settings: settings.filter(|_| path.is_some()) }
}

/// A path. Requests are compared with it byte by byte, so it has one spelling only.
fn path<'r>(entry: &Entry<'r>) -> Option<&'r str> {
    let text = entry.name;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,=:@".contains(&byte);
    let expected = if !text.starts_with('/') {
        "a path that begins with /"
    } else if !text.bytes().all(is_plain) {
        "a path of plain characters: no %, ;, \\, ?, #, spaces or characters outside ASCII"
    } else if text.contains("//") || text.split('/').any(|segment| matches!(segment, "." | "..")) {
        "a path without empty segments, . and .."
    } else if text != "/" && text.ends_with('/') {
        "a path without a slash at its end"
    } else {
        return Some(text);
    };
    entry.value.reading.problem(&entry.at, &quoted(text), expected);
    None
}

fn settings(fields: &mut Fields<'_>, path: &str) -> Option<DocumentSettings> {
    let content_type = fields.get("type").map(|field| written_type(&field));
    let (bytes, file) = fields.exactly_one(&["text", "file"], |kind, field| match kind {
        "text" => field.scalar_text().map(|text| (Bytes::from(text.to_owned()), None)).or_else(|| field.wrong("text")),
        _ => {
            let file = value::path(&field, "the path of a file")?;
            field.reading.depends_on(&file);
            let bytes = match secret::bounded(&file, DOCUMENT_BYTES_MAX) {
                Ok(mut bytes) => Bytes::from(std::mem::take(&mut *bytes)),
                Err(cause) => return secret::unreadable(&field, "", &file.display().to_string(), &cause),
            };
            Some((bytes, Some(file)))
        }
    })?;
    let content_type = match content_type {
        Some(written) => written?,
        None => guessed_type(file.as_deref().unwrap_or_else(|| Path::new(path)), &bytes),
    };
    Some(DocumentSettings { path: path.into(), content_type, bytes, file })
}

fn written_type(field: &Field<'_>) -> Option<HeaderValue> {
    const EXPECTED: &str = "a media type such as text/plain or application/json; charset=utf-8";
    let text = field.text(EXPECTED)?;
    let is_type = media::essence(text.as_bytes()).split(|byte| *byte == b'/').count() == 2
        && text.bytes().all(|byte| matches!(byte, 0x20..=0x7E) && byte != b',');
    match HeaderValue::try_from(text) {
        Ok(value) if is_type && !text.starts_with('/') => Some(value),
        _ => field.wrong(EXPECTED),
    }
}

/// The type by the extension of the name. A name without a known extension holds JSON, text, or
/// bytes.
fn guessed_type(name: &Path, bytes: &[u8]) -> HeaderValue {
    let extension = name.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    let known = extension.and_then(|extension| media::of_extension(&extension));
    HeaderValue::from_static(known.unwrap_or_else(|| match std::str::from_utf8(bytes) {
        Ok(text) if matches!(serde_json::from_str(text), Ok(Value::Object(_) | Value::Array(_))) => media::JSON,
        Ok(_) => media::PLAIN_TEXT,
        Err(_) => "application/octet-stream",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_b4_a_document_has_a_type_also_if_none_is_written() {
        for (name, bytes, expected) in [
            ("/.well-known/openai-apps-challenge", &b"abc123"[..], "text/plain; charset=utf-8"),
            ("/.well-known/apple-app-site-association", b"{\"applinks\":{}}", "application/json"),
            ("/.well-known/assetlinks.json", b"[]", "application/json"),
            ("/list", b" [1]\n", "application/json"),
            ("/version", b"17", "text/plain; charset=utf-8"),
            ("/icon.PNG", b"\x89PNG", "image/png"),
            ("/icon.svg", b"<svg/>", "image/svg+xml"),
            ("/privacy.html", b"<p>", "text/html; charset=utf-8"),
            ("/blob", b"\xFF\xFE", "application/octet-stream"),
            ("/", b"", "text/plain; charset=utf-8"),
            ("/a.unknown", b"x", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(guessed_type(Path::new(name), bytes), expected, "{name}");
        }
    }
}

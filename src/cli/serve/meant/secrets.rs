//! Which flag holds a secret or may hold one, so that no message and no file repeats its value.

use std::path::Path;

use crate::{base::names::split_port, config::secret::may_be_key};

/// Flags with a URL.
const URLS: [&str; 4] = ["public_url", "upstream", "issuer", "allowed_origin"];
/// Flags with the name of a file.
const FILES: [&str; 5] = ["accounts", "store", "tls_cert", "tls_key", "acme_cache"];

/// Those of them that a start makes.
const MADE: [&str; 2] = ["store", "acme_cache"];
/// Keys have at least so many characters.
const KEY_CHARS_MIN: usize = 32;

/// What is wrong with the value of the flag `name`, without the value (P10).
pub(super) fn wrong(name: &str, text: &str) -> Option<&'static str> {
    match name {
        "session_key" => (!is_reference(text))
            .then_some("found a text that is not a reference (not shown); expected env:NAME or file:PATH"),
        "upstream" if has_login(text) => Some(
            "found a URL with a user name or a password (not shown); expected one without: `upstream: {credential: …}` of a \
             file logs in at the MCP server",
        ),
        name if URLS.contains(&name) && has_login(text) => {
            Some("found a URL with a user name or a password (not shown); expected one without")
        }
        name if FILES.contains(&name) && (is_contents(text) || !MADE.contains(&name) && is_like_key(text)) => {
            Some("found a text that is not the name of a file (not shown); expected the name of a file")
        }
        _ => None,
    }
}

/// Whether a URL has a user name or a password. A password that is not escaped may itself look
/// like the end of the host, and a slash after the scheme may be lost or doubled: then any `@`
/// counts.
pub fn has_login(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let is_host = split_port(authority).is_ok_and(|(host, _)| !host.is_empty());
    authority.contains('@') || after.contains('@') && !is_host
}

fn is_reference(text: &str) -> bool {
    // A shell may have replaced `env:$KEY` by the key.
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !may_be_key(name);
    match text.strip_prefix("file:") {
        Some(path) => !is_like_key(path),
        None => text.strip_prefix("env:").is_some_and(is_name),
    }
}

/// Whether a text is what the file should hold, or the URL of a store. `LS0tLS1` is how a PEM in
/// base64 begins.
fn is_contents(text: &str) -> bool {
    const MARKS: [&str; 6] = ["://", "-----BEGIN", "$argon2", "LS0tLS1", "accounts:", "password:"];
    text.contains(['\n', '\r']) || MARKS.iter().any(|mark| text.contains(mark))
}

/// Whether a text is a key in place of the name of its file: it is long, of the characters of hex
/// or base64, and no file has that name.
fn is_like_key(text: &str) -> bool {
    let is_of_key = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
    text.len() >= KEY_CHARS_MIN
        && !text.starts_with('/')
        && text.bytes().all(is_of_key)
        && text.bytes().filter(u8::is_ascii_digit).count() >= 4
        && !Path::new(text).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_353_a_secret_in_place_of_a_url_a_file_or_a_reference_is_recognised() {
        for (name, text, is_wrong) in [
            ("session_key", "env:SEAL", false),
            ("session_key", "file:a b", false),
            ("session_key", "hunter2", true),
            ("session_key", "env:hunter2+/=", true),
            ("session_key", "env:hunter2hunter2hunter2hunter2hunter2", true),
            ("upstream", "http://127.0.0.1:8000/@owner/mcp?to=a@b", false),
            ("upstream", "http://u:hunter2@127.0.0.1/mcp", true),
            ("upstream", "u:hunter2@127.0.0.1/mcp", true),
            ("upstream", "http:\\\\u:hunter2@127.0.0.1", true),
            ("upstream", "http://u:hunt/er2@127.0.0.1:8000/mcp", true),
            ("upstream", "http://u:hunt#er2@127.0.0.1:8000/mcp", true),
            ("upstream", "http://u:hunt?er2@127.0.0.1:8000/mcp", true),
            ("upstream", "http:/u:hunter2@127.0.0.1/mcp", true),
            ("upstream", "http:///u:hunter2@127.0.0.1/mcp", true),
            ("upstream", "http://[::1]:8000/@owner/mcp", false),
            ("issuer", "https://hunter2@a.example", true),
            ("public_url", "https://u:hunter2@a.example", true),
            ("public_url", "https://mcp.example.com/@a", false),
            ("allowed_origin", "https://u@a.example", true),
            ("audience", "api://a@b", false),
            ("session_key", "file:OOvJ+LCNhunter2hunter2hunter2hunter2xyz12=", true),
            ("accounts", "accounts.yaml", false),
            ("accounts", "accounts: [{name: ada, password: hunter2}]", true),
            ("tls_key", "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0hunter2", true),
            ("accounts", "accounts: [{name: ada, password: \"$argon2id$v=19$hunter2\"}]", true),
            ("store", "rediss://:hunter2@redis.example", true),
            ("tls_key", "-----BEGIN PRIVATE KEY----- hunter2", true),
            ("tls_key", "/run/secrets/tls.key", false),
            ("tls_key", "fullchain-mcp.example.com-0001-of-2026.pem", false),
            ("tls_key", "0123456789abcdef0123456789abcdefhunter2", true),
            ("store", "logins-production-20260101-replica-0001", false),
            ("acme_cache", "acme-mcp-example-com-2026-11-30-new", false),
            ("session_key", "file:/run/secrets/portcullis-session-key-20260101", false),
            ("session_key", "file:portcullis-session-key-2026", false),
        ] {
            let told = wrong(name, text);
            assert_eq!(told.is_some(), is_wrong, "{name} {text}: {told:?}");
            assert!(!told.unwrap_or_default().contains("hunter2"));
        }
    }
}

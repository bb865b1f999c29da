//! Which flag holds a secret or may hold one, so that no message and no file repeats its value.

use crate::config::secret::may_be_key;

/// Flags with a URL.
const URLS: [&str; 4] = ["public_url", "upstream", "issuer", "allowed_origin"];
/// Flags with the name of a file.
const FILES: [&str; 5] = ["accounts", "store", "tls_cert", "tls_key", "acme_cache"];

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
        name if FILES.contains(&name) && is_contents(text) => {
            Some("found a text that is not the name of a file (not shown); expected the name of a file")
        }
        _ => None,
    }
}

/// Whether a URL has a user name or a password.
pub fn has_login(url: &str) -> bool {
    let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

fn is_reference(text: &str) -> bool {
    // A shell may have replaced `env:$KEY` by the key.
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !may_be_key(name);
    text.starts_with("file:") || text.strip_prefix("env:").is_some_and(is_name)
}

/// Whether a text is what the file should hold, or the URL of a store.
fn is_contents(text: &str) -> bool {
    text.contains(['\n', '\r']) || ["://", "-----BEGIN", "$argon2"].iter().any(|mark| text.contains(mark))
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
            ("issuer", "https://hunter2@a.example", true),
            ("public_url", "https://u:hunter2@a.example", true),
            ("public_url", "https://mcp.example.com/@a", false),
            ("allowed_origin", "https://u@a.example", true),
            ("audience", "api://a@b", false),
            ("accounts", "accounts.yaml", false),
            ("accounts", "accounts: [{name: ada, password: \"$argon2id$v=19$hunter2\"}]", true),
            ("store", "rediss://:hunter2@redis.example", true),
            ("tls_key", "-----BEGIN PRIVATE KEY----- hunter2", true),
            ("tls_key", "/run/secrets/tls.key", false),
        ] {
            let told = wrong(name, text);
            assert_eq!(told.is_some(), is_wrong, "{name} {text}: {told:?}");
            assert!(!told.unwrap_or_default().contains("hunter2"));
        }
    }
}

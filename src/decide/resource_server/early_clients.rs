//! What clients of MCP 2025-03-26 can read of an authorization server's metadata.

use serde_json::{Map, Value};
use url::Url;

use crate::decide::mcp::version::{ASSUMED, VERSIONS};

/// The header in which a client names its version, and by which these answers differ.
pub const VERSION_HEADER: &str = "mcp-protocol-version";

/// Whether a client that sends this `MCP-Protocol-Version` is of 2025-03-26 or earlier. Later
/// clients, and those that do not say, get everything.
#[must_use]
pub fn is_early(version: Option<&[u8]>) -> bool {
    let early = VERSIONS.iter().map(|version| version.name).filter(|name| *name <= ASSUMED);
    version.is_some_and(|version| early.map(str::as_bytes).any(|name| name == version))
}

/// The document without the members that such a client cannot read; `None` if it can read all.
///
/// The reader of Python's SDK 1.9 refuses the whole document for one member of a type that it does
/// not expect. Then it guesses that clients are registered at `/register` of the MCP server.
#[must_use]
pub fn readable(document: &[u8]) -> Option<Vec<u8>> {
    let mut all: Map<String, Value> = serde_json::from_slice(document).ok()?;
    let before = all.len();
    leave_out(&mut all);
    if all.len() == before { None } else { serde_json::to_vec(&all).ok() }
}

/// Removes the members that such a client cannot read. `issuer`, endpoints and
/// `code_challenge_methods_supported` always stay: they decide where the client goes, and how.
pub fn leave_out(all: &mut Map<String, Value>) {
    all.retain(|name, value| can_be_read(name, value));
}

fn can_be_read(name: &str, value: &Value) -> bool {
    match name {
        // RFC 8414 §2 defines lists. The reader knows the names, and takes no value at all.
        "token_endpoint_auth_signing_alg_values_supported"
        | "revocation_endpoint_auth_signing_alg_values_supported"
        | "introspection_endpoint_auth_signing_alg_values_supported" => false,
        "response_modes_supported" => is_list_of(value, |mode| matches!(mode, "query" | "fragment")),
        "scopes_supported"
        | "response_types_supported"
        | "grant_types_supported"
        | "token_endpoint_auth_methods_supported"
        | "revocation_endpoint_auth_methods_supported"
        | "introspection_endpoint_auth_methods_supported"
        | "ui_locales_supported" => is_list_of(value, |_| true),
        "service_documentation" | "op_policy_uri" | "op_tos_uri" => value.as_str().is_some_and(is_web_url),
        _ => true,
    }
}

fn is_list_of(value: &Value, is_one: fn(&str) -> bool) -> bool {
    value.as_array().is_some_and(|list| list.iter().all(|one| one.as_str().is_some_and(is_one)))
}

fn is_web_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_a13_only_a_version_of_then_is_early() {
        for (version, expected) in [
            (Some("2025-03-26"), true),
            (Some("2024-11-05"), true),
            (Some("2025-06-18"), false),
            (Some("2026-07-28"), false),
            (Some("2025-03-27"), false),
            (Some("2020-01-01"), false),
            (Some(""), false),
            (Some("2025-03-26, 2025-06-18"), false),
            (None, false),
        ] {
            assert_eq!(is_early(version.map(str::as_bytes)), expected, "{version:?}");
        }
    }

    #[test]
    fn people_a13_what_they_cannot_read_is_left_out_and_nothing_that_decides() {
        let document = json!({
            "issuer": "https://auth.example", "authorization_endpoint": "https://auth.example/a", "token_endpoint": "https://auth.example/t",
            "registration_endpoint": "https://auth.example/r", "revocation_endpoint": null, "introspection_endpoint": "https://auth.example/i",
            "code_challenge_methods_supported": null, "jwks_uri": "https://auth.example/k",
            "token_endpoint_auth_signing_alg_values_supported": ["RS256"], "revocation_endpoint_auth_signing_alg_values_supported": null,
            "introspection_endpoint_auth_signing_alg_values_supported": ["ES256"], "response_modes_supported": ["query", "form_post"],
            "scopes_supported": ["a"], "response_types_supported": null, "grant_types_supported": "code", "ui_locales_supported": ["de", 5],
            "token_endpoint_auth_methods_supported": ["none"], "service_documentation": "docs/index.html", "op_policy_uri": "mailto:a@b.example",
            "op_tos_uri": "https://auth.example/tos", "client_id_metadata_document_supported": true, "subject_types_supported": ["public"], "x": [null, {"y": 1}],
        });
        let kept: Value = serde_json::from_slice(&readable(document.to_string().as_bytes()).unwrap()).unwrap();
        assert_eq!(
            kept,
            json!({
                "issuer": "https://auth.example", "authorization_endpoint": "https://auth.example/a", "token_endpoint": "https://auth.example/t",
                "registration_endpoint": "https://auth.example/r", "revocation_endpoint": null, "introspection_endpoint": "https://auth.example/i",
                "code_challenge_methods_supported": null, "jwks_uri": "https://auth.example/k",
                "scopes_supported": ["a"], "token_endpoint_auth_methods_supported": ["none"], "op_tos_uri": "https://auth.example/tos",
                "client_id_metadata_document_supported": true, "subject_types_supported": ["public"], "x": [null, {"y": 1}],
            })
        );
        assert_eq!(readable(kept.to_string().as_bytes()), None, "nothing to leave out");
        assert_eq!(readable(b"no JSON"), None);
    }
}

//! What clients of MCP 2025-03-26 can read of an authorization server's metadata.

use serde_json::{Map, Value};
use url::Url;

use crate::decide::mcp::version::{ASSUMED, VERSIONS};

/// The header in which a client names its version, and by which these answers differ.
pub const VERSION_HEADER: &str = "mcp-protocol-version";

const S256: &str = "S256";

/// Whether a client that sends this `MCP-Protocol-Version` is of 2025-03-26 or earlier. Later
/// clients, and those that do not say, get everything.
#[must_use]
pub fn is_early(version: Option<&[u8]>) -> bool {
    let early = VERSIONS.iter().map(|version| version.name).filter(|name| *name <= ASSUMED);
    version.is_some_and(|version| early.map(str::as_bytes).any(|name| name == version))
}

/// The document without the members that such a client cannot read; `None` if it can read all.
///
/// The reader of Python's SDK 1.8 and 1.9 refuses the whole document for one member of a type that
/// it does not expect. Then it guesses that clients are registered at `/register` of the MCP
/// server.
#[must_use]
pub fn readable(document: &[u8]) -> Option<Vec<u8>> {
    let mut all: Map<String, Value> = serde_json::from_slice(document).ok()?;
    if leave_out(&mut all) { serde_json::to_vec(&all).ok() } else { None }
}

/// Removes the members that such a client cannot read; returns whether there were any. `issuer`,
/// endpoints and `code_challenge_methods_supported` always stay: they decide where the client goes,
/// and how. Of the challenge methods only S256 stays, if it is there: the reader knows no other,
/// and MCP requires it.
pub fn leave_out(all: &mut Map<String, Value>) -> bool {
    let before = all.len();
    all.retain(|name, value| can_be_read(name, value));
    let are_fewer = all.len() != before;
    match all.get_mut("code_challenge_methods_supported").and_then(Value::as_array_mut) {
        Some(methods) if methods.len() > 1 && methods.iter().any(|method| method == S256) => {
            methods.retain(|method| method == S256);
            methods.dedup();
            true
        }
        _ => are_fewer,
    }
}

fn can_be_read(name: &str, value: &Value) -> bool {
    match name {
        // RFC 8414 §2 defines lists. The reader knows the names, and takes no value at all.
        "token_endpoint_auth_signing_alg_values_supported"
        | "revocation_endpoint_auth_signing_alg_values_supported"
        | "introspection_endpoint_auth_signing_alg_values_supported" => false,
        "response_modes_supported" => is_list_of(value, |mode| matches!(mode, "query" | "fragment")),
        // Up to 1.9.2 the reader takes no value but these, and every IdP has others.
        "response_types_supported" => is_list_of(value, |kind| kind == "code"),
        "grant_types_supported" => is_list_of(value, |kind| matches!(kind, "authorization_code" | "refresh_token")),
        "token_endpoint_auth_methods_supported" => {
            is_list_of(value, |method| matches!(method, "none" | "client_secret_post"))
        }
        "revocation_endpoint_auth_methods_supported" | "introspection_endpoint_auth_methods_supported" => {
            is_list_of(value, |method| method == "client_secret_post")
        }
        "scopes_supported" | "ui_locales_supported" => is_list_of(value, |_| true),
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
        // Up to Python's SDK 1.9.2, lists with any other value than these cannot be read.
        for (name, stays, goes) in [
            ("response_types_supported", json!(["code"]), json!(["code", "code id_token"])),
            (
                "grant_types_supported",
                json!(["authorization_code", "refresh_token"]),
                json!(["authorization_code", "client_credentials"]),
            ),
            (
                "token_endpoint_auth_methods_supported",
                json!(["client_secret_post", "none"]),
                json!(["none", "client_secret_basic"]),
            ),
            ("revocation_endpoint_auth_methods_supported", json!(["client_secret_post"]), json!(["none"])),
            (
                "introspection_endpoint_auth_methods_supported",
                json!(["client_secret_post"]),
                json!(["client_secret_basic"]),
            ),
        ] {
            assert_eq!(readable(json!({ name: stays }).to_string().as_bytes()), None, "{name}");
            assert_eq!(readable(json!({ name: goes }).to_string().as_bytes()).unwrap(), b"{}", "{name}");
        }
        for (found, expected) in [
            (json!(["plain", "S256"]), json!(["S256"])),
            (json!(["S256", "S256"]), json!(["S256"])),
            (json!(["S256"]), json!(["S256"])),
            (json!(["plain"]), json!(["plain"])),
            (json!("S256"), json!("S256")),
        ] {
            let mut all = Map::from_iter([("code_challenge_methods_supported".to_owned(), found)]);
            leave_out(&mut all);
            assert_eq!(all.get("code_challenge_methods_supported"), Some(&expected));
        }
        assert_eq!(readable(b"no JSON"), None);
    }
}

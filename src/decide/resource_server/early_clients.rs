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

/// The document without the members and values that such a client cannot read; `None` if it can
/// read all.
///
/// Python's SDK up to 1.9.2 refuses the whole document for one member or value that it does not
/// know. Then it guesses that clients are registered at `/register` of the MCP server. The
/// TypeScript SDK up to 1.12 refuses a document without `response_types_supported`.
#[must_use]
pub fn readable(document: &[u8]) -> Option<Vec<u8>> {
    let mut all: Map<String, Value> = serde_json::from_slice(document).ok()?;
    if leave_out(&mut all) { serde_json::to_vec(&all).ok() } else { None }
}

/// Removes the members and values that such a client cannot read; returns whether there were any.
/// A list keeps the values that the client knows; if it knows none, the list is left out. `issuer`,
/// endpoints and the lists of [`ALWAYS`] stay in any case: without them a client cannot go on.
pub fn leave_out(all: &mut Map<String, Value>) -> bool {
    let before = all.len();
    let mut is_shorter = false;
    all.retain(|name, value| match known_values(name) {
        Some(is_known) => match shorten(value, is_known) {
            Shortened::Whole => true,
            Shortened::Part => {
                is_shorter = true;
                true
            }
            Shortened::Unreadable => ALWAYS.contains(&name.as_str()),
        },
        None => can_be_read(name, value),
    });
    is_shorter || all.len() != before
}

/// Lists without which a client stops. RFC 8414 §2 requires the first, MCP the second.
const ALWAYS: [&str; 2] = ["response_types_supported", "code_challenge_methods_supported"];

/// Which values of the list `name` such a client knows; `None` if the member is not such a list.
fn known_values(name: &str) -> Option<fn(&str) -> bool> {
    Some(match name {
        "response_types_supported" => |kind| kind == "code",
        "code_challenge_methods_supported" => |method| method == "S256",
        "response_modes_supported" => |mode| matches!(mode, "query" | "fragment"),
        "grant_types_supported" => |kind| matches!(kind, "authorization_code" | "refresh_token"),
        "token_endpoint_auth_methods_supported" => |method| matches!(method, "none" | "client_secret_post"),
        "revocation_endpoint_auth_methods_supported" | "introspection_endpoint_auth_methods_supported" => {
            |method| method == "client_secret_post"
        }
        "scopes_supported" | "ui_locales_supported" => |_| true,
        _ => return None,
    })
}

/// What is left of a list.
enum Shortened {
    Whole,
    Part,
    /// It is not a list, or no value is known; it is unchanged.
    Unreadable,
}

fn shorten(value: &mut Value, is_known: fn(&str) -> bool) -> Shortened {
    let Some(list) = value.as_array_mut() else { return Shortened::Unreadable };
    let is_known = |one: &Value| one.as_str().is_some_and(is_known);
    match list.iter().filter(|one| is_known(one)).count() {
        count if count == list.len() => Shortened::Whole,
        0 => Shortened::Unreadable,
        _ => {
            list.retain(is_known);
            Shortened::Part
        }
    }
}

fn can_be_read(name: &str, value: &Value) -> bool {
    match name {
        // RFC 8414 §2 defines lists. Python's reader knows the names, and takes no value at all.
        "token_endpoint_auth_signing_alg_values_supported"
        | "revocation_endpoint_auth_signing_alg_values_supported"
        | "introspection_endpoint_auth_signing_alg_values_supported" => false,
        "service_documentation" | "op_policy_uri" | "op_tos_uri" => value.as_str().is_some_and(is_web_url),
        _ => true,
    }
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
            "scopes_supported": ["a"], "response_types_supported": ["code", "token", 5], "grant_types_supported": "code", "ui_locales_supported": ["de", 5],
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
                "scopes_supported": ["a"], "response_types_supported": ["code"], "response_modes_supported": ["query"], "ui_locales_supported": ["de"],
                "token_endpoint_auth_methods_supported": ["none"], "op_tos_uri": "https://auth.example/tos",
                "client_id_metadata_document_supported": true, "subject_types_supported": ["public"], "x": [null, {"y": 1}],
            })
        );
        assert_eq!(readable(kept.to_string().as_bytes()), None, "nothing to leave out");
    }

    #[test]
    fn people_a13_lists_keep_the_values_that_they_know() {
        let post = json!(["client_secret_post"]);
        for (name, found, expected) in [
            ("response_types_supported", json!(["id_token", "code", "code id_token"]), Some(json!(["code"]))),
            ("response_types_supported", json!(["token"]), Some(json!(["token"]))),
            ("response_types_supported", json!(null), Some(json!(null))),
            ("response_types_supported", json!([]), Some(json!([]))),
            ("code_challenge_methods_supported", json!(["plain", "S256"]), Some(json!(["S256"]))),
            ("code_challenge_methods_supported", json!(["S256"]), Some(json!(["S256"]))),
            ("code_challenge_methods_supported", json!(["plain"]), Some(json!(["plain"]))),
            ("code_challenge_methods_supported", json!("S256"), Some(json!("S256"))),
            ("grant_types_supported", json!(["client_credentials", "refresh_token"]), Some(json!(["refresh_token"]))),
            ("grant_types_supported", json!(["client_credentials"]), None),
            ("token_endpoint_auth_methods_supported", json!(["client_secret_basic", "none"]), Some(json!(["none"]))),
            ("token_endpoint_auth_methods_supported", json!(["private_key_jwt"]), None),
            ("revocation_endpoint_auth_methods_supported", json!(["none", "client_secret_post"]), Some(post.clone())),
            ("introspection_endpoint_auth_methods_supported", json!(["client_secret_post"]), Some(post)),
            ("introspection_endpoint_auth_methods_supported", json!(["client_secret_basic"]), None),
            ("response_modes_supported", json!(["form_post"]), None),
            ("scopes_supported", json!(null), None),
            ("scopes_supported", json!([]), Some(json!([]))),
        ] {
            let mut all = Map::from_iter([(name.to_owned(), found.clone())]);
            let is_changed = leave_out(&mut all);
            assert_eq!(all.get(name), expected.as_ref(), "{name} {found}");
            assert_eq!(is_changed, expected.as_ref() != Some(&found), "{name} {found}");
            assert!(!leave_out(&mut all), "{name} {found}: nothing is left to remove");
        }
        assert_eq!(readable(b"no JSON"), None);
    }

    /// Both readers stop without one of these.
    const REQUIRED: [&str; 4] = ["issuer", "authorization_endpoint", "token_endpoint", "response_types_supported"];

    fn texts(value: &Value) -> Option<Vec<&str>> {
        value.as_array()?.iter().map(Value::as_str).collect()
    }

    /// `OAuthMetadataSchema` of the TypeScript SDK 1.9 to 1.12, and what its sign-in asks of it.
    fn typescript_reads(document: &Value) -> bool {
        let has = |name: &str, value| document.get(name).and_then(texts).is_some_and(|list| list.contains(&value));
        let is_text = |name: &str| document.get(name).is_none_or(Value::is_string);
        let is_list = |name: &str| document.get(name).is_none_or(|list| texts(list).is_some());
        REQUIRED.iter().all(|name| document.get(*name).is_some())
            && has("response_types_supported", "code")
            && has("code_challenge_methods_supported", "S256")
            && (document.get("grant_types_supported").is_none() || has("grant_types_supported", "authorization_code"))
            && ["issuer", "authorization_endpoint", "token_endpoint", "registration_endpoint", "service_documentation"]
                .into_iter()
                .all(is_text)
            && ["scopes_supported", "response_modes_supported", "token_endpoint_auth_methods_supported"]
                .into_iter()
                .all(is_list)
    }

    /// `OAuthMetadata` of Python's SDK 1.8 to 1.9.2.
    fn python_reads(document: &Value) -> bool {
        const LISTS: [(&str, &[&str]); 7] = [
            ("response_types_supported", &["code"]),
            ("response_modes_supported", &["query", "fragment"]),
            ("grant_types_supported", &["authorization_code", "refresh_token"]),
            ("token_endpoint_auth_methods_supported", &["none", "client_secret_post"]),
            ("revocation_endpoint_auth_methods_supported", &["client_secret_post"]),
            ("introspection_endpoint_auth_methods_supported", &["client_secret_post"]),
            ("code_challenge_methods_supported", &["S256"]),
        ];
        let absent = ["token", "revocation", "introspection"]
            .map(|endpoint| document.get(format!("{endpoint}_endpoint_auth_signing_alg_values_supported")).is_none());
        REQUIRED.iter().all(|name| document.get(*name).is_some())
            && absent == [true; 3]
            && LISTS.iter().all(|(name, known)| {
                let list = document.get(*name);
                list.is_none_or(|list| texts(list).is_some_and(|list| list.iter().all(|one| known.contains(one))))
            })
    }

    #[test]
    fn people_a13_the_readers_of_both_early_sdks_can_go_on() {
        let base = json!({"issuer": "https://a.example", "authorization_endpoint": "https://a.example/a", "token_endpoint": "https://a.example/t"});
        for more in [
            // As most identity providers publish it.
            json!({
                "response_types_supported": ["code", "none", "id_token", "token", "code id_token"],
                "response_modes_supported": ["query", "fragment", "form_post", "query.jwt"], "code_challenge_methods_supported": ["plain", "S256"],
                "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token", "password"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic", "client_secret_post", "none"],
                "revocation_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"],
                "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "token_endpoint_auth_signing_alg_values_supported": ["RS256"], "revocation_endpoint_auth_signing_alg_values_supported": ["RS256"],
                "introspection_endpoint_auth_signing_alg_values_supported": ["RS256"], "scopes_supported": ["openid"], "service_documentation": "docs",
            }),
            // None of the methods and modes is known.
            json!({
                "response_types_supported": ["code token", "code"], "response_modes_supported": ["form_post"],
                "code_challenge_methods_supported": ["S256", "S512"], "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            }),
            json!({"response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"]}),
        ] {
            let mut all = base.as_object().unwrap().clone();
            all.extend(more.as_object().unwrap().clone());
            leave_out(&mut all);
            let document = Value::Object(all);
            assert!(typescript_reads(&document) && python_reads(&document), "{document}");
        }
        // Whatever the values are, no required member is left out.
        for odd in [json!(null), json!([]), json!(["token"]), json!("code"), json!({}), json!([null, 5])] {
            let mut all: Map<String, Value> = REQUIRED.iter().map(|name| ((*name).to_owned(), odd.clone())).collect();
            leave_out(&mut all);
            assert!(REQUIRED.iter().all(|name| all.get(*name) == Some(&odd)), "{odd}: {all:?}");
        }
    }
}

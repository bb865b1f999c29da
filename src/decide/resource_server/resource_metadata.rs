//! Writes a server's protected resource metadata (RFC 9728 §2).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;
use serde_json::{Map, Value};

use crate::base::{
    digest::sha256,
    names::{Issuer, Resource, Scope},
};

/// The facts in the document.
pub struct ResourceMetadata<'a> {
    /// `resource`.
    pub resource: &'a Resource,
    /// `authorization_servers`, in order of preference.
    pub authorization_servers: &'a [Issuer],
    /// `scopes_supported`; left out when empty.
    pub scopes_supported: &'a [Scope],
    /// `resource_name`.
    pub name: &'a str,
}

impl ResourceMetadata<'_> {
    /// The document: the same bytes for the same facts.
    ///
    /// `offline_access` is between client and authorization server, so it is never listed (SPEC
    /// DPoP and mTLS are not mentioned, because the gateway does not check them.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let scopes = self.scopes_supported.iter().map(|scope| &**scope).filter(|scope| *scope != "offline_access");
        let members = [
            ("resource", Value::from(self.resource.as_str())),
            ("authorization_servers", self.authorization_servers.iter().map(|issuer| &**issuer).collect()),
            ("scopes_supported", scopes.collect()),
            ("bearer_methods_supported", Value::from(vec!["header"])),
            ("resource_name", Value::from(self.name)),
        ];
        // RFC 9728 §3.2: members without a value are left out, never `[]` or `null`.
        let is_empty = |value: &Value| value.as_str() == Some("") || value.as_array().is_some_and(Vec::is_empty);
        let present = members.into_iter().filter(|(_, value)| !is_empty(value));
        let document: Map<String, Value> = present.map(|(name, value)| (name.to_owned(), value)).collect();
        Value::Object(document).to_string().into_bytes()
    }
}

/// A strong entity tag for a document (RFC 9110 §8.8.3): half of its SHA-256.
#[must_use]
pub fn etag(document: &[u8]) -> HeaderValue {
    let half = sha256(document);
    let half = half.first_chunk::<16>().map(|half| URL_SAFE_NO_PAD.encode(half)).unwrap_or_default();
    HeaderValue::try_from(format!("\"{half}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// `scopes` in the order in which they are published: those of the first challenge come last.
///
/// mcp-remote asks for the scopes that it has, then for those of a 403. If that were the published
/// list as text, it would take the list for its own guess, and ask for the first scopes again.
#[must_use]
pub fn published_order(scopes: &[Scope], first: &[Scope]) -> Vec<Scope> {
    let (last, others): (Vec<Scope>, Vec<Scope>) = scopes.iter().cloned().partition(|scope| first.contains(scope));
    [others, last].concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ResourceMetadata, etag, published_order};
    use crate::base::names::{Issuer, Scope};

    fn document(scopes: &[&str], issuers: &[&str]) -> Vec<u8> {
        ResourceMetadata {
            resource: &"https://gw.example/a/mcp".into(),
            authorization_servers: &issuers.iter().map(|issuer| Issuer::from(*issuer)).collect::<Vec<_>>(),
            scopes_supported: &scopes.iter().map(|scope| Scope::from(*scope)).collect::<Vec<_>>(),
            name: "weather \"north\"",
        }
        .to_json()
    }

    #[test]
    fn a01_a12_the_document_says_what_is_configured() {
        let written = document(&["b", "a"], &["https://auth.example/", "https://login.example/tenant"]);
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&written).unwrap(),
            json!({
                "resource": "https://gw.example/a/mcp",
                // issuers as they are, slash and all; the preferred one first.
                "authorization_servers": ["https://auth.example/", "https://login.example/tenant"],
                "scopes_supported": ["b", "a"],
                "bearer_methods_supported": ["header"],
                "resource_name": "weather \"north\"",
            })
        );
        assert_eq!(written, document(&["b", "a"], &["https://auth.example/", "https://login.example/tenant"]));
    }

    #[test]
    fn a10_a11_what_has_no_value_is_left_out() {
        for scopes in [&[][..], &["offline_access"]] {
            let text = String::from_utf8(document(scopes, &["https://auth.example"])).unwrap();
            assert!(!text.contains("scopes_supported") && !text.contains("offline_access"), "{text}");
            assert!(!text.contains("[]") && !text.contains("null") && !text.contains("dpop"), "{text}");
        }
        let both = String::from_utf8(document(&["offline_access", "a"], &["https://auth.example"])).unwrap();
        assert!(both.contains("\"scopes_supported\":[\"a\"]"), "{both}");
    }

    #[test]
    fn people_a12_the_scopes_of_the_first_challenge_are_published_last() {
        let scopes = |words: &str| words.split_whitespace().map(Scope::from).collect::<Vec<_>>();
        for (all, first, published) in [
            ("mcp:connect mcp:tools:weather", "mcp:connect", "mcp:tools:weather mcp:connect"),
            ("a b c d", "a c", "b d a c"),
            ("b a", "a", "b a"),
            ("a b", "", "a b"),
            ("a b", "a b", "a b"),
            ("", "a", ""),
        ] {
            assert_eq!(published_order(&scopes(all), &scopes(first)), scopes(published), "{all}");
        }
    }

    #[test]
    fn a21_the_tag_is_of_the_bytes() {
        assert_eq!(etag(b"abc"), "\"ungWv48Bz-pBQUDeXa4iIw\"");
        assert_ne!(etag(b"abc"), etag(b"abd"));
    }
}

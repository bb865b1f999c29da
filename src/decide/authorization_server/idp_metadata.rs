//! What is wrong with the metadata of the company IdP: why no user could sign in there.

use jsonwebtoken::Algorithm;
use serde_json::Value;

use crate::{
    base::names::is_loopback_name,
    decide::{resource_server::issuer_metadata::ServerMetadata, token::jwk::asymmetric},
};

/// How many algorithms of a metadata document a message repeats.
const NAMED_MAX: usize = 12;

/// Whether a browser may be sent to this URL.
#[must_use]
pub fn is_web_address(url: &str, allow_http: bool) -> bool {
    let is_plain =
        url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'#'));
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let is_loopback = uri.host().is_some_and(is_loopback_name);
    is_plain
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_loopback || allow_http,
            _ => false,
        }
}

/// Why no user can sign in, if ID tokens may be signed with `allowed`. `allow_http`: whether
/// browsers may be sent to `http` addresses.
#[must_use]
pub fn trouble(metadata: &ServerMetadata, allowed: &[Algorithm], allow_http: bool) -> Option<String> {
    let endpoints =
        [("authorization_endpoint", &metadata.authorization_endpoint), ("token_endpoint", &metadata.token_endpoint)];
    if let Some((name, _)) = endpoints.iter().find(|(_, url)| url.as_deref().unwrap_or_default().is_empty()) {
        return Some(format!("its metadata has no {name}: look whether `issuer` is an OpenID Connect provider"));
    }
    if !is_web_address(metadata.authorization_endpoint.as_deref().unwrap_or_default(), allow_http) {
        return Some(
            "the authorization_endpoint of its metadata is not an https URL that a browser can open".to_owned(),
        );
    }
    let listed = metadata.id_token_signing_alg_values_supported.as_ref().and_then(Value::as_array)?;
    let named: Vec<&str> = listed.iter().filter_map(Value::as_str).collect();
    let fits = named.iter().any(|name| asymmetric(name).is_some_and(|algorithm| allowed.contains(&algorithm)));
    if named.is_empty() || fits {
        return None;
    }
    let plain = |name: &&str| name.len() <= 16 && name.bytes().all(|b| b.is_ascii_alphanumeric());
    let found: Vec<&str> = named.into_iter().filter(plain).take(NAMED_MAX).collect();
    let allowed: Vec<String> = allowed.iter().map(|algorithm| format!("{algorithm:?}")).collect();
    let (found, allowed) = (found.join(", "), allowed.join(", "));
    Some(format!("it signs ID tokens with {found}, and login.oidc.algorithms allows {allowed}: allow one that it has"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::resource_server::issuer_metadata::read;

    #[test]
    fn c9_metadata_that_lets_no_user_sign_in_is_told() {
        let good = json!({
            "issuer": "https://idp", "authorization_endpoint": "https://idp/a", "token_endpoint": "https://idp/t",
            "id_token_signing_alg_values_supported": ["HS256", "RS256"],
        });
        for (change, expected) in [
            (json!({}), None),
            (json!({"token_endpoint": null}), Some("has no token_endpoint")),
            (json!({"authorization_endpoint": ""}), Some("has no authorization_endpoint")),
            (json!({"authorization_endpoint": "http://idp/a"}), Some("is not an https URL that a browser can open")),
            (json!({"authorization_endpoint": "https://idp/a#b"}), Some("is not an https URL")),
            (json!({"authorization_endpoint": "/a"}), Some("is not an https URL")),
            (json!({"authorization_endpoint": "http://127.0.0.1/a"}), None),
            (json!({"id_token_signing_alg_values_supported": null}), None),
            (json!({"id_token_signing_alg_values_supported": "RS256"}), None),
            (json!({"id_token_signing_alg_values_supported": [1]}), None),
            (
                json!({"id_token_signing_alg_values_supported": ["HS256", "RS\n512", "ES512"]}),
                Some("with HS256, ES512, and"),
            ),
        ] {
            let mut document = good.as_object().unwrap().clone();
            document.extend(change.as_object().unwrap().clone());
            let metadata = read(json!(document).to_string().as_bytes(), "https://idp").unwrap();
            let said = trouble(&metadata, &[Algorithm::RS256], false);
            match expected {
                None => assert_eq!(said, None, "{change}"),
                Some(expected) => assert!(said.as_ref().unwrap().contains(expected), "{change}: {said:?}"),
            }
        }
    }
}

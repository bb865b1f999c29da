//! What a token says of itself, without verification: for people who look for a fault.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::base::limits::tokens::TOKEN_BYTES_MAX;

/// What a JWT says of itself. No decision may use it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldClaims {
    /// `typ` of the header.
    pub typ: Option<String>,
    /// The claims.
    pub claims: Map<String, Value>,
}

impl ToldClaims {
    /// Reads a token in the compact form of a signed JWT; `None` for any other token.
    #[must_use]
    pub fn read(token: &str) -> Option<Self> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let mut parts = token.split('.');
        let (header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let header = object(header)?;
        header.get("alg")?;
        let typ = header.get("typ").and_then(Value::as_str).map(str::to_owned);
        Some(Self { typ, claims: object(claims)? })
    }

    /// A claim that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// A claim that is a time, in seconds since 1970.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<f64> {
        self.claims.get(name).and_then(Value::as_f64)
    }

    /// The audiences: a text or a list of them.
    #[must_use]
    pub fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it has the claims of an ID token (OpenID Connect Core §2) and none of an access
    /// token.
    #[must_use]
    pub fn looks_like_id_token(&self) -> bool {
        let is_access = self
            .typ
            .as_deref()
            .is_some_and(|typ| typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt"));
        let has = |name: &str| self.claims.contains_key(name);
        let of_id_token = ["nonce", "at_hash", "c_hash", "auth_time"].iter().any(|name| has(name));
        !is_access && of_id_token && !["scope", "scp", "permissions"].iter().any(|name| has(name))
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(header), part(claims))
    }

    #[test]
    fn first_4_a_token_tells_its_claims_and_an_opaque_one_nothing() {
        let claims = json!({"iss": "https://a", "aud": ["x", "y", 1], "exp": 12.5, "nonce": "n"});
        let told = ToldClaims::read(&token(&json!({"alg": "RS256", "typ": "JWT"}), &claims)).unwrap();
        assert_eq!((told.text("iss"), told.time("exp"), told.text("aud")), (Some("https://a"), Some(12.5), None));
        assert_eq!((told.audiences(), told.looks_like_id_token()), (vec!["x", "y"], true));
        let access = token(&json!({"alg": "RS256"}), &json!({"aud": "x", "scope": "a", "auth_time": 1}));
        let access = ToldClaims::read(&access).unwrap();
        assert!(access.audiences() == ["x"] && !access.looks_like_id_token());
        let stated = token(&json!({"alg": "RS256", "typ": "at+jwt"}), &json!({"nonce": "n"}));
        assert!(!ToldClaims::read(&stated).unwrap().looks_like_id_token());
        for opaque in ["", "abc", "a.b.c", "a.b.c.d", "e30.e30.x", &token(&json!({"alg": "x"}), &json!([]))] {
            assert_eq!(ToldClaims::read(opaque), None, "{opaque}");
        }
    }
}

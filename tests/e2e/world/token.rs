//! Makes tokens, good ones and every kind of bad one; signs without the library that the product verifies with.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{
    key::{Alg, HOUSE, Keys},
    leak::Captured,
};

/// A token in the making.
#[derive(Clone)]
pub struct Mint {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    alg: Alg,
    keys: &'static Keys,
    captured: Arc<Captured>,
}

/// Seconds since 1970.
pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

impl Mint {
    /// A good token of `issuer` for `resource`.
    pub fn new(issuer: &str, resource: &str, captured: Arc<Captured>) -> Self {
        let claims = json!({
            "iss": issuer, "aud": resource, "sub": "alice", "client_id": "client-1", "iat": now() - 5,
            "exp": now() + 900, "jti": "id-1", "scope": "mcp:connect",
        });
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "es"});
        let (Value::Object(claims), Value::Object(header)) = (claims, header) else { unreachable!() };
        Self { header, claims, alg: Alg::Es256, keys: &HOUSE, captured }
    }

    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", json!(scope))
    }

    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.into(), value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    pub fn head(mut self, name: &str, value: Value) -> Self {
        self.header.insert(name.into(), value);
        self
    }

    pub fn headless(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Signs with this algorithm, and names it and its key in the header.
    pub fn alg(mut self, alg: Alg) -> Self {
        self.alg = alg;
        let kid = match alg {
            Alg::Rs256 | Alg::Rs512 | Alg::Ps256 => "rs",
            Alg::Es256 => "es",
            Alg::Es384 => "es384",
            Alg::EdDsa => "ed",
        };
        self.head("alg", json!(alg.name())).head("kid", json!(kid))
    }

    /// Signs with other keys.
    pub fn by(mut self, keys: &'static Keys) -> Self {
        self.keys = keys;
        self
    }

    /// The signed token.
    pub fn token(&self) -> String {
        let header = Value::Object(self.header.clone()).to_string();
        let claims = Value::Object(self.claims.clone()).to_string();
        self.token_of(&header, &claims)
    }

    /// A signed token with this very text as header and claims.
    pub fn token_of(&self, header: &str, claims: &str) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.keys.sign(self.alg, input.as_bytes()));
        self.secret(format!("{input}.{signature}"))
    }

    /// The token with another signature part.
    pub fn token_signed(&self, signature: &[u8]) -> String {
        self.secret(format!("{}.{}", self.input(), URL_SAFE_NO_PAD.encode(signature)))
    }

    /// What is signed.
    pub fn input(&self) -> String {
        let header = Value::Object(self.header.clone()).to_string();
        let claims = Value::Object(self.claims.clone()).to_string();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    /// Header and claims as JSON text.
    pub fn texts(&self) -> (String, String) {
        (Value::Object(self.header.clone()).to_string(), Value::Object(self.claims.clone()).to_string())
    }

    fn secret(&self, token: String) -> String {
        self.captured.token(&token);
        token
    }
}

//! Real keys and signed tokens for tests, made once in a process by the crypto library itself.

use std::{sync::LazyLock, time::Duration};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::{
    base::clock::Now,
    decide::{
        resource_server::vendor::GENERIC,
        token::{
            jwk::KeySet,
            rules::{AcceptedClients, SUBJECT, TokenRules},
        },
    },
};

/// The issuer of [`rules`].
pub(crate) const ISSUER: &str = "https://login.example/realms/main";
/// The resource that [`claims`] are for.
pub(crate) const RESOURCE: &str = "https://gw.example/mcp";
/// The time of [`now`].
pub(crate) const NOW_SECS: u64 = 1_800_000_000;

/// A key pair with the name under which it is published.
pub(crate) struct TestKey {
    pub(crate) kid: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair, &'static str, usize),
    Ed(Ed25519KeyPair),
}

pub(crate) static RSA: LazyLock<TestKey> =
    LazyLock::new(|| TestKey { kid: "rsa", pair: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) });
pub(crate) static P256: LazyLock<TestKey> = LazyLock::new(|| TestKey::p256("p256"));
/// Another issuer's key: the same type, but not in [`key_set`].
pub(crate) static FOREIGN_KEY: LazyLock<TestKey> = LazyLock::new(|| TestKey::p256("foreign"));
pub(crate) static P384: LazyLock<TestKey> = LazyLock::new(|| {
    let pair = EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    TestKey { kid: "p384", pair: Pair::Ec(pair, "P-384", 48) }
});
pub(crate) static ED25519: LazyLock<TestKey> =
    LazyLock::new(|| TestKey { kid: "ed", pair: Pair::Ed(Ed25519KeyPair::generate().unwrap()) });

impl TestKey {
    fn p256(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid, pair: Pair::Ec(pair, "P-256", 32) }
    }

    /// The public key with its `kid` and nothing optional.
    pub(crate) fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "kid": self.kid, "n": base64url(&public.n), "e": base64url(&public.e)})
            }
            Pair::Ec(pair, curve, length) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(*length);
                json!({"kty": "EC", "kid": self.kid, "crv": curve, "x": base64url(x), "y": base64url(y)})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "kid": self.kid, "crv": "Ed25519", "x": base64url(pair.public_key().as_ref())})
            }
        }
    }

    /// Signs with `algorithm`; if the key does not support it, with RS256 or the key's only
    /// algorithm.
    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match algorithm {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut octets = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut octets).unwrap();
                octets
            }
            Pair::Ec(pair, ..) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token of exactly this header and payload text.
    pub(crate) fn raw(&self, algorithm: &str, header: &[u8], payload: &[u8]) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(payload));
        let signature = base64url(&self.sign(algorithm, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// A token of `claims`, with `kid` and `typ: at+jwt`. The members of `header` are added or
    /// replaced; `null` removes a member.
    pub(crate) fn token(&self, algorithm: &str, header: &Value, claims: &Value) -> String {
        let base = json!({"alg": algorithm, "kid": self.kid, "typ": "at+jwt"});
        self.raw(algorithm, with(&base, header).to_string().as_bytes(), claims.to_string().as_bytes())
    }
}

/// `base` with the members of `changes` added or replaced; `null` removes a member.
pub(crate) fn with(base: &Value, changes: &Value) -> Value {
    let mut all = base.clone();
    let members = all.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    all
}

pub(crate) fn base64url(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// The public keys of this file, without [`FOREIGN_KEY`].
pub(crate) fn key_set() -> KeySet {
    read_keys(&[RSA.jwk(), P256.jwk(), P384.jwk(), ED25519.jwk()])
}

pub(crate) fn read_keys(keys: &[Value]) -> KeySet {
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

pub(crate) fn now() -> Now {
    at(NOW_SECS)
}

pub(crate) fn at(unix_secs: u64) -> Now {
    Now { wall: Duration::from_secs(unix_secs), mono: Duration::from_secs(1) }
}

/// Rules as the configuration's defaults make them, with every algorithm allowed.
pub(crate) fn rules() -> TokenRules {
    TokenRules {
        name: "corporate".into(),
        profile: GENERIC.name,
        issuers: vec![ISSUER.into()],
        algorithms: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
            .map(|name| name.parse::<Algorithm>().unwrap())
            .to_vec(),
        token_types: vec!["at+jwt".into()],
        clock_skew: Duration::from_secs(30),
        scope_claims: vec!["scope".into()],
        client_claims: GENERIC.client_claims,
        machine_marks: GENERIC.machine_marks,
        marks: GENERIC.marks,
        clients: AcceptedClients::Unset,
        required_claims: Vec::new(),
        subject_claims: vec![SUBJECT.into()],
        scope_prefixes: Vec::new(),
    }
}

/// Claims of a good access token (RFC 9068 §2.2).
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "ada", "aud": RESOURCE, "client_id": "client", "jti": "1",
        "iat": NOW_SECS - 10, "exp": NOW_SECS + 300, "scope": "mcp:read mcp:write",
    })
}

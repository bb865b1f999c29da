//! Verifies a JWT: its issuer, that issuer's keys, the signature, then the claims (P6).

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, crypto::aws_lc::DEFAULT_PROVIDER};
use serde_json::{Map, Value};

use crate::{
    base::{
        clock::Now,
        limits::tokens::{ID_TOKEN_BYTES_MAX, KID_BYTES_MAX, TOKEN_BYTES_MAX, TOKEN_JSON_DEPTH_MAX},
    },
    decide::{
        json::strict,
        refusal::{NotAccess, Refusal, TokenFault},
        token::{
            caller::{Caller, SignedHeader},
            judged::{check_origin, signed},
            jwk::{KeySet, asymmetric},
            rules::TokenRules,
        },
    },
};

/// A token in the form of a JWT. No part of it is verified.
pub struct UnverifiedJwt<'a> {
    /// The signed bytes: `header.payload`.
    signed: &'a str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    issuer: String,
    typ: Option<String>,
    key_id: Option<String>,
    claims: Arc<Map<String, Value>>,
}

/// The key that a newer key set could bring for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwaitedKey {
    /// One whose name is not known, or that has no name.
    Unknown,
    /// Another one under a known name, which did not sign the token.
    Replaced,
}

/// Header members that are refused. `crit` and `b64` change what the signature means, and no
/// extension is supported (RFC 7515 §4.1.11, RFC 7797); `jku`, `x5u`, `jwk` and `x5c` offer a key
/// of the sender (RFC 8725 §3.10); `zip` and `cty` mean that the payload is compressed or another
/// JWT. `x5t` is allowed and ignored: it only names a certificate, and Entra writes it beside
/// `kid`.
pub(super) const REFUSED_MEMBERS: [&str; 8] = ["crit", "b64", "jku", "x5u", "jwk", "x5c", "zip", "cty"];

impl<'a> UnverifiedJwt<'a> {
    /// Reads a token: size, three canonical parts, strict JSON, allowed header members, `iss` (SPEC
    /// B-07, B-33…B-39).
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn read(token: &'a str) -> Result<Self, Refusal> {
        Self::shape(token, TOKEN_BYTES_MAX).map_err(Refusal::Token)
    }

    /// Reads an ID token, which may be longer: it comes from the company IdP itself.
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn read_id_token(token: &'a str) -> Result<Self, TokenFault> {
        Self::shape(token, ID_TOKEN_BYTES_MAX)
    }

    fn shape(token: &'a str, bytes_max: usize) -> Result<Self, TokenFault> {
        if token.len() > bytes_max {
            return Err(TokenFault::Oversize);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        // A further dot would be in `payload`, where it is not base64url. So the five parts of a
        // JWE are refused, too.
        let (header, payload) = signed.split_once('.').ok_or(TokenFault::Malformed)?;

        let header = object(header)?;
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(asymmetric).ok_or(TokenFault::Algorithm)?;
        if REFUSED_MEMBERS.iter().any(|name| header.contains_key(*name)) {
            return Err(TokenFault::Header);
        }
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= KID_BYTES_MAX => Some(kid.clone()),
            Some(_) => return Err(TokenFault::KeyId),
        };
        let typ = match header.get("typ") {
            None => None,
            Some(Value::String(typ)) => Some(typ.clone()),
            Some(_) => return Err(TokenFault::Type(NotAccess::Header)),
        };
        let signature = octets(signature)?;
        if signature.is_empty() {
            return Err(TokenFault::Malformed);
        }

        let claims = object(payload)?;
        let issuer = match claims.get("iss") {
            Some(Value::String(issuer)) => issuer.clone(),
            // A list in `iss` could be accepted for one issuer and used for another.
            _ => return Err(TokenFault::Issuer),
        };
        Ok(Self { signed, signature, algorithm, issuer, typ, key_id, claims: Arc::new(claims) })
    }

    /// The unverified `iss`, only for choosing among the configured issuers.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies the token with the issuer's rules and keys. [`Self::awaits`] says whether a newer
    /// key might verify it.
    ///
    /// No claim but `iss` is read before the signature is verified, so that an attacker who cannot
    /// sign learns nothing about the checks of claims.
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn verify(&self, rules: &TokenRules, keys: &KeySet, now: Now) -> Result<Caller, Refusal> {
        self.check(rules, keys, now).map_err(Refusal::Token)
    }

    fn check(&self, rules: &TokenRules, keys: &KeySet, now: Now) -> Result<Caller, TokenFault> {
        check_origin(&self.issuer, self.algorithm, rules)?;
        self.check_signature(keys)?;
        let header = SignedHeader { algorithm: self.algorithm, typ: self.typ.as_deref().map(Box::from) };
        signed(header, &self.claims, rules, now)
    }

    /// Whether keys that the issuer has published since could turn `fault` into another verdict. A
    /// key of the same name is no exception: some issuers replace a key and keep its name.
    #[must_use]
    pub fn awaits(&self, fault: &TokenFault, algorithms: &[Algorithm]) -> Option<AwaitedKey> {
        match fault {
            TokenFault::UnknownKey => Some(AwaitedKey::Unknown),
            TokenFault::Signature => Some(AwaitedKey::Replaced),
            // The algorithm is permitted, but not for the key of this name.
            TokenFault::Algorithm if algorithms.contains(&self.algorithm) => Some(AwaitedKey::Replaced),
            _ => None,
        }
    }

    pub(super) fn check_signature(&self, keys: &KeySet) -> Result<(), TokenFault> {
        let mut tried = false;
        for key in keys.candidates(self.key_id(), self.algorithm) {
            tried = true;
            // The provider is named here, because `jsonwebtoken::crypto::verify` uses a global
            // provider and panics if another crate has enabled a second backend. An error means
            // that the key is unusable: it verifies no token.
            let verifier = (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm, &key.decoding);
            if verifier.is_ok_and(|verifier| verifier.verify(self.signed.as_bytes(), &self.signature).is_ok()) {
                return Ok(());
            }
        }
        match self.key_id() {
            Some(kid) if !keys.knows(kid) => Err(TokenFault::UnknownKey),
            Some(_) if !tried => Err(TokenFault::Algorithm),
            Some(_) => Err(TokenFault::Signature),
            // The token names no key, so its key may be newer than the known keys.
            None => Err(TokenFault::UnknownKey),
        }
    }

    /// The claims, if one of `keys` has signed the JWT with one of `algorithms`. For JWTs that are
    /// not access tokens: the caller of this function checks the claims.
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn signed(&self, algorithms: &[Algorithm], keys: &KeySet) -> Result<&Map<String, Value>, TokenFault> {
        if !algorithms.contains(&self.algorithm) {
            return Err(TokenFault::Algorithm);
        }
        self.check_signature(keys)?;
        Ok(&self.claims)
    }

    /// Header `typ`.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The claims, which may be unverified.
    pub(super) fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The key id, to remember that it is unknown.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
}

/// The `iss` of a token whose three parts parse, whatever else is wrong with it: such a token is a
/// JWT of that issuer, if there is one.
#[must_use]
pub fn named_issuer(token: &str) -> Option<String> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    octets(signature).ok()?;
    object(header).ok()?;
    match object(payload).ok()?.remove("iss") {
        Some(Value::String(issuer)) => Some(issuer),
        _ => None,
    }
}

/// The `alg` of a token's header for a message, shortened to letters and digits. Nothing is
/// verified, and a token without one has `unknown`.
#[must_use]
pub fn named_algorithm(token: &str) -> String {
    const CHARS_MAX: usize = 16;
    let header = token.split('.').next().map(object);
    let named = header.and_then(Result::ok).and_then(|header| header.get("alg")?.as_str().map(str::to_owned));
    let plain: String = named.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).take(CHARS_MAX).collect();
    if plain.is_empty() { "unknown".to_owned() } else { plain }
}

impl fmt::Debug for UnverifiedJwt<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("UnverifiedJwt(…)")
    }
}

/// Decodes base64url without padding and with canonical last bits: another spelling of one token
/// would be another cache entry.
fn octets(part: &str) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Malformed)
}

pub(super) fn object(part: &str) -> Result<Map<String, Value>, TokenFault> {
    strict::object(&octets(part)?, TOKEN_JSON_DEPTH_MAX).map_err(|strict::NotStrict| TokenFault::Malformed)
}

#[cfg(test)]
mod tests;

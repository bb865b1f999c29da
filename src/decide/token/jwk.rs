//! Reads a key-set document (RFC 7517) into keys that may verify signatures.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::{Map, Value};

use crate::{
    base::limits::{
        fetch::{JWKS_BYTES_MAX, JWKS_KEYS_MAX},
        tokens::{KEYS_TRIED_MAX, KID_BYTES_MAX, TOKEN_JSON_DEPTH_MAX},
    },
    decide::json::strict,
};

/// The usable keys of one issuer.
#[derive(Default)]
pub struct KeySet {
    pub(super) keys: Vec<PublicKey>,
    pub(super) skipped: usize,
}

/// One usable key.
pub struct PublicKey {
    pub(super) id: Option<Box<str>>,
    /// Algorithms that this key may verify: its family, narrowed by its own `alg`.
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) decoding: DecodingKey,
}

/// Why a document is not a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySetFault {
    /// Over [`crate::base::limits::fetch::JWKS_BYTES_MAX`].
    TooLarge,
    /// Not strict JSON, or without a `keys` list.
    Malformed,
    /// More than [`crate::base::limits::fetch::JWKS_KEYS_MAX`] keys.
    TooManyKeys,
    /// No key could verify a token.
    NoUsableKey,
}

/// The algorithm called `name` (RFC 7518 §3.1, RFC 8037, RFC 9864), compared case-sensitively;
/// `None` for `none`, for every HMAC, and for unsupported algorithms. A symmetric algorithm must
/// never be accepted: a client could forge tokens with the published key.
#[must_use]
pub fn asymmetric(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        // `Ed25519` is the name of RFC 9864 for EdDSA over Ed25519, the only supported curve.
        "EdDSA" | "Ed25519" => Algorithm::EdDSA,
        _ => return None,
    })
}

impl KeySet {
    /// Reads `document`. Unknown, private, symmetric and weak keys are skipped and counted.
    ///
    /// # Errors
    /// [`KeySetFault`].
    pub fn read(document: &[u8]) -> Result<Self, KeySetFault> {
        if document.len() > JWKS_BYTES_MAX {
            return Err(KeySetFault::TooLarge);
        }
        let members =
            strict::object(document, TOKEN_JSON_DEPTH_MAX).map_err(|strict::NotStrict| KeySetFault::Malformed)?;
        let Some(Value::Array(entries)) = members.get("keys") else { return Err(KeySetFault::Malformed) };
        if entries.len() > JWKS_KEYS_MAX {
            return Err(KeySetFault::TooManyKeys);
        }
        // A key of an unknown type must not disable the other keys (RFC 7517 §5).
        let keys: Vec<PublicKey> = entries.iter().filter_map(|entry| PublicKey::read(entry.as_object()?)).collect();
        if keys.is_empty() {
            return Err(KeySetFault::NoUsableKey);
        }
        Ok(Self { skipped: entries.len().saturating_sub(keys.len()), keys })
    }

    /// How many keys are usable.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is usable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys of the document were skipped.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Whether a usable key is called `kid`.
    #[must_use]
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(kid))
    }

    /// The keys to try, at most [`KEYS_TRIED_MAX`].
    ///
    /// With a `kid`: every key with exactly that id (a set may use an id twice), and no key without
    /// an id. Without a `kid`: every key that can verify `algorithm`.
    pub fn candidates<'a>(&'a self, kid: Option<&'a str>, algorithm: Algorithm) -> impl Iterator<Item = &'a PublicKey> {
        self.keys
            .iter()
            .filter(move |key| kid.is_none_or(|kid| key.id.as_deref() == Some(kid)))
            .filter(move |key| key.algorithms.contains(&algorithm))
            .take(KEYS_TRIED_MAX)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KeySet").field("keys", &self.keys.len()).field("skipped", &self.skipped).finish()
    }
}

impl PublicKey {
    /// Reads one entry; `None` if it may not verify signatures. The crypto library parses the key
    /// here, so that a point off the curve or a bad modulus is found now and not during a request.
    fn read(entry: &Map<String, Value>) -> Option<Self> {
        // A published private key: every client can sign with it, so its signatures prove nothing.
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| entry.contains_key(*name)) {
            return None;
        }
        if entry.get("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        if let Some(operations) = entry.get("key_ops")
            && !operations.as_array()?.iter().any(|operation| operation == "verify")
        {
            return None;
        }
        let id = match entry.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= KID_BYTES_MAX => Some(kid.as_str().into()),
            Some(_) => return None,
        };
        let (family, decoding) = match text(entry, "kty")? {
            "RSA" => (AlgorithmFamily::Rsa.algorithms(), rsa(entry)?),
            "EC" => match text(entry, "crv")? {
                "P-256" => ([Algorithm::ES256].as_slice(), ec(entry, 32, &ECDSA_P256_SHA256_FIXED)?),
                "P-384" => ([Algorithm::ES384].as_slice(), ec(entry, 48, &ECDSA_P384_SHA384_FIXED)?),
                _ => return None,
            },
            "OKP" if text(entry, "crv")? == "Ed25519" => ([Algorithm::EdDSA].as_slice(), ed25519(entry)?),
            _ => return None,
        };
        let algorithms = match entry.get("alg") {
            None => family.to_vec(),
            Some(name) => vec![asymmetric(name.as_str()?).filter(|algorithm| family.contains(algorithm))?],
        };
        Some(Self { id, algorithms, decoding })
    }
}

fn text<'a>(entry: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    entry.get(name)?.as_str()
}

fn octets(entry: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text(entry, name)?).ok()
}

fn rsa(entry: &Map<String, Value>) -> Option<DecodingKey> {
    let (n, e) = (octets(entry, "n")?, octets(entry, "e")?);
    // Some issuers write the sign octet of ASN.1 into `n`, although RFC 7518 §6.3.1.1 forbids it.
    // The number is the same.
    let (n, e) = (unsigned(&n), unsigned(&e));
    let (first, last) = (n.first()?, n.last()?);
    let bits = n.len().saturating_mul(8).saturating_sub(first.leading_zeros() as usize);
    // The bounds of the library, which checks them only when it verifies a signature. A shorter
    // modulus can be factored; a longer modulus costs too much CPU.
    if !(2048..=8192).contains(&bits) || last % 2 == 0 {
        return None;
    }
    // An even exponent is not RSA, with exponent 1 every message is its own signature, and a huge
    // exponent costs too much CPU.
    let exponent = e.iter().try_fold(0_u64, |sum, octet| Some(sum.checked_mul(256)? | u64::from(*octet)))?;
    if exponent < 3 || exponent % 2 == 0 || exponent > u64::from(u32::MAX) {
        return None;
    }
    RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
    Some(DecodingKey::from_rsa_raw_components(n, e))
}

fn unsigned(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    octets.get(zeros..).unwrap_or_default()
}

fn ec(entry: &Map<String, Value>, length: usize, curve: &'static dyn VerificationAlgorithm) -> Option<DecodingKey> {
    let (x, y) = (octets(entry, "x")?, octets(entry, "y")?);
    if x.len() != length || y.len() != length {
        return None;
    }
    // An uncompressed point (SEC 1 §2.3.3).
    let point = [[4].as_slice(), &x, &y].concat();
    ParsedPublicKey::new(curve, &point).ok()?;
    Some(DecodingKey::from_ec_der(&point))
}

fn ed25519(entry: &Map<String, Value>) -> Option<DecodingKey> {
    let x = octets(entry, "x")?;
    if x.len() != 32 {
        return None;
    }
    ParsedPublicKey::new(&ED25519, &x).ok()?;
    Some(DecodingKey::from_ed_der(&x))
}

#[cfg(test)]
mod tests;

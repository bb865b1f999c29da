//! Reads a key-set document (RFC 7517) into keys that may verify signatures.

use std::{borrow::Cow, fmt};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::{Map, Value};

use crate::base::{
    digest::{SHA256_BYTES, sha256},
    limits::{
        fetch::{JWKS_BYTES_MAX, JWKS_KEYS_MAX},
        tokens::{KEYS_TRIED_MAX, KID_BYTES_MAX},
    },
};

use document::JwkEntry;

mod document;
#[cfg(test)]
mod tests;
mod unused;

pub use unused::UnusedKey;

use unused::Unfit;

/// The usable keys of one issuer.
#[derive(Default)]
pub struct KeySet {
    pub(super) keys: Vec<PublicKey>,
    pub(super) unused: Vec<UnusedKey>,
    /// No key has an id, so the `kid` of a token says nothing.
    pub(super) is_nameless: bool,
}

/// One usable key.
pub struct PublicKey {
    pub(super) id: Option<Box<str>>,
    /// Algorithms that this key may verify: its family, narrowed by its own `alg`.
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) decoding: DecodingKey,
    /// Of its members, in whatever order they are written.
    pub(super) digest: [u8; SHA256_BYTES],
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

impl fmt::Display for KeySetFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(out, "it has more than {JWKS_BYTES_MAX} bytes"),
            Self::Malformed => out.write_str("it is not a JSON object with one list `keys`"),
            Self::TooManyKeys => write!(out, "it has more than {JWKS_KEYS_MAX} keys"),
            Self::NoUsableKey => out.write_str("it has no key that can verify a token"),
        }
    }
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
    /// Reads `document`, which must have a usable key.
    ///
    /// # Errors
    /// [`KeySetFault`].
    pub fn read(document: &[u8]) -> Result<Self, KeySetFault> {
        Self::examine(document).and_then(|set| if set.is_empty() { Err(KeySetFault::NoUsableKey) } else { Ok(set) })
    }

    /// As [`Self::read`], also of a document without a usable key. Keys that cannot verify
    /// (unknown, private, symmetric, weak or ambiguous) never disable the others (RFC 7517 §5):
    /// they are listed with the reason.
    ///
    /// # Errors
    /// [`KeySetFault`].
    pub fn examine(document: &[u8]) -> Result<Self, KeySetFault> {
        if document.len() > JWKS_BYTES_MAX {
            return Err(KeySetFault::TooLarge);
        }
        let entries = document::entries(document).map_err(|document::NoKeySet| KeySetFault::Malformed)?;
        if entries.len() > JWKS_KEYS_MAX {
            return Err(KeySetFault::TooManyKeys);
        }
        let (mut keys, mut unused) = (Vec::new(), Vec::new());
        for (position, raw) in entries.into_iter().enumerate() {
            let entry = JwkEntry::read(raw);
            match PublicKey::read(&entry) {
                Ok(key) => keys.push(key),
                Err(unfit) => unused.push(UnusedKey::new(position, &entry, unfit)),
            }
        }
        let is_nameless = keys.iter().all(|key: &PublicKey| key.id.is_none());
        Ok(Self { keys, unused, is_nameless })
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
        self.unused.len()
    }

    /// The keys that were skipped, in order, with the reasons.
    #[must_use]
    pub fn unused(&self) -> &[UnusedKey] {
        &self.unused
    }

    /// Whether both have the same usable keys, in whatever order: some issuers write them in
    /// another order each time.
    #[must_use]
    pub fn has_the_keys_of(&self, other: &Self) -> bool {
        let sorted = |set: &Self| {
            let mut digests: Vec<_> = set.keys.iter().map(|key| key.digest).collect();
            digests.sort_unstable();
            digests
        };
        self.len() == other.len() && sorted(self) == sorted(other)
    }

    /// Whether a usable key is called `kid`.
    #[must_use]
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(kid))
    }

    /// The keys to try, at most [`KEYS_TRIED_MAX`].
    ///
    /// With a `kid`: every key with exactly that id (a set may use an id twice), and no key without
    /// an id. Without a `kid`, and in a set without any id: every key that can verify `algorithm`.
    pub fn candidates<'a>(&'a self, kid: Option<&'a str>, algorithm: Algorithm) -> impl Iterator<Item = &'a PublicKey> {
        let kid = kid.filter(|_| !self.is_nameless);
        self.keys
            .iter()
            .filter(move |key| kid.is_none_or(|kid| key.id.as_deref() == Some(kid)))
            .filter(move |key| key.algorithms.contains(&algorithm))
            .take(KEYS_TRIED_MAX)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KeySet").field("keys", &self.keys.len()).field("skipped", &self.unused.len()).finish()
    }
}

impl PublicKey {
    /// Reads one entry. The crypto library parses the key here, so that a point off the curve or a
    /// bad modulus is found now and not during a request.
    fn read(entry: &JwkEntry) -> Result<Self, Unfit> {
        const CURVE: Unfit = Unfit::OtherPurpose("its `crv` is not supported: P-256, P-384 and Ed25519 are");
        if let Some(trouble) = &entry.trouble {
            return Err(Unfit::Odd(Cow::Owned(trouble.clone())));
        }
        let entry = &entry.members;
        // A published private key: every client can sign with it, so its signatures prove nothing.
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| entry.contains_key(*name)) {
            return Err(odd("it is a private or symmetric key, which must never be published"));
        }
        if entry.get("use").is_some_and(|usage| usage != "sig") {
            return Err(Unfit::OtherPurpose("its `use` is not \"sig\""));
        }
        if let Some(operations) = entry.get("key_ops") {
            let operations = operations.as_array().ok_or_else(|| odd("its `key_ops` is not a list"))?;
            if !operations.iter().any(|operation| operation == "verify") {
                return Err(Unfit::OtherPurpose("its `key_ops` lacks \"verify\""));
            }
        }
        let id = match entry.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= KID_BYTES_MAX => Some(kid.as_str().into()),
            Some(Value::String(_)) => return Err(odd("its `kid` is longer than 256 bytes")),
            Some(_) => return Err(odd("its `kid` is not text")),
        };
        let (family, decoding) = match text(entry, "kty").ok_or_else(|| odd("it has no `kty`"))? {
            "RSA" => (AlgorithmFamily::Rsa.algorithms(), rsa(entry)?),
            "EC" => match text(entry, "crv").ok_or_else(|| odd("it has no `crv`"))? {
                "P-256" => ([Algorithm::ES256].as_slice(), ec(entry, 32, &ECDSA_P256_SHA256_FIXED)?),
                "P-384" => ([Algorithm::ES384].as_slice(), ec(entry, 48, &ECDSA_P384_SHA384_FIXED)?),
                _ => return Err(CURVE),
            },
            "OKP" => match text(entry, "crv") {
                Some("Ed25519") => ([Algorithm::EdDSA].as_slice(), ed25519(entry)?),
                _ => return Err(CURVE),
            },
            _ => return Err(Unfit::OtherPurpose("its `kty` is not supported: RSA, EC and OKP are")),
        };
        let algorithms = match entry.get("alg") {
            None => family.to_vec(),
            Some(name) => {
                let fits = name.as_str().and_then(asymmetric).filter(|algorithm| family.contains(algorithm));
                vec![fits.ok_or(Unfit::OtherPurpose("its `alg` is not supported for its `kty`"))?]
            }
        };
        let digest = sha256(Value::Object(entry.clone()).to_string().as_bytes());
        Ok(Self { id, algorithms, decoding, digest })
    }
}

const fn odd(why: &'static str) -> Unfit {
    Unfit::Odd(Cow::Borrowed(why))
}

fn text<'a>(entry: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    entry.get(name)?.as_str()
}

/// A number in base64url. Some issuers pad it, or write the other two letters of base64, although
/// RFC 7518 §2 forbids both. The number is the same.
fn octets(entry: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Unfit> {
    let written = text(entry, name).ok_or_else(|| Unfit::Odd(format!("it has no `{name}`").into()))?;
    let letters = written.trim_end_matches('=').replace('+', "-").replace('/', "_");
    URL_SAFE_NO_PAD.decode(letters).map_err(|_| Unfit::Odd(format!("its `{name}` is not base64url").into()))
}

fn rsa(entry: &Map<String, Value>) -> Result<DecodingKey, Unfit> {
    const MODULUS: Unfit = odd("its `n` is not an RSA modulus of 2048 to 8192 bits");
    let (n, e) = (octets(entry, "n")?, octets(entry, "e")?);
    // Some issuers write the sign octet of ASN.1 into `n`, although RFC 7518 §6.3.1.1 forbids it.
    // The number is the same.
    let (n, e) = (unsigned(&n), unsigned(&e));
    let (first, last) = n.first().zip(n.last()).ok_or(MODULUS)?;
    let bits = n.len().saturating_mul(8).saturating_sub(first.leading_zeros() as usize);
    // The bounds of the library, which checks them only when it verifies a signature. A shorter
    // modulus can be factored; a longer modulus costs too much CPU.
    if !(2048..=8192).contains(&bits) || last % 2 == 0 {
        return Err(MODULUS);
    }
    // An even exponent is not RSA, with exponent 1 every message is its own signature, and a huge
    // exponent costs too much CPU.
    let exponent = e.iter().try_fold(0_u64, |sum, octet| Some(sum.checked_mul(256)? | u64::from(*octet)));
    if exponent.is_none_or(|exponent| exponent < 3 || exponent % 2 == 0 || exponent > u64::from(u32::MAX)) {
        return Err(odd("its `e` is not an odd number from 3 to 4294967295"));
    }
    RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).map_err(|_| MODULUS)?;
    Ok(DecodingKey::from_rsa_raw_components(n, e))
}

fn unsigned(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    octets.get(zeros..).unwrap_or_default()
}

fn ec(
    entry: &Map<String, Value>,
    length: usize,
    curve: &'static dyn VerificationAlgorithm,
) -> Result<DecodingKey, Unfit> {
    let (x, y) = (octets(entry, "x")?, octets(entry, "y")?);
    if x.len() != length || y.len() != length {
        return Err(odd("its `x` and `y` do not have the length of its curve"));
    }
    // An uncompressed point (SEC 1 §2.3.3).
    let point = [[4].as_slice(), &x, &y].concat();
    ParsedPublicKey::new(curve, &point).map_err(|_| odd("its point is not on its curve"))?;
    Ok(DecodingKey::from_ec_der(&point))
}

fn ed25519(entry: &Map<String, Value>) -> Result<DecodingKey, Unfit> {
    const KEY: Unfit = odd("its `x` is not an Ed25519 key");
    let x = octets(entry, "x")?;
    if x.len() != 32 {
        return Err(KEY);
    }
    ParsedPublicKey::new(&ED25519, &x).map_err(|_| KEY)?;
    Ok(DecodingKey::from_ed_der(&x))
}

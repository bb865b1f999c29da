//! One key that signs access tokens: as the store has it, and in use.

use std::time::Duration;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{authorization_server::store::fault::StoreFault, base::digest::sha256_base64url};

/// A key in use.
pub(super) struct Key {
    /// RFC 7638 §3.
    pub(super) kid: Box<str>,
    pub(super) pair: EcdsaKeyPair,
    pub(super) record: SigningKeyRecord,
}

/// A key as the store has it, sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SigningKeyRecord {
    /// PKCS #8, base64url.
    pkcs8: String,
    /// Seconds since 1970.
    pub(super) signs_from: u64,
}

impl Drop for SigningKeyRecord {
    fn drop(&mut self) {
        self.pkcs8.zeroize();
    }
}

impl SigningKeyRecord {
    /// A new key.
    pub(super) fn make(signs_from: Duration) -> Result<Self, StoreFault> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| StoreFault("the library cannot create a key".to_owned()))?;
        Ok(Self { pkcs8: URL_SAFE_NO_PAD.encode(document.as_ref()), signs_from: signs_from.as_secs() })
    }
}

impl Key {
    /// Reads a key.
    pub(super) fn read(record: SigningKeyRecord) -> Result<Self, StoreFault> {
        let unreadable = || StoreFault("a signing key in the store cannot be read".to_owned());
        let pkcs8 = Zeroizing::new(URL_SAFE_NO_PAD.decode(&record.pkcs8).map_err(|_| unreadable())?);
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).map_err(|_| unreadable())?;
        let mut key = Self { kid: Box::default(), pair, record };
        let (x, y) = key.point();
        // RFC 7638 §3: members in this order, without spaces.
        key.kid = sha256_base64url(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)).into();
        Ok(key)
    }

    /// The coordinates of the public key, from its uncompressed form (SEC 1 §2.3.3).
    fn point(&self) -> (String, String) {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
        (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
    }

    /// Its public part as published.
    pub(super) fn jwk(&self) -> Value {
        let (x, y) = self.point();
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.kid, "use": "sig", "alg": "ES256"})
    }
}

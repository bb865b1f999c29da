//! Encrypts secrets in the store: signing keys, the IdP's tokens, successors of refresh tokens.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{authorization_server::keys::random, base::secret::Secret};

const NONCE_BYTES: usize = 12;

/// Seals with the first of its keys, opens with any of them.
pub struct Sealer(Vec<RandomizedNonceKey>);

impl Sealer {
    /// From the configured keys; without any, from a random key that lives as long as the process.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new(keys: &[Secret]) -> Result<Self, &'static str> {
        let own;
        let keys = match keys {
            [] => {
                own = [Secret::new(random::bytes::<32>()?.to_vec())];
                &own
            }
            keys => keys,
        };
        keys.iter().map(|key| derive(key.expose())).collect::<Result<_, _>>().map(Self)
    }

    /// From the secret of a token, which only its holder has.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn of_token(secret: &[u8]) -> Result<Self, &'static str> {
        Ok(Self(vec![derive(secret)?]))
    }

    /// Seals `plain`; it opens only for the same `purpose`.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, &'static str> {
        let key = self.0.first().ok_or("no key to seal with")?;
        let mut sealed = plain.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut sealed)
            .map_err(|_| "the library cannot seal")?;
        sealed.extend_from_slice(nonce.as_ref());
        Ok(sealed)
    }

    /// The plain text, if `sealed` was sealed with one of these keys for `purpose`.
    #[must_use]
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (sealed, nonce) = sealed.split_at_checked(sealed.len().checked_sub(NONCE_BYTES)?)?;
        self.0.iter().find_map(|key| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut bytes = sealed.to_vec();
            let plain = key.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut bytes).ok()?.len();
            bytes.truncate(plain);
            Some(bytes)
        })
    }

    /// [`Self::seal`] for a value.
    ///
    /// # Errors
    /// As for [`Self::seal`].
    pub fn seal_value(&self, purpose: &str, value: &impl Serialize) -> Result<Vec<u8>, &'static str> {
        self.seal(purpose, &serde_json::to_vec(value).map_err(|_| "a value cannot be written as JSON")?)
    }

    /// [`Self::open`] for a value.
    #[must_use]
    pub fn open_value<T: DeserializeOwned>(&self, purpose: &str, sealed: &[u8]) -> Option<T> {
        serde_json::from_slice(&self.open(purpose, sealed)?).ok()
    }
}

struct KeyBytes;

impl KeyType for KeyBytes {
    fn len(&self) -> usize {
        32
    }
}

fn derive(secret: &[u8]) -> Result<RandomizedNonceKey, &'static str> {
    const FAILED: &str = "a key cannot be derived";
    let mut key = [0; 32];
    let salt = Salt::new(HKDF_SHA256, b"portcullis authorization server store");
    let derived = salt.extract(secret);
    let okm = derived.expand(&[b"AES-256-GCM"], KeyBytes).map_err(|_| FAILED)?;
    okm.fill(&mut key).map_err(|_| FAILED)?;
    RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e41_what_is_sealed_opens_with_its_key_at_its_place_and_nowhere_else() {
        let (old, new) = (Secret::new(vec![1; 32]), Secret::new(vec![2; 32]));
        let before = Sealer::new(std::slice::from_ref(&old)).unwrap();
        let sealed = before.seal("idp", b"hunter2").unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_ne!(sealed, before.seal("idp", b"hunter2").unwrap(), "a nonce is never used twice");
        let rotated = Sealer::new(&[new.clone(), old]).unwrap();
        assert_eq!(rotated.open("idp", &sealed).as_deref(), Some(&b"hunter2"[..]));
        assert_eq!(rotated.open("keys", &sealed), None, "another purpose");
        assert_eq!(Sealer::new(&[new]).unwrap().open("idp", &sealed), None, "another key");
        for cut in 0..sealed.len() {
            assert_eq!(before.open("idp", &sealed[..cut]), None);
        }
        let mut bent = sealed;
        bent[3] ^= 1;
        assert_eq!(before.open("idp", &bent), None);
    }
}

//! Seals the store: encrypts the secrets in its values, and authenticates the values.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    hmac,
};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::{
    authorization_server::keys::random, base::secret::Secret, decide::authorization_server::stored_value::SealKeyId,
};

const NONCE_BYTES: usize = 12;

/// Seals with the first of its keys, opens with any of them.
pub struct Sealer(Vec<SealKey>);

/// What is derived from one configured key.
struct SealKey {
    id: SealKeyId,
    aead: RandomizedNonceKey,
    mac: hmac::Key,
}

/// A sealed secret, looked at to seal it again.
#[derive(Debug, PartialEq, Eq)]
pub enum Resealed {
    /// The first key sealed it.
    Current,
    /// Another key had sealed it; now the first one has.
    Again(Vec<u8>),
    /// None of the keys opens it for the purpose.
    Unopened,
}

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
        keys.iter().map(|key| SealKey::derive(key.expose())).collect::<Result<_, _>>().map(Self)
    }

    /// From the secret of a token, which only its holder has.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn of_token(secret: &[u8]) -> Result<Self, &'static str> {
        Ok(Self(vec![SealKey::derive(secret)?]))
    }

    /// Seals `plain`; it opens only for the same `purpose`.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, &'static str> {
        let key = self.0.first().ok_or("no key to seal with")?;
        let mut sealed = plain.to_vec();
        let nonce = key
            .aead
            .seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut sealed)
            .map_err(|_| "the library cannot seal")?;
        sealed.extend_from_slice(nonce.as_ref());
        Ok(sealed)
    }

    /// The plain text, if `sealed` was sealed with one of these keys for `purpose`.
    #[must_use]
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.opened(purpose, sealed).map(|(_, plain)| plain)
    }

    /// The plain text, and the position of the key that opens it.
    #[must_use]
    pub fn opened(&self, purpose: &str, sealed: &[u8]) -> Option<(usize, Vec<u8>)> {
        let (sealed, nonce) = sealed.split_at_checked(sealed.len().checked_sub(NONCE_BYTES)?)?;
        self.0.iter().enumerate().find_map(|(position, key)| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut bytes = sealed.to_vec();
            let plain = key.aead.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut bytes).ok()?.len();
            bytes.truncate(plain);
            Some((position, bytes))
        })
    }

    /// Seals `sealed` again if its key is not the first.
    ///
    /// # Errors
    /// As for [`Self::seal`].
    pub fn reseal(&self, purpose: &str, sealed: &[u8]) -> Result<Resealed, &'static str> {
        match self.opened(purpose, sealed) {
            None => Ok(Resealed::Unopened),
            Some((0, _)) => Ok(Resealed::Current),
            Some((_, plain)) => self.seal(purpose, &Zeroizing::new(plain)).map(Resealed::Again),
        }
    }

    /// The ids of the keys, in their order.
    pub fn ids(&self) -> impl Iterator<Item = SealKeyId> {
        self.0.iter().map(|key| key.id)
    }

    /// The tag of a value under the first key, and that key's id. `place` is where the value
    /// belongs: with the same value, another place has another tag.
    ///
    /// # Errors
    /// If there is no key.
    pub fn tag(&self, place: [&str; 2], value: &[u8]) -> Result<(SealKeyId, [u8; 32]), &'static str> {
        let key = self.0.first().ok_or("no key to seal with")?;
        let tag = hmac::sign(&key.mac, &message(place, value));
        Ok((key.id, tag.as_ref().try_into().map_err(|_| "a tag of another length")?))
    }

    /// Whether one of the keys has this id.
    #[must_use]
    pub fn knows(&self, id: SealKeyId) -> bool {
        self.0.iter().any(|key| key.id == id)
    }

    /// The position of the key under which `tag` belongs to `value` at `place`, compared in
    /// constant time.
    #[must_use]
    pub fn authenticates(&self, id: SealKeyId, tag: &[u8; 32], place: [&str; 2], value: &[u8]) -> Option<usize> {
        let message = message(place, value);
        self.0.iter().position(|key| key.id == id && hmac::verify(&key.mac, &message, tag).is_ok())
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

/// What is authenticated: the parts of the place with their lengths, then the value.
fn message(place: [&str; 2], value: &[u8]) -> Vec<u8> {
    let mut message = b"portcullis stored value".to_vec();
    for part in place {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part.as_bytes());
    }
    message.extend_from_slice(value);
    message
}

/// How many bytes are derived.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl SealKey {
    fn derive(secret: &[u8]) -> Result<Self, &'static str> {
        const FAILED: &str = "a key cannot be derived";
        let salt = Salt::new(HKDF_SHA256, b"portcullis authorization server store");
        let derived = salt.extract(secret);
        let fill = |purpose: &[u8], bytes: &mut [u8]| {
            let purpose = [purpose];
            let okm = derived.expand(&purpose, Length(bytes.len())).map_err(|_| FAILED)?;
            okm.fill(bytes).map_err(|_| FAILED)
        };
        let (mut id, mut aead, mut mac) = ([0; 4], Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        fill(b"key id", &mut id)?;
        fill(b"AES-256-GCM", &mut *aead)?;
        fill(b"HMAC-SHA256 of stored values", &mut *mac)?;
        Ok(Self {
            id: SealKeyId::new(id),
            aead: RandomizedNonceKey::new(&AES_256_GCM, &*aead).map_err(|_| FAILED)?,
            mac: hmac::Key::new(hmac::HMAC_SHA256, &*mac),
        })
    }
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

    #[test]
    fn login_a1_what_another_key_sealed_is_sealed_again_under_the_first() {
        let (old, new) = (Secret::new(vec![1; 32]), Secret::new(vec![2; 32]));
        let sealed = Sealer::new(std::slice::from_ref(&old)).unwrap().seal("idp", b"hunter2").unwrap();
        let rotated = Sealer::new(&[new.clone(), old]).unwrap();
        let Resealed::Again(again) = rotated.reseal("idp", &sealed).unwrap() else { panic!() };
        assert_eq!(rotated.reseal("idp", &again), Ok(Resealed::Current));
        assert_eq!(rotated.reseal("keys", &sealed), Ok(Resealed::Unopened));
        assert_eq!(Sealer::new(&[new]).unwrap().open("idp", &again).as_deref(), Some(&b"hunter2"[..]));
    }

    #[test]
    fn login_a11_a_tag_belongs_to_one_value_at_one_place_under_one_key() {
        let (a, b) = (Secret::new(vec![1; 32]), Secret::new(vec![2; 32]));
        let first = Sealer::new(std::slice::from_ref(&a)).unwrap();
        let (id, tag) = first.tag(["family", "x"], b"value").unwrap();
        let both = Sealer::new(&[b.clone(), a]).unwrap();
        assert_eq!(both.authenticates(id, &tag, ["family", "x"], b"value"), Some(1));
        for (place, value) in [
            (["family", "y"], &b"value"[..]),
            (["client", "x"], b"value"),
            (["familyx", ""], b"value"),
            (["family", "xvalue"], b""),
            (["family", "x"], b"valuf"),
        ] {
            assert_eq!(both.authenticates(id, &tag, place, value), None, "{place:?}");
        }
        let other = Sealer::new(&[b]).unwrap();
        assert!(!other.knows(id) && both.knows(id));
        assert_eq!(other.authenticates(id, &tag, ["family", "x"], b"value"), None);
        let ids: Vec<String> = both.ids().map(|id| id.to_string()).collect();
        assert!(ids.len() == 2 && ids[0] != ids[1] && ids.iter().all(|id| id.len() == 8), "{ids:?}");
    }
}

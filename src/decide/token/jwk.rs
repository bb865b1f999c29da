//! Reads a key-set document (RFC 7517) into keys that may verify signatures.

use jsonwebtoken::{Algorithm, DecodingKey};

/// The usable keys of one issuer.
#[derive(Default)]
pub struct KeySet {
    pub(super) keys: Vec<Key>,
    pub(super) skipped: usize,
}

/// One usable key.
pub struct Key {
    pub(super) id: Option<Box<str>>,
    /// Algorithms that this key may verify: its family, narrowed by its own `alg`.
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) decoding: DecodingKey,
}

/// Why a document is no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySetFault {
    /// Over [`crate::base::limits::JWKS_BYTES_MAX`].
    TooLarge,
    /// Not strict JSON, or no `keys` list in it.
    Malformed,
    /// More than [`crate::base::limits::JWKS_KEYS_MAX`] keys.
    TooManyKeys,
    /// Not one key that could verify a token.
    NoUsableKey,
}

impl KeySet {
    /// Reads `document`; unknown, private, symmetric and weak keys are skipped and counted.
    ///
    /// # Errors
    /// [`KeySetFault`].
    pub fn read(document: &[u8]) -> Result<Self, KeySetFault> {
        let _ = document;
        Err(KeySetFault::Malformed)
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
}

//! A key set that is taken has usable keys, and no more than may be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::{base::limits::JWKS_KEYS_MAX, decide::token::jwk::KeySet};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(set) = KeySet::read(bytes) {
        assert!(!set.is_empty() && set.len() + set.skipped() <= JWKS_KEYS_MAX);
    }
});

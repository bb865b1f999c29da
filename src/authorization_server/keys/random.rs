//! Random values that cannot be guessed, and digests that do not lead back to them.

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

pub use crate::base::sha256::sha256 as digest_of;

/// Random bytes.
///
/// # Errors
/// If the system has no randomness.
pub fn bytes<const N: usize>() -> Result<[u8; N], &'static str> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| "the system has no randomness")?;
    Ok(bytes)
}

/// 256 random bits as 43 characters of base64url: codes, tokens, states.
///
/// # Errors
/// If the system has no randomness.
pub fn unguessable() -> Result<String, &'static str> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<32>()?))
}

/// The key under which the store keeps what `secret` opens: a digest, base64url.
#[must_use]
pub fn name_of(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest_of(secret.as_bytes()))
}

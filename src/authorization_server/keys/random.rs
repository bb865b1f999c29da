//! Random values that cannot be guessed.

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

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

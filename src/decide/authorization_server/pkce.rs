//! Proof Key for Code Exchange with S256, for every client (RFC 7636, SPEC E-11, E-21).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    base::digest::{SHA256_BYTES, sha256_base64url},
    decide::authorization_server::error::{Code, OAuthError},
};

#[cfg(test)]
mod tests;

/// A code challenge: base64url of a SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge(Box<str>);

impl Challenge {
    /// Reads `code_challenge` and `code_challenge_method`, which are both required; the method must
    /// be `S256`.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn read(challenge: Option<&str>, method: Option<&str>) -> Result<Self, OAuthError> {
        let wrong = |what: &'static str| Err(Code::InvalidRequest.because(what));
        let Some(challenge) = challenge else { return wrong("code_challenge is missing") };
        // RFC 7636 §4.3: without a method it would be `plain`, which shows the verifier to every
        // reader of the request.
        if method != Some("S256") {
            return wrong("code_challenge_method must be S256");
        }
        // The decoder accepts only one spelling: no padding, no unused bits.
        match URL_SAFE_NO_PAD.decode(challenge) {
            Ok(bytes) if bytes.len() == SHA256_BYTES => Ok(Self(challenge.into())),
            _ => wrong("code_challenge must be the base64url form of a SHA-256, 43 characters"),
        }
    }

    /// Whether the challenge was made from `verifier`: 43 to 128 unreserved characters, compared in
    /// constant time.
    ///
    /// # Errors
    /// `invalid_grant`.
    pub fn verify(&self, verifier: Option<&str>) -> Result<(), OAuthError> {
        let wrong = |what: &'static str| Err(Code::InvalidGrant.because(what));
        let Some(verifier) = verifier else { return wrong("code_verifier is missing") };
        let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(is_unreserved) {
            return wrong("code_verifier must be 43 to 128 letters, digits, hyphens, dots, underscores and tildes");
        }
        match verify_slices_are_equal(Self::of(verifier).0.as_bytes(), self.0.as_bytes()) {
            Ok(()) => Ok(()),
            Err(_) => wrong("code_verifier does not match code_challenge"),
        }
    }

    /// The challenge of a verifier, for the gateway as a client of the upstream IdP.
    #[must_use]
    pub fn of(verifier: &str) -> Self {
        Self(sha256_base64url(verifier).into())
    }

    /// The challenge as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

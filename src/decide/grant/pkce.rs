//! Proof Key for Code Exchange, S256 alone, for every client (RFC 7636, SPEC E-11, E-21).

use serde::{Deserialize, Serialize};

use crate::decide::grant::error::OAuthError;

/// A code challenge: base64url of a SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge(Box<str>);

impl Challenge {
    /// From `code_challenge` and `code_challenge_method`, both of which must be there; the method must be `S256`.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn read(_challenge: Option<&str>, _method: Option<&str>) -> Result<Self, OAuthError> {
        todo!()
    }

    /// Whether `verifier` is the one that the challenge was made of: 43 to 128 unreserved characters, compared in constant time.
    ///
    /// # Errors
    /// `invalid_grant`.
    pub fn verify(&self, _verifier: Option<&str>) -> Result<(), OAuthError> {
        todo!()
    }

    /// The challenge of a verifier: for our own part as a client of the company's IdP.
    #[must_use]
    pub fn of(_verifier: &str) -> Self {
        todo!()
    }

    /// As sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

//! Finds the one credential of a request: `Authorization: Bearer`, once, and nowhere else.

use http::HeaderMap;

use crate::decide::refusal::Refusal;

/// A bearer token as it came: theirs, unchecked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Presented<'a> {
    pub(super) token: &'a str,
}

impl<'a> Presented<'a> {
    /// Takes the credential from the headers (SPEC B-01…B-06). Two credentials, or one in the query, are refused.
    ///
    /// # Errors
    /// [`Refusal::NoCredential`], [`Refusal::Presentation`], or [`crate::decide::refusal::TokenFault::Oversize`].
    pub fn find(headers: &'a HeaderMap, query: Option<&str>) -> Result<Self, Refusal> {
        let _ = (headers, query);
        Err(Refusal::NoCredential)
    }

    /// The token, for whoever proves it.
    #[must_use]
    pub fn token(&self) -> &'a str {
        self.token
    }
}

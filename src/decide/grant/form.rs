//! `application/x-www-form-urlencoded` with one meaning: parameters come once, decode cleanly, and are few (RFC 6749 §3.1, SPEC E-14).

use crate::decide::grant::error::OAuthError;

/// Parameters of a query or a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    pairs: Vec<(Box<str>, Box<str>)>,
}

impl Form {
    /// Reads the bytes of a query or of a body. A parameter that comes twice is an error, but for `resource` (RFC 8707 §2).
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn read(_bytes: &[u8]) -> Result<Self, OAuthError> {
        todo!()
    }

    /// The parameter; one without a value counts as left out (RFC 6749 §3.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, value)| **key == *name && !value.is_empty()).map(|(_, value)| &**value)
    }

    /// Every value of a parameter that may come several times.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, value)| **key == *name && !value.is_empty()).map(|(_, value)| &**value)
    }
}

/// Writes parameters as a query: `a=1&b=2`, everything but unreserved characters in percent form.
#[must_use]
pub fn encode(_pairs: &[(&str, &str)]) -> String {
    todo!()
}

/// One word in form encoding: unreserved characters as they are, everything else in percent form.
#[must_use]
pub fn encode_word(_word: &str) -> String {
    todo!()
}

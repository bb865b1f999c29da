//! Reads forms and queries that have one meaning (RFC 6749 §3.1, SPEC E-14).

use std::fmt;

use crate::{
    base::{
        limits::authorization_server::{FORM_BYTES_MAX, FORM_PARAMETERS_MAX},
        percent::{escape, form_unescape},
    },
    decide::authorization_server::error::{Code, OAuthError},
};

#[cfg(test)]
mod tests;

/// The only parameter that may appear several times (RFC 8707 §2).
const REPEATED: &str = "resource";

/// Parameters of a query or a form.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form {
    pairs: Vec<(Box<str>, Box<str>)>,
}

impl Form {
    /// Reads the bytes of a query or of a body. A duplicate parameter is an error, except
    /// `resource` (RFC 8707 §2).
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn read(bytes: &[u8]) -> Result<Self, OAuthError> {
        let wrong = |what: &'static str| Code::InvalidRequest.because(what);
        if bytes.len() > FORM_BYTES_MAX {
            return Err(wrong("the parameters are too long"));
        }
        let mut pairs: Vec<(Box<str>, Box<str>)> = Vec::new();
        for piece in bytes.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
            if pairs.len() == FORM_PARAMETERS_MAX {
                return Err(wrong("there are too many parameters"));
            }
            let at = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
            let (name, value) = piece.split_at_checked(at).unwrap_or_default();
            let name = decode(name).map_err(wrong)?;
            let value = decode(value.strip_prefix(b"=").unwrap_or_default()).map_err(wrong)?;
            if name.is_empty() {
                return Err(wrong("a parameter has no name"));
            }
            // Of two values some readers use the first and some the last. An empty value counts
            // here.
            if *name != *REPEATED && pairs.iter().any(|(known, _)| *known == name) {
                return Err(wrong("a parameter appears more than once; only resource may"));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The parameter; without a value it counts as absent (RFC 6749 §3.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, value)| **key == *name && !value.is_empty()).map(|(_, value)| &**value)
    }

    /// Every value of a parameter that may appear several times.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, value)| **key == *name && !value.is_empty()).map(|(_, value)| &**value)
    }
}

/// Prints only names: values are codes, passwords and secrets.
impl fmt::Debug for Form {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

/// Decodes one name or value: `+` is a space, `%` begins an escape, and the result must be UTF-8
/// without control characters other than a tab (RFC 6749 appendix A). A character that should be
/// escaped is refused, because another parser may read it differently.
pub(super) fn decode(text: &[u8]) -> Result<Box<str>, &'static str> {
    // Some parsers start a new parameter at a semicolon.
    if text.contains(&b';') {
        return Err("a parameter has a semicolon that is not escaped");
    }
    if !text.iter().all(u8::is_ascii_graphic) {
        return Err("a parameter has a character that is not escaped");
    }
    let decoded = form_unescape(text).ok_or("a parameter has a % without two hexadecimal digits")?;
    let decoded = String::from_utf8(decoded).map_err(|_| "a parameter is not UTF-8")?;
    if decoded.contains(|letter: char| letter.is_control() && letter != '\t') {
        return Err("a parameter has a control character");
    }
    Ok(decoded.into())
}

/// Writes parameters as a query: `a=1&b=2`, percent-encoded except for unreserved characters.
#[must_use]
pub fn encode(pairs: &[(&str, &str)]) -> String {
    let mut query = String::with_capacity(pairs.iter().map(|(name, value)| name.len() + value.len() + 2).sum());
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(escape(name));
        query.push('=');
        query.extend(escape(value));
    }
    query
}

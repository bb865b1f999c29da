//! Finds the credential of a request: one `Authorization: Bearer` field.

use std::fmt;

use http::{HeaderMap, header::AUTHORIZATION};

use crate::{
    base::percent::unescape,
    decide::refusal::{PresentationFault, Refusal, TokenFault},
};

/// An unverified bearer token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Presented<'a> {
    pub(super) token: &'a str,
}

impl<'a> Presented<'a> {
    /// Takes the credential from the headers (SPEC B-01…B-06). Two credentials, or one in the
    /// query, are refused, and a token of more than `bytes_max` (SPEC B-07).
    ///
    /// Another scheme (`Basic`, `DPoP`) is not a credential here, so the client gets the challenge,
    /// which asks for a bearer token. Cookies, `X-Api-Key`, `X-Forwarded-Access-Token` and similar
    /// fields are not read: an attacker could make a proxy before the gateway set them.
    ///
    /// # Errors
    /// [`Refusal::NoCredential`], [`Refusal::Presentation`], or
    /// [`crate::decide::refusal::TokenFault::Oversize`].
    pub fn find(headers: &'a HeaderMap, query: Option<&str>, bytes_max: u64) -> Result<Self, Refusal> {
        let mut fields = headers.get_all(AUTHORIZATION).iter();
        let first = fields.next();
        if fields.next().is_some() {
            // Some upstreams read the first field and some the last, so neither is safe (RFC 9110
            // §5.3).
            return Err(Refusal::Presentation(PresentationFault::TwoCredentials));
        }
        if query.is_some_and(names_a_token) {
            return Err(Refusal::Presentation(PresentationFault::InQuery));
        }
        let Some(field) = first else { return Err(Refusal::NoCredential) };

        let text = field.to_str().map_err(|_| Refusal::Presentation(PresentationFault::Malformed))?;
        let token = bearer(text, bytes_max)?;
        if headers.contains_key("dpop") {
            // The DPoP proof says that the token is bound to a key. As `Bearer` it would be used
            // without that bond (RFC 9449 §7.2).
            return Err(Refusal::Presentation(PresentationFault::TwoCredentials));
        }
        Ok(Self { token })
    }

    /// The token, for verification.
    #[must_use]
    pub fn token(&self) -> &'a str {
        self.token
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Presented(…)")
    }
}

/// The b64token of `Bearer 1*SP b64token` (RFC 6750 §2.1).
fn bearer(field: &str, bytes_max: u64) -> Result<&str, Refusal> {
    let malformed = Refusal::Presentation(PresentationFault::Malformed);
    let (scheme, rest) = field.split_at_checked(scheme_length(field)).unwrap_or((field, ""));
    if scheme.is_empty() {
        return Err(malformed);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        // `Basic x, Bearer y`: some servers would split at the comma and use the second part.
        let hidden = rest.split(',').skip(1).map(str::trim_start).any(|piece| {
            piece.split_at_checked(scheme_length(piece)).is_some_and(|(name, _)| name.eq_ignore_ascii_case("bearer"))
        });
        return Err(if hidden {
            Refusal::Presentation(PresentationFault::TwoCredentials)
        } else {
            Refusal::NoCredential
        });
    }
    let token = rest.trim_start_matches(' ');
    if token.len() == rest.len() {
        return Err(malformed);
    }
    if token.len() as u64 > bytes_max {
        return Err(Refusal::Token(TokenFault::Oversize));
    }
    if token.contains(',') {
        return Err(Refusal::Presentation(PresentationFault::TwoCredentials));
    }
    let body = token.trim_end_matches('=');
    // No early exit, so that the compiler can compare many bytes at once.
    if body.is_empty() || !body.bytes().fold(true, |plain, byte| plain & is_b64token(byte)) {
        return Err(malformed);
    }
    Ok(token)
}

/// Whether `byte` may be in a b64token, before its padding (RFC 9110 §11.2).
const fn is_b64token(byte: u8) -> bool {
    // Letters of both cases differ in one bit.
    let letter = byte | 0x20;
    ((letter >= b'a') & (letter <= b'z'))
        | ((byte >= b'-') & (byte <= b'9'))
        | (byte == b'+')
        | (byte == b'_')
        | (byte == b'~')
}

/// How many bytes of `field` are an auth-scheme: a `token` of RFC 9110 §5.6.2.
fn scheme_length(field: &str) -> usize {
    let tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    field.bytes().position(|b| !tchar(b)).unwrap_or(field.len())
}

/// Whether a parameter of `query` is called `access_token`, in any case, percent-encoded or not,
/// with or without a value. Proxies write such a token to their access logs (RFC 6750 §5.3), so it
/// is refused.
fn names_a_token(query: &str) -> bool {
    query.split(['&', ';']).any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        unescape(name).map(|b| b.to_ascii_lowercase()).eq(b"access_token".iter().copied())
    })
}

#[cfg(test)]
mod tests;

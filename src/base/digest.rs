//! SHA-256 as bytes, as base64url text, and as the short hexadecimal text of logs.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Length of a SHA-256.
pub const SHA256_BYTES: usize = 32;

/// The SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; SHA256_BYTES] {
    let mut out = [0; SHA256_BYTES];
    // Both have the same length.
    out.iter_mut().zip(digest(&SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    out
}

/// The SHA-256 of `text` as base64url, 43 characters.
#[must_use]
pub fn sha256_base64url(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(text.as_bytes()))
}

/// The length of a truncated digest, long enough that no two names share one.
const KEPT: usize = 16;

/// The first half of a SHA-256, as hexadecimal text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest(Box<str>);

impl Digest {
    /// The digest of `parts`, with a zero byte between them.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let whole = sha256(parts.join("\0").as_bytes());
        let mut text = String::with_capacity(2 * KEPT);
        for byte in whole.iter().take(KEPT) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_sha256sum_says() {
        // printf abc | sha256sum
        assert_eq!(sha256(b"abc").first_chunk::<4>(), Some(&[0xba, 0x78, 0x16, 0xbf]));
        // printf abc | openssl sha256 -binary | base64 | tr +/ -_ | tr -d =
        assert_eq!(sha256_base64url("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }

    #[test]
    fn b72_a_digest_is_what_sha256sum_says() {
        // printf 'https://idp\0alice' | sha256sum
        assert_eq!(Digest::of(&["https://idp", "alice"]).as_str(), "558ba9c227886834f75f6479c3b033a3");
        assert_ne!(Digest::of(&["https://idp", "alice"]), Digest::of(&["https://id", "palice"]));
    }
}

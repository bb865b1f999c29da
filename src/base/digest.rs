//! SHA-256: whole, and as the short text that a record says in place of a name.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

/// The SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut out = [0; SHA256_OUTPUT_LEN];
    // Both have the same length.
    out.iter_mut().zip(digest(&SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    out
}

/// Bytes of the digest that are kept: enough that no two names share them.
const KEPT: usize = 16;

/// The front of a SHA-256, as hexadecimal text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest(Box<str>);

impl Digest {
    /// Of `parts` with a zero byte between them.
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
    fn b72_a_digest_is_what_sha256sum_says() {
        // printf 'https://idp\0alice' | sha256sum
        assert_eq!(Digest::of(&["https://idp", "alice"]).as_str(), "558ba9c227886834f75f6479c3b033a3");
        assert_ne!(Digest::of(&["https://idp", "alice"]), Digest::of(&["https://id", "palice"]));
    }
}

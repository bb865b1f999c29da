//! What a record may say in place of a name.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};

/// Bytes of the digest that are kept: enough that nobody finds two names with one.
const KEPT: usize = 16;

/// The front of a SHA-256, as hexadecimal text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest(Box<str>);

impl Digest {
    /// Of `parts` with a zero byte between them.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let whole = digest(&SHA256, parts.join("\0").as_bytes());
        let mut text = String::with_capacity(2 * KEPT);
        for byte in whole.as_ref().iter().take(KEPT) {
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

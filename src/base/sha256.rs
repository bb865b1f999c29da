//! Computes the SHA-256 of bytes.

use aws_lc_rs::digest::{SHA256, digest};

/// The SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    // SHA-256 always makes 32 bytes.
    out.iter_mut().zip(digest(&SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_sha256sum_says() {
        // printf abc | sha256sum
        assert_eq!(sha256(b"abc").iter().take(4).copied().collect::<Vec<u8>>(), [0xba, 0x78, 0x16, 0xbf]);
    }
}

//! Bounds on the head of a request: they follow the longest token that a server accepts (F-12).

use super::{
    KIB,
    connections::{HEADER_FIELDS_MAX, URI_BYTES_MAX},
    tokens::TOKEN_BYTES,
};

/// What one field may hold beside the token: its scheme, and whatever a proxy adds.
const BESIDE_TOKEN_BYTES: usize = KIB;
/// One field may hold this much even if no server accepts a token as long.
const FIELD_BYTES_LEAST: usize = 16 * KIB;
/// All other fields of one head together.
const OTHER_FIELDS_BYTES: usize = 16 * KIB;
/// HTTP/2 counts each field of a head with this many bytes more (RFC 9113 §6.5.2).
const H2_FIELD_BYTES: usize = 32;
/// The largest frame that the gateway takes (RFC 9113 §4.2).
const H2_FRAME_BYTES: usize = 16 * KIB;

/// Bounds on the head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadBounds {
    /// Bytes of one field value.
    pub field_bytes: usize,
    /// Bytes of all fields together.
    pub block_bytes: usize,
}

impl HeadBounds {
    /// The bounds for tokens of this length.
    #[must_use]
    pub const fn of_token(token_bytes: usize) -> Self {
        let wanted = token_bytes.saturating_add(BESIDE_TOKEN_BYTES);
        let field_bytes = if wanted < FIELD_BYTES_LEAST { FIELD_BYTES_LEAST } else { wanted };
        Self { field_bytes, block_bytes: field_bytes.saturating_add(OTHER_FIELDS_BYTES) }
    }

    /// The bytes of an HTTP/1.1 head that are held until it is whole. A head that is only too large
    /// for [`Self::block_bytes`] gets a better answer later.
    #[must_use]
    pub const fn held_bytes(self) -> usize {
        self.block_bytes.saturating_add(URI_BYTES_MAX + 16 * KIB)
    }

    /// The bound of the HTTP/1.1 library, above [`Self::held_bytes`].
    #[must_use]
    pub const fn h1_buffer_bytes(self) -> usize {
        self.held_bytes().saturating_add(8 * KIB)
    }

    /// The bound of the HTTP/2 library on a head when it is unpacked.
    #[must_use]
    pub const fn h2_list_bytes(self) -> usize {
        self.block_bytes.saturating_add(URI_BYTES_MAX + H2_FIELD_BYTES * HEADER_FIELDS_MAX)
    }

    /// The most bytes of a head's frames that the HTTP/2 library takes: one frame and at least five
    /// more, or as many as the list of fields fills, and a quarter.
    #[must_use]
    pub const fn h2_packed_bytes(self) -> usize {
        let frames = self.h2_list_bytes() / H2_FRAME_BYTES;
        let more = frames.saturating_add(frames / 4);
        let more = if more < 5 { 5 } else { more };
        (1 + more) * H2_FRAME_BYTES
    }
}

impl Default for HeadBounds {
    fn default() -> Self {
        Self::of_token(TOKEN_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_a1_a_head_has_room_for_the_longest_token_and_16_kib_more() {
        for (token, field, block) in [(32, 33, 49), (64, 65, 81), (15, 16, 32), (1, 16, 32)] {
            let bounds = HeadBounds::of_token(token * KIB);
            assert_eq!(bounds, HeadBounds { field_bytes: field * KIB, block_bytes: block * KIB }, "{token} KiB");
            assert!(bounds.h1_buffer_bytes() > bounds.held_bytes() && bounds.held_bytes() > bounds.block_bytes);
            assert!(bounds.h2_packed_bytes() > bounds.h2_list_bytes());
        }
        assert_eq!(HeadBounds::default(), HeadBounds::of_token(32 * KIB));
        assert_eq!(HeadBounds::default().h2_packed_bytes(), 6 * H2_FRAME_BYTES);
    }
}

//! Reads error codes in outgoing HTTP/2 frames: only they show what the library refused.

/// RFC 9113 §4.1: length, type, flags, stream.
const HEAD_BYTES: usize = 9;
/// RFC 9113 §6.4: the payload is a code.
const RST_STREAM: u8 = 3;
/// RFC 9113 §6.8: the payload is a stream, a code, and perhaps debug data.
const GOAWAY: u8 = 7;
/// How many bytes of a payload are read.
const LOOKED_AT_BYTES: usize = 8;

/// Watches the outgoing bytes of one HTTP/2 connection, in pieces of any size.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    /// The head of the current frame, then the beginning of its payload.
    seen: [u8; HEAD_BYTES + LOOKED_AT_BYTES],
    filled: usize,
    /// How many bytes of `seen` are filled before they are read: first the head, then part of the
    /// payload.
    wanted: usize,
    /// Bytes of the payload to skip.
    skip: usize,
}

/// A frame that ends a stream or the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cutoff {
    /// `RST_STREAM`, with its code.
    Stream(u32),
    /// `GOAWAY`, with its code.
    Connection(u32),
}

impl Frames {
    /// The watch over a new connection.
    #[must_use]
    pub fn new() -> Self {
        Self { wanted: HEAD_BYTES, ..Self::default() }
    }

    /// Watches the next piece, and reports each frame that ends a stream or the connection.
    pub fn watch(&mut self, bytes: &[u8], mut tell: impl FnMut(Cutoff)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.skip > 0 {
                let here = self.skip.min(rest.len());
                self.skip -= here;
                rest = rest.get(here..).unwrap_or_default();
                continue;
            }
            let here = (self.wanted - self.filled).min(rest.len());
            let (taken, after) = rest.split_at_checked(here).unwrap_or((rest, &[]));
            if let Some(room) = self.seen.get_mut(self.filled..self.filled + here) {
                room.copy_from_slice(taken);
            }
            self.filled += here;
            rest = after;
            if self.filled == self.wanted
                && let Some(cutoff) = self.read()
            {
                tell(cutoff);
            }
        }
    }

    /// Reads the filled bytes: first a head, and then, for a frame that matters, the beginning of
    /// its payload.
    fn read(&mut self) -> Option<Cutoff> {
        let [a, b, c, kind, _, _, _, _, _, payload @ ..] = self.seen;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        let looked_at = match kind {
            RST_STREAM if length >= 4 => 4,
            GOAWAY if length >= 8 => LOOKED_AT_BYTES,
            _ => 0,
        };
        if looked_at > 0 && self.wanted == HEAD_BYTES {
            self.wanted += looked_at;
            return None;
        }
        (self.filled, self.wanted, self.skip) = (0, HEAD_BYTES, length - looked_at);
        let [w, x, y, z, last @ ..] = payload;
        match looked_at {
            4 => Some(Cutoff::Stream(u32::from_be_bytes([w, x, y, z]))),
            LOOKED_AT_BYTES => Some(Cutoff::Connection(u32::from_be_bytes(last))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, 0, 0, 0, 0, 1], payload].concat()
    }

    fn told(pieces: &[&[u8]]) -> Vec<Cutoff> {
        let (mut frames, mut all) = (Frames::new(), Vec::new());
        for piece in pieces {
            frames.watch(piece, |cutoff| all.push(cutoff));
        }
        all
    }

    #[test]
    fn attack_183_what_ends_streams_and_connections_is_seen_among_other_frames() {
        let bytes = [
            frame(4, &[0; 18]),
            frame(0, &[RST_STREAM; 5000]),
            frame(RST_STREAM, &1_u32.to_be_bytes()),
            frame(0, &[]),
            frame(1, b"head"),
            frame(GOAWAY, &[0, 0, 0, 9, 0, 0, 0, 11, b'd', b'e', b'b', b'u', b'g']),
            frame(RST_STREAM, &[0, 0, 0, 0]),
            frame(GOAWAY, &[0; 8]),
            // Too short: ignored.
            frame(RST_STREAM, &[1]),
            frame(GOAWAY, &[1; 7]),
            frame(RST_STREAM, &7_u32.to_be_bytes()),
        ]
        .concat();
        let wanted =
            [Cutoff::Stream(1), Cutoff::Connection(11), Cutoff::Stream(0), Cutoff::Connection(0), Cutoff::Stream(7)];
        assert_eq!(told(&[&bytes]), wanted);
        let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(told(&bytewise), wanted, "byte by byte");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn attack_183_no_split_changes_what_is_seen(
            kinds in prop::collection::vec((0_u8..10, prop::collection::vec(any::<u8>(), 0..20)), 0..12),
            len in 1_usize..40,
        ) {
            let bytes = kinds.iter().flat_map(|(kind, payload)| frame(*kind, payload)).collect::<Vec<_>>();
            let pieces: Vec<&[u8]> = bytes.chunks(len).collect();
            prop_assert_eq!(told(&pieces), told(&[&bytes]));
        }
    }
}

//! Finds the event ids in a stream while it is relayed.

use crate::{
    base::limits::messages::EVENT_ID_BYTES_MAX,
    decide::mcp::answer::sse::field::{FieldPart, FieldReader},
};

/// A reader of one stream, which keeps its place between pieces.
#[derive(Debug)]
pub struct EventIds {
    lines: FieldReader,
    /// The part of this line's id that has come.
    value: Vec<u8>,
    /// The id in this line is longer than any that is noted.
    is_too_long: bool,
}

impl Default for EventIds {
    fn default() -> Self {
        Self { lines: FieldReader::new(b"id:"), value: Vec::new(), is_too_long: false }
    }
}

impl EventIds {
    /// Calls `note` for each id that ends in `piece`.
    pub fn see(&mut self, piece: &[u8], mut note: impl FnMut(&[u8])) {
        let Self { lines, value, is_too_long } = self;
        lines.any(piece, |part| {
            match part {
                FieldPart::Value(text) => {
                    *is_too_long |= value.len() + text.len() > EVENT_ID_BYTES_MAX;
                    if !*is_too_long {
                        value.extend_from_slice(text);
                    }
                }
                FieldPart::ValueEnd => {
                    // An id with a NUL in it is ignored.
                    if !std::mem::take(is_too_long) && memchr::memchr(0, value).is_none() {
                        note(value);
                    }
                    value.clear();
                }
                FieldPart::EventEnd => {}
            }
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::decide::mcp::answer::sse::Events;

    fn ids(stream: &[u8], size: usize) -> Vec<Vec<u8>> {
        let mut ids = EventIds::default();
        let mut noted = Vec::new();
        for piece in stream.chunks(size.max(1)) {
            ids.see(piece, |id| noted.push(id.to_vec()));
        }
        noted
    }

    #[test]
    fn c52_ids_are_found_however_the_stream_is_cut() {
        let long = format!("id:{}\n", "x".repeat(EVENT_ID_BYTES_MAX));
        let too_long = format!("id:{}\nid:y\n", "x".repeat(EVENT_ID_BYTES_MAX + 1));
        let exactly = "x".repeat(EVENT_ID_BYTES_MAX);
        let cases: [(&[u8], &[&str]); 14] = [
            (b"id: 1\ndata: x\n\n", &[" 1"]),
            (b"data: x\nid:1\r\n\r\nid:2\r\rid:3\n\n", &["1", "2", "3"]),
            (b"data: id: 1\n\n id: 2\nid : 3\nids: 4\nID: 5\n:id: 6\nxid: 7\n", &[]),
            (b"i\nid\nid:\n", &[""]),
            (b"ididid:1\nid:id:2\n", &["id:2"]),
            (b"id: 1", &[]),
            (b"id: a\0b\nid: c\n", &[" c"]),
            (b"\xEF\xBB\xBFid: 1\n", &[" 1"]),
            (b"\xEF\xBBid: 1\nid: 2\n", &[" 2"]),
            (b"\n\xEF\xBB\xBFid: 1\n", &[]),
            (b"\r\nid: 1\r\n", &[" 1"]),
            (b"", &[]),
            (long.as_bytes(), &[&exactly]),
            (too_long.as_bytes(), &["y"]),
        ];
        for (stream, expected) in cases {
            for size in [1, 2, 3, 5, 1_000, 10_000] {
                let found = ids(stream, size);
                let found: Vec<&str> = found.iter().map(|id| std::str::from_utf8(id).unwrap()).collect();
                assert_eq!(found, expected, "{:?} in pieces of {size}", String::from_utf8_lossy(stream));
            }
        }
    }

    proptest! {
        #[test]
        fn c52_no_event_has_an_id_that_is_not_noted(
            tokens in prop::collection::vec(
                prop::sample::select(vec!["id", ":", " ", "\n", "\r", "\r\n", "data", "7", "\0", "x: y", "\n\n"]), 0..60,
            ),
            size in 1_usize..9,
        ) {
            let stream = tokens.concat();
            let noted = ids(stream.as_bytes(), size);
            let mut events = Events::new(10_000);
            events.push(Bytes::from(stream));
            events.end();
            while let Some(event) = events.next() {
                let event = event.unwrap();
                if let Some(id) = event.id().filter(|id| !id.is_empty()) {
                    let same = |noted: &Vec<u8>| noted.strip_prefix(b" ").unwrap_or(noted) == id;
                    prop_assert!(noted.iter().any(same), "{id:?} of {noted:?}");
                }
            }
        }
    }
}

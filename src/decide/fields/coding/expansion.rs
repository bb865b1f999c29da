//! Decides whether an answer is a decompression bomb: it decodes to more than its size permits.

use memchr::memchr2;

use crate::base::limits::messages::{DECODED_BYTES_FREE, DECODED_TIMES_MAX};

/// What is bounded: the whole answer, or each event of an endless one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An answer that is read as a whole.
    Whole,
    /// An event stream. Its events may repeat for hours, so that they compress to almost nothing.
    Events,
}

impl Shape {
    /// The shape of an answer, which may be an event stream.
    #[must_use]
    pub fn of(is_stream: bool) -> Self {
        if is_stream { Self::Events } else { Self::Whole }
    }
}

/// How many compressed bytes came, and how many were decoded from them.
#[derive(Debug)]
pub(super) struct Expansion {
    /// Looks for the ends of events.
    lines: Option<BlankLines>,
    /// Compressed bytes since the start of the answer or of the event.
    came: u64,
    /// Bytes that were decoded from them.
    made: u64,
    /// Bytes that were decoded from the whole answer.
    all: usize,
    has_begun: bool,
}

impl Expansion {
    pub(super) fn new(shape: Shape) -> Self {
        let lines = (shape == Shape::Events).then(BlankLines::default);
        Self { lines, came: 0, made: 0, all: 0, has_begun: false }
    }

    /// Whether a compressed byte has come.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// How many bytes were decoded from the whole answer.
    pub(super) fn made(&self) -> usize {
        self.all
    }

    /// Whether the next `came` bytes may decode to `made`.
    pub(super) fn is_fit(&mut self, came: usize, made: &[u8]) -> bool {
        self.has_begun |= came > 0;
        self.all = self.all.saturating_add(made.len());
        self.came = self.came.saturating_add(came as u64);
        // Ends of events count only if a compressed byte came for them.
        let ended = self.lines.as_mut().and_then(|lines| lines.last_end(made)).filter(|_| self.came > 0);
        if let Some(end) = ended {
            (self.came, self.made) = (0, 0);
            self.made = (made.len() - end) as u64;
        } else {
            self.made = self.made.saturating_add(made.len() as u64);
        }
        self.made <= DECODED_BYTES_FREE.saturating_add(self.came.saturating_mul(DECODED_TIMES_MAX))
    }
}

/// Finds blank lines, which end events, with every kind of line end and in pieces of any size.
#[derive(Debug, Default)]
struct BlankLines {
    has_text: bool,
    after_cr: bool,
}

impl BlankLines {
    /// How much of `piece` is before the end of its last blank line.
    fn last_end(&mut self, piece: &[u8]) -> Option<usize> {
        let (mut end, mut at) = (None, 0);
        while let Some((line, rest)) = piece.get(at..).and_then(|rest| {
            let length = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            (!rest.is_empty()).then(|| rest.split_at(length))
        }) {
            self.has_text |= !line.is_empty();
            self.after_cr &= line.is_empty();
            let Some(byte) = rest.first() else { break };
            at += line.len() + 1;
            let is_rest_of_end = *byte == b'\n' && std::mem::take(&mut self.after_cr);
            if !is_rest_of_end {
                if !std::mem::take(&mut self.has_text) {
                    end = Some(at);
                }
                self.after_cr = *byte == b'\r';
            }
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_c3_blank_lines_are_found_however_the_stream_is_cut() {
        for (text, expected) in [
            ("data: x\n\n", Some(9)),
            ("data: x\r\n\r\ny", Some(10)),
            ("data: x\r\rdata", Some(9)),
            ("data: x\n\r\n", Some(9)),
            ("a\n\nb\n\nc", Some(6)),
            ("data: x\r\n", None),
            ("data: x\ndata: y\n", None),
            ("\n", Some(1)),
            ("", None),
        ] {
            assert_eq!(BlankLines::default().last_end(text.as_bytes()), expected, "{text:?}");
            let mut lines = BlankLines::default();
            let single = text.bytes().enumerate().filter_map(|(at, byte)| lines.last_end(&[byte]).map(|_| at + 1));
            assert_eq!(single.last(), expected, "{text:?}");
        }
    }

    #[test]
    fn people_c3_attack_345_an_event_is_bounded_and_a_stream_of_events_is_not() {
        let event = [b"data: ".as_slice(), &[b'x'; 60_000], b"\n\n"].concat();
        let mut stream = Expansion::new(Shape::Events);
        assert!((0..10_000).all(|_| stream.is_fit(1, &event)), "600 MB of 10 kB");
        let mut whole = Expansion::new(Shape::Whole);
        assert!(!(0..10_000).all(|_| whole.is_fit(1, &event)), "one answer");
        let mut endless = Expansion::new(Shape::Events);
        assert!(!(0..10_000).all(|_| endless.is_fit(1, &[b'x'; 60_000])), "one event");
        let mut burst = Expansion::new(Shape::Events);
        assert!(!(0..10_000).all(|_| burst.is_fit(0, &event)), "without a compressed byte");
    }
}

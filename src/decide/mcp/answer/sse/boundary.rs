//! Finds where an event ends, with every kind of line end and in pieces of any size.
//!
//! A comment before the first field of an event belongs to no event, so it ends with its line:
//! upstreams keep a silent stream open with comments without a blank line. [`super::field`] reads a
//! stream, too; this is apart because every line counts here, and only one field's lines there.

use memchr::memchr2;

use crate::base::text::BYTE_ORDER_MARK;

/// How the last line ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LineEnd {
    /// With LF or CRLF, or no line has ended yet.
    #[default]
    Fed,
    /// With CR; an LF that follows belongs to it.
    Open,
    /// With CR without LF.
    Bare,
}

/// The state after the bytes so far.
#[derive(Debug)]
pub(super) struct EventBoundary {
    /// The bytes of a byte order mark so far; `None` after the start of the stream.
    mark: Option<usize>,
    last: LineEnd,
    in_line: bool,
    /// Whether the line is a comment before the first field.
    in_comment: bool,
    /// Whether the event has a field already.
    has_field: bool,
    /// Whether the last line ended in CR, and an LF may follow.
    waits: bool,
    /// Whether the event has a byte already.
    begun: bool,
    /// The number of bytes before the event's first line.
    lead: usize,
}

impl Default for EventBoundary {
    fn default() -> Self {
        Self {
            mark: Some(0),
            last: LineEnd::default(),
            in_line: false,
            in_comment: false,
            has_field: false,
            waits: false,
            begun: false,
            lead: 0,
        }
    }
}

impl EventBoundary {
    /// Reads the next bytes. Returns how many belong to the event, if it ends in them.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = self.skip_mark(bytes);
        loop {
            let byte = *bytes.get(at)?;
            if self.waits {
                self.last = if byte == b'\n' { LineEnd::Fed } else { LineEnd::Bare };
                return Some(at + usize::from(byte == b'\n'));
            }
            if self.in_line {
                at += memchr2(b'\r', b'\n', bytes.get(at..)?)?;
                self.last = if bytes.get(at) == Some(&b'\r') { LineEnd::Open } else { LineEnd::Fed };
                self.in_line = false;
                at += 1;
                if std::mem::take(&mut self.in_comment) {
                    if self.last == LineEnd::Fed {
                        return Some(at);
                    }
                    self.waits = true;
                }
                continue;
            }
            let begun = std::mem::replace(&mut self.begun, true);
            if self.last == LineEnd::Open {
                self.last = if byte == b'\n' { LineEnd::Fed } else { LineEnd::Bare };
                if byte == b'\n' {
                    // The LF after a CR that has already ended the previous event.
                    self.lead += usize::from(!begun);
                    at += 1;
                    continue;
                }
            }
            match byte {
                b'\n' => {
                    self.last = LineEnd::Fed;
                    return Some(at + 1);
                }
                // In a stream whose lines end in CR without LF, the event ends here: to wait for
                // the next byte would delay it.
                b'\r' if self.last == LineEnd::Bare => {
                    self.last = LineEnd::Open;
                    return Some(at + 1);
                }
                b'\r' => {
                    self.waits = true;
                    at += 1;
                }
                _ => {
                    self.in_line = true;
                    self.in_comment = byte == b':' && !self.has_field;
                    self.has_field |= !self.in_comment;
                }
            }
        }
    }

    /// Whether an event is complete, except that an LF may follow.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Begins the next event. Returns how many bytes were before the first line of the ended event.
    pub(super) fn begin(&mut self) -> usize {
        self.in_line = false;
        self.has_field = false;
        self.waits = false;
        self.begun = false;
        std::mem::take(&mut self.lead)
    }

    /// Skips a byte order mark at the start of the stream.
    fn skip_mark(&mut self, bytes: &[u8]) -> usize {
        let Some(seen) = self.mark else { return 0 };
        let wanted = BYTE_ORDER_MARK.get(seen..).unwrap_or_default();
        let same = wanted.iter().zip(bytes).take_while(|(wanted, byte)| wanted == byte).count();
        if same == wanted.len() {
            self.lead = BYTE_ORDER_MARK.len();
            self.begun = true;
            self.mark = None;
        } else if same == bytes.len() {
            self.mark = Some(seen + same);
        } else {
            // The bytes were not a mark, but the start of a line.
            self.in_line = seen + same > 0;
            self.begun = self.in_line;
            self.has_field = self.in_line;
            self.mark = None;
        }
        same
    }
}

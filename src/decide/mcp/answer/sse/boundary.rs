//! Where an event ends, with each kind of line end and wherever the stream was cut.
//!
//! A comment before the first field of an event belongs to no event, so it ends with its line:
//! upstreams keep a silent stream open with comments that no blank line follows.

use memchr::memchr2;

use crate::base::text::BYTE_ORDER_MARK;

/// How a line ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LineEnd {
    /// In LF or CRLF, or no line has ended yet.
    #[default]
    Fed,
    /// In CR; an LF that follows belongs to it.
    Open,
    /// In CR without LF.
    Bare,
}

/// Where in the stream we are.
#[derive(Debug)]
pub(super) struct EventBoundary {
    /// Bytes of a byte order mark so far; `None` after the start of the stream.
    mark: Option<usize>,
    last: LineEnd,
    in_line: bool,
    /// The line is a comment that stands before every field.
    in_comment: bool,
    /// The event has a field already.
    has_field: bool,
    /// The last line has ended in CR, and an LF may follow.
    waits: bool,
    /// The event has a byte already.
    begun: bool,
    /// Bytes before the event's first line.
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
    /// Looks at the next bytes, all of them or up to the end of an event: how many those are.
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
                    // After a CR that has ended the previous event already.
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
                // If lines end in CR without LF, this is the end: waiting for the next byte would
                // hold the event back.
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

    /// Whether an event is complete, but for an LF that may follow.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// The next event begins; how many bytes stood before the first line of the one that has ended.
    pub(super) fn begin(&mut self) -> usize {
        self.in_line = false;
        self.has_field = false;
        self.waits = false;
        self.begun = false;
        std::mem::take(&mut self.lead)
    }

    /// One byte order mark at the start of the stream means nothing.
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
            // It was the start of a line after all.
            self.in_line = seen + same > 0;
            self.begun = self.in_line;
            self.has_field = self.in_line;
            self.mark = None;
        }
        same
    }
}

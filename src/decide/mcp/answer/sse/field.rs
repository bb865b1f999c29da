//! Follows one field through an event stream, in pieces of any size. It keeps no bytes.

use memchr::memchr2;

use crate::base::text::BYTE_ORDER_MARK;

/// The state after the bytes so far.
#[derive(Debug)]
pub(in crate::decide::mcp::answer) struct FieldReader {
    /// The start of a line of the field: its name and a colon.
    start: &'static [u8],
    at: At,
    /// Whether the previous line ended in CR: an LF that follows belongs to it.
    after_cr: bool,
}

/// Where in a line the next byte is.
#[derive(Clone, Copy, Debug)]
enum At {
    /// In the byte order mark at the start of the stream: this many bytes of it have come.
    Mark(usize),
    /// At the start of a line: this many bytes of the field's name and colon have come.
    Start(usize),
    /// In the value of the field.
    Value,
    /// In a comment or another field.
    Other,
}

/// A part of the stream that concerns the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decide::mcp::answer) enum FieldPart<'a> {
    /// A part of a value, which begins directly after the colon.
    Value(&'a [u8]),
    /// The value has ended.
    ValueEnd,
    /// A blank line: the event has ended.
    EventEnd,
}

impl FieldReader {
    /// The state at the start of a stream. `start` is the field's name and a colon.
    pub(in crate::decide::mcp::answer) fn new(start: &'static [u8]) -> Self {
        Self { start, at: At::Mark(0), after_cr: false }
    }

    /// Reads `bytes`, and calls `on` for each part until it returns true. Returns whether it did.
    pub(in crate::decide::mcp::answer) fn any(
        &mut self,
        bytes: &[u8],
        mut on: impl FnMut(FieldPart<'_>) -> bool,
    ) -> bool {
        let mut rest = bytes;
        while let Some((&byte, behind)) = rest.split_first() {
            match self.at {
                At::Mark(come) => match BYTE_ORDER_MARK.get(come) {
                    Some(wanted) if *wanted == byte => {
                        self.at = At::Mark(come + 1);
                        rest = behind;
                    }
                    // Half of a byte order mark is the start of a line.
                    Some(_) if come > 0 => self.at = At::Other,
                    _ => self.at = At::Start(0),
                },
                At::Start(come) => {
                    rest = behind;
                    let is_rest_of_end = std::mem::take(&mut self.after_cr) && byte == b'\n';
                    match byte {
                        b'\n' if is_rest_of_end => {}
                        b'\r' | b'\n' => {
                            self.end_line(byte);
                            if come == 0 && on(FieldPart::EventEnd) {
                                return true;
                            }
                        }
                        _ if self.start.get(come) != Some(&byte) => self.at = At::Other,
                        _ if come + 1 == self.start.len() => self.at = At::Value,
                        _ => self.at = At::Start(come + 1),
                    }
                }
                At::Value | At::Other => {
                    let is_value = matches!(self.at, At::Value);
                    let line = rest.get(..memchr2(b'\r', b'\n', rest).unwrap_or(rest.len())).unwrap_or_default();
                    if is_value && !line.is_empty() && on(FieldPart::Value(line)) {
                        return true;
                    }
                    let Some((&end, behind)) = rest.get(line.len()..).and_then(<[u8]>::split_first) else {
                        return false;
                    };
                    self.end_line(end);
                    rest = behind;
                    if is_value && on(FieldPart::ValueEnd) {
                        return true;
                    }
                }
            }
        }
        false
    }

    fn end_line(&mut self, end: u8) {
        self.at = At::Start(0);
        self.after_cr = end == b'\r';
    }
}

//! Follows one field through an event stream that passes in pieces of any size, and keeps no bytes.

use memchr::memchr2;

use crate::base::text::BYTE_ORDER_MARK;

/// A place in a stream.
#[derive(Debug)]
pub(in crate::decide::mcp::answer) struct FieldReader {
    /// How a line of the field begins: its name and a colon.
    start: &'static [u8],
    at: At,
    /// The line before has ended in CR: an LF that follows belongs to it.
    after_cr: bool,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug)]
enum At {
    /// The byte order mark that a stream may start with: so many bytes of it have come.
    Mark(usize),
    /// The start of a line: so many bytes of the field's have come.
    Start(usize),
    /// The field's value.
    Value,
    /// A comment or another field.
    Other,
}

/// What the stream says about the field.
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
    /// At the start of a stream. `start` is the field's name and a colon.
    pub(in crate::decide::mcp::answer) fn new(start: &'static [u8]) -> Self {
        Self { start, at: At::Mark(0), after_cr: false }
    }

    /// Reads `bytes`, and calls `on` for each part in them until it returns true; whether it did.
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
                    // Half of one is the start of a line after all.
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

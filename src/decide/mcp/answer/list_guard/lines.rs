//! Follows an event stream line by line, and passes the data of its events on.

use memchr::memchr2;

use super::json::Json;
use crate::{base::text::BYTE_ORDER_MARK, decide::mcp::answer::lists::Lists};

const DATA: &[u8] = b"data";

/// What the next byte of a line belongs to.
#[derive(Clone, Copy, Debug)]
enum At {
    /// The byte order mark that a stream may start with: how much of it has come.
    Mark(usize),
    /// The name of the field, which is that of data so far: how much of it has come.
    Name(usize),
    /// After the colon of data; a space there does not count.
    Colon,
    /// Data.
    Data,
    /// Anything else: a comment, another field.
    Other,
}

/// A place in a stream.
#[derive(Debug)]
pub(super) struct EventLines {
    data: Json,
    at: At,
    /// The line before has ended in CR: an LF that follows belongs to it.
    behind_cr: bool,
}

impl Default for EventLines {
    fn default() -> Self {
        Self { data: Json::default(), at: At::Mark(0), behind_cr: false }
    }
}

impl EventLines {
    /// Takes the next bytes; whether one of `lists` starts in the data among them.
    pub(super) fn meets(&mut self, lists: Lists, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        while let Some((byte, behind)) = rest.split_first() {
            match self.at {
                At::Data | At::Other => {
                    let line = rest.get(..memchr2(b'\r', b'\n', rest).unwrap_or(rest.len())).unwrap_or_default();
                    if matches!(self.at, At::Data) && self.data.meets(lists, line) {
                        return true;
                    }
                    let Some((end, behind)) = rest.get(line.len()..).and_then(<[u8]>::split_first) else {
                        return false;
                    };
                    self.end_line(*end);
                    rest = behind;
                }
                At::Mark(come) => match BYTE_ORDER_MARK.get(come) {
                    Some(wanted) if wanted == byte => {
                        self.at = At::Mark(come + 1);
                        rest = behind;
                    }
                    // Half of one is the start of a line after all.
                    Some(_) if come > 0 => self.at = At::Other,
                    _ => self.at = At::Name(0),
                },
                At::Name(come) => {
                    rest = behind;
                    self.name(come, *byte);
                }
                At::Colon => {
                    self.at = At::Data;
                    if *byte == b' ' {
                        rest = behind;
                    }
                }
            }
        }
        false
    }

    /// Takes a byte of a line that may be one of data.
    fn name(&mut self, come: usize, byte: u8) {
        let is_rest_of_end = std::mem::take(&mut self.behind_cr) && byte == b'\n';
        match byte {
            b'\n' if is_rest_of_end => {}
            b'\r' | b'\n' => {
                if come == 0 {
                    self.data = Json::default();
                }
                self.end_line(byte);
            }
            b':' if come == DATA.len() => self.at = At::Colon,
            _ if DATA.get(come) == Some(&byte) => self.at = At::Name(come + 1),
            _ => self.at = At::Other,
        }
    }

    fn end_line(&mut self, end: u8) {
        self.at = At::Name(0);
        self.behind_cr = end == b'\r';
    }
}

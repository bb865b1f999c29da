//! Follows an event stream line by line, and searches the data of its events for lists.

use memchr::memchr2;

use super::json::Json;
use crate::{base::text::BYTE_ORDER_MARK, decide::mcp::answer::lists::Lists};

const DATA: &[u8] = b"data";

/// Where in a line the next byte is.
#[derive(Clone, Copy, Debug)]
enum At {
    /// In the byte order mark at the start of the stream: this many bytes of it have come.
    Mark(usize),
    /// In the field name, which is `data` so far: this many bytes of it have come.
    Name(usize),
    /// After the colon of `data`; one space there is ignored.
    Colon,
    /// Data.
    Data,
    /// Anything else: a comment, another field.
    Other,
}

/// The state after the bytes so far.
#[derive(Debug)]
pub(super) struct EventLines {
    data: Json,
    at: At,
    /// Whether the previous line ended in CR: an LF that follows belongs to it.
    behind_cr: bool,
}

impl Default for EventLines {
    fn default() -> Self {
        Self { data: Json::default(), at: At::Mark(0), behind_cr: false }
    }
}

impl EventLines {
    /// Takes the next bytes, and returns whether one of `lists` starts in their data.
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
                    // Half of a byte order mark is the start of a line.
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

    /// Takes a byte of a line that may begin with `data`.
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

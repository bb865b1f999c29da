//! Searches the data of a stream's events for lists.

use super::json::Json;
use crate::decide::mcp::answer::{
    lists::Lists,
    sse::field::{FieldPart, FieldReader},
};

/// The state after the bytes so far.
#[derive(Debug)]
pub(super) struct EventLines {
    lines: FieldReader,
    data: Json,
    /// A part of the line's data has come.
    in_line: bool,
}

impl Default for EventLines {
    fn default() -> Self {
        Self { lines: FieldReader::new(b"data:"), data: Json::default(), in_line: false }
    }
}

impl EventLines {
    /// Takes the next bytes, and returns whether one of `lists` starts in their data.
    pub(super) fn meets(&mut self, lists: Lists, bytes: &[u8]) -> bool {
        let Self { lines, data, in_line } = self;
        lines.any(bytes, |part| match part {
            FieldPart::Value(text) => {
                // A space after the colon does not count.
                let is_rest = std::mem::replace(in_line, true);
                let text = text.strip_prefix(b" ").filter(|_| !is_rest).unwrap_or(text);
                data.meets(lists, text)
            }
            FieldPart::ValueEnd => {
                *in_line = false;
                false
            }
            FieldPart::EventEnd => {
                *data = Json::default();
                false
            }
        })
    }
}

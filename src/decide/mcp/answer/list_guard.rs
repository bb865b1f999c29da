//! Finds the start of a list in an answer that must not have a list, while it is relayed.
//!
//! Servers of 2025-11-25 and before send an answer to the request that last used its JSON-RPC id. A
//! client that reuses the id of a list request gets the list as the answer to another request. Such
//! an answer cannot be held back, so it is only watched.

mod json;
mod lines;
mod name;
#[cfg(test)]
mod tests;

use self::{json::Json, lines::EventLines};
use crate::{base::text::BYTE_ORDER_MARK, decide::mcp::answer::lists::Lists};

/// Searches the bytes of one answer for lists, in pieces of any size. It keeps no bytes.
///
/// A list is an array that is a member of a message's `result`. A message is the whole answer, an
/// element of an array that is the whole answer, or the data of an event. Text that is not JSON may
/// be mistaken for a list, but can never hide a list from a reader of JSON in UTF-8.
#[derive(Debug)]
pub struct Guard {
    lists: Lists,
    /// Reads the answer as JSON.
    text: Option<Json>,
    /// Reads the answer as an event stream.
    events: Option<EventLines>,
    is_stream: bool,
    /// Whether a first byte other than white space has come.
    begun: bool,
}

impl Guard {
    /// A guard at the start of an answer. `is_stream`: whether the answer is labelled as an event
    /// stream.
    #[must_use]
    pub fn new(lists: Lists, is_stream: bool) -> Self {
        Self { lists, text: Some(Json::default()), events: Some(EventLines::default()), is_stream, begun: false }
    }

    /// Takes the next piece, and returns whether a list starts in it. Then the piece must not be
    /// relayed.
    pub fn meets(&mut self, piece: &[u8]) -> bool {
        if !self.begun {
            self.choose(piece);
        }
        let lists = self.lists;
        self.text.as_mut().is_some_and(|text| text.meets(lists, piece))
            || self.events.as_mut().is_some_and(|events| events.meets(lists, piece))
    }

    /// Some clients look at the bytes and not at the label (attack 146). So a stream that begins
    /// like a message is read in both ways, and so is an answer with another label that does not
    /// begin like a message.
    fn choose(&mut self, piece: &[u8]) {
        let means_nothing = |byte: &u8| byte.is_ascii_whitespace() || BYTE_ORDER_MARK.contains(byte);
        let Some(first) = piece.iter().find(|byte| !means_nothing(byte)) else { return };
        self.begun = true;
        match (self.is_stream, matches!(first, b'{' | b'[')) {
            (true, false) => self.text = None,
            (false, true) => self.events = None,
            _ => {}
        }
    }
}

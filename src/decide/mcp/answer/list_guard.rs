//! Finds the start of a list in an answer that must not have one, while the answer passes.
//!
//! Servers of 2025-11-25 and before send an answer to the request that used its id last. A client
//! that uses the id of a list request again gets the list as the answer to another request. Such an
//! answer cannot be held back, so it is only watched.

mod json;
mod lines;
mod name;
#[cfg(test)]
mod tests;

use self::{json::Json, lines::EventLines};
use crate::{base::text::BYTE_ORDER_MARK, decide::mcp::answer::lists::Lists};

/// Looks for lists in the bytes of one answer, in pieces of any size. It keeps no bytes.
///
/// A list is an array that is a member of a message's `result`; a message is the whole answer, an
/// element of an array that is, or the data of an event. Text that is not JSON may be taken for a
/// list, but never hides a list from a reader of JSON in UTF-8.
#[derive(Debug)]
pub struct Guard {
    lists: Lists,
    /// The answer as text.
    text: Option<Json>,
    /// The answer as a stream of events.
    events: Option<EventLines>,
    is_stream: bool,
    /// Its first byte that means something has come.
    begun: bool,
}

impl Guard {
    /// At the start of an answer, which says that it is a stream of events or does not.
    #[must_use]
    pub fn new(lists: Lists, is_stream: bool) -> Self {
        Self { lists, text: Some(Json::default()), events: Some(EventLines::default()), is_stream, begun: false }
    }

    /// Takes the next piece; whether a list starts in it. If so, the piece must not be passed on.
    pub fn meets(&mut self, piece: &[u8]) -> bool {
        if !self.begun {
            self.choose(piece);
        }
        let lists = self.lists;
        self.text.as_mut().is_some_and(|text| text.meets(lists, piece))
            || self.events.as_mut().is_some_and(|events| events.meets(lists, piece))
    }

    /// Some clients look at the bytes and not at the label (attack 146). So a stream that begins
    /// like a message is read as both, and so is any other answer that does not begin like one.
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

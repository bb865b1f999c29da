//! What a message touches: the thing a rule is asked about (SPEC C.0).

use crate::{
    base::text::Text,
    decide::{mcp::peek::Message, refusal::Refusal},
};

/// The thing touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A method of the protocol that touches no named thing, a notification, or a client's response: connecting is enough.
    Open,
    /// A tool, by its exact name.
    Tool(Text),
    /// A prompt.
    Prompt(Text),
    /// Resources, by their raw URIs: one for most methods, several for `subscriptions/listen`; never empty.
    Resources(Vec<Text>),
    /// A resource *template*, by its raw text (`completion/complete`, SPEC C-05).
    Template(Text),
    /// A method that needs a `methods:` rule of its own: one that we do not know, or whose object we cannot see.
    Method(Text),
    /// The GET stream of a session.
    Stream,
    /// The end of a session (DELETE).
    EndSession,
}

/// Says what `message` touches.
///
/// # Errors
/// [`Refusal::BadParams`] where the message does not name it.
pub fn of(message: &Message) -> Result<Target, Refusal> {
    let _ = message;
    Err(Refusal::BadParams("unwritten"))
}

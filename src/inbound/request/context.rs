//! What a refusal may repeat of its request: JSON-RPC id, method, target, protocol era, caller.

use std::sync::Arc;

use crate::{
    base::text::Text,
    decide::{
        mcp::{request::target::Target, version::Era},
        routing::Ending,
        token::caller::Caller,
    },
};

/// What the steps before a refusal have learned.
pub(in crate::inbound) struct RequestContext {
    /// The JSON-RPC id, as raw JSON.
    pub(in crate::inbound) id: Option<Text>,
    /// The MCP method, or the HTTP method of a request without a message.
    pub(in crate::inbound) method: Option<Text>,
    /// The target of the request.
    pub(in crate::inbound) target: Option<Target>,
    /// Whether the request follows the legacy or the modern protocol.
    pub(in crate::inbound) era: Era,
    /// The verified caller.
    pub(in crate::inbound) caller: Option<Arc<Caller>>,
    /// How the request spells the server's path: a challenge names the document of that spelling.
    pub(in crate::inbound) ending: Ending,
}

impl RequestContext {
    /// Nothing but the spelling of the path.
    pub(in crate::inbound) fn at(ending: Ending) -> Self {
        Self { id: None, method: None, target: None, era: Era::Legacy, caller: None, ending }
    }
}

impl Default for RequestContext {
    fn default() -> Self {
        Self::at(Ending::Configured)
    }
}

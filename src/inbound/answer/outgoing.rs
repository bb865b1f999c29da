//! A permitted request on its way to the upstream, with what its answer must be checked for.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;

use crate::{
    decide::{
        mcp::{request::target::Target, version::Era},
        token::caller::Caller,
    },
    inbound::{
        answer::filter::plan::ListPlan, legacy_sse::Endpoint, request::session::McpSession, state::usage::RequestPlace,
    },
};

/// Whether an answer may be a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inbound) enum TaskAnswer {
    /// It may not.
    None,
    /// It may, though the client did not say that it knows tasks: it is read in the form it comes
    /// in.
    Perhaps,
    /// It may: the upstream is asked for a form that can be read.
    Expected,
}

/// A permitted request.
pub(in crate::inbound) struct Outgoing {
    /// The verified caller.
    pub(in crate::inbound) caller: Arc<Caller>,
    /// The bytes that were judged: exactly these are forwarded (P1).
    pub(in crate::inbound) body: Bytes,
    /// Whether it follows the legacy or the modern protocol.
    pub(in crate::inbound) era: Era,
    /// The path that it came by.
    pub(in crate::inbound) endpoint: Endpoint,
    /// The session that it belongs to.
    pub(in crate::inbound) session: Option<McpSession>,
    /// The path that an upstream of 2024-11-05 named for this message.
    pub(in crate::inbound) message_path: Option<PathAndQuery>,
    /// What is done about lists in the answer.
    pub(in crate::inbound) lists: ListPlan,
    /// Whether the answer may be a task.
    pub(in crate::inbound) task: TaskAnswer,
    /// What the caller is permitted, and must stay permitted while the answer lives on.
    pub(in crate::inbound) target: Target,
    /// Whether the answer may begin a session. Then one is counted already.
    pub(in crate::inbound) begins: bool,
    /// Whether the answer is a stream that lives on by itself.
    pub(in crate::inbound) lives_on: bool,
    /// Its place among what the caller has under way.
    pub(in crate::inbound) place: RequestPlace,
}

//! A permitted request on its way to the upstream, with what its answer must be checked for.

use bytes::Bytes;
use http::uri::PathAndQuery;

use crate::{
    decide::{
        mcp::{request::target::Target, version::Era},
        token::requester::Requester,
    },
    inbound::{
        answer::filter::plan::ListPlan, legacy_sse::Endpoint, request::session::McpSession, state::usage::RequestPlace,
    },
};

/// Whether an answer may be a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inbound) enum TaskAnswer {
    /// The answer is not a task.
    None,
    /// The answer may be a task, although the client did not say that it knows tasks.
    Perhaps,
    /// The answer may be a task. The upstream is asked for an answer without an encoding.
    Expected,
}

/// A permitted request.
pub(in crate::inbound) struct Outgoing {
    /// Who sent it.
    pub(in crate::inbound) who: Requester,
    /// The bytes that were judged: exactly these are forwarded (P1).
    pub(in crate::inbound) body: Bytes,
    /// Whether the request follows the legacy or the modern protocol.
    pub(in crate::inbound) era: Era,
    /// The path at which the request arrived.
    pub(in crate::inbound) endpoint: Endpoint,
    /// The session of the request.
    pub(in crate::inbound) session: Option<McpSession>,
    /// The path that an upstream of 2024-11-05 named for this message.
    pub(in crate::inbound) message_path: Option<PathAndQuery>,
    /// The part of the client's query that the upstream receives.
    pub(in crate::inbound) query: Option<Box<str>>,
    /// What happens to lists in the answer.
    pub(in crate::inbound) lists: ListPlan,
    /// Whether the answer may be a task.
    pub(in crate::inbound) task: TaskAnswer,
    /// The permitted target. It must stay permitted while the answer lives on.
    pub(in crate::inbound) target: Target,
    /// Whether the answer may begin a session. That session is counted already.
    pub(in crate::inbound) begins: bool,
    /// Whether the answer is a long stream: a GET stream or a subscription.
    pub(in crate::inbound) lives_on: bool,
    /// The places of the request among all that the caller has under way.
    pub(in crate::inbound) place: RequestPlace,
}

impl Outgoing {
    /// Whether the answer is read for lists, a task, an endpoint, or the event ids of a session.
    /// Then the upstream is asked for an answer without an encoding.
    pub(in crate::inbound) fn reads_answer(&self) -> bool {
        self.lists.guarded.is_some()
            || self.task == TaskAnswer::Expected
            || self.endpoint == Endpoint::Events
            || self.session.is_some()
    }
}

//! The parts of a JSON-RPC message that decisions need.

use crate::{base::text::Text, decide::refusal::Refusal};

/// The parts of a JSON-RPC message that decisions need.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Request, notification or response.
    pub kind: MessageKind,
    /// The raw JSON of `id`, if there is one. Refusals repeat it with its exact type (SPEC C-66).
    pub id: Option<Text>,
    /// `method`; empty for a response.
    pub method: Text,
    /// The members of `params` that matter.
    pub params: Params,
}

/// Why `params` of another type is refused.
pub const NOT_AN_OBJECT: &str = "params is not an object";

/// The kind of a message (SPEC C-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// `method` and `id`.
    Request,
    /// `method` without `id`.
    Notification,
    /// `id` with `result` or `error`.
    Response,
}

/// The members of `params` that name the target of a message, its version, or a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    /// Whether `params` is `null` or `[]`, as JSON-RPC libraries write it where a method has none.
    pub bare: bool,
    /// `params.name`: tool or prompt.
    pub name: Option<Text>,
    /// `params.uri`: resource.
    pub uri: Option<Text>,
    /// Whether `params.task` is anything but `null`: the call asks for a task (2025-11-25).
    pub task: bool,
    /// `params.taskId`.
    pub task_id: Option<Text>,
    /// `params.ref.type`, `.name`, `.uri` (completion/complete).
    pub ref_type: Option<Text>,
    /// See `ref_type`.
    pub ref_name: Option<Text>,
    /// See `ref_type`.
    pub ref_uri: Option<Text>,
    /// `params._meta["io.modelcontextprotocol/protocolVersion"]`.
    pub meta_version: Option<Text>,
    /// Whether `params._meta["io.modelcontextprotocol/clientCapabilities"]` is there.
    pub meta_capabilities: bool,
    /// `params.notifications.resourceSubscriptions[]` (subscriptions/listen).
    pub subscriptions: Vec<Text>,
    /// `params.notifications.taskIds[]`.
    pub task_ids: Vec<Text>,
}

/// A refusal, with the raw `id` if it was read before the fault: the answer repeats it.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageFault {
    /// Why.
    pub refusal: Refusal,
    /// Raw JSON of a well-formed `id`.
    pub id: Option<Text>,
}

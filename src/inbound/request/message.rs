//! Reads the message of a request: its target, and what the later steps need.

use bytes::Bytes;
use http::request::Parts;
use hyper::body::Incoming;

use crate::{
    base::{
        limits::{connections::BODY_TOTAL_TIMEOUT, messages::IGNORED_BODY_BYTES_MAX},
        text::Text,
    },
    decide::{
        mcp::{
            answer::lists::Lists,
            method::list_of,
            request::{
                batch, headers,
                message::{Message, MessageFault, MessageKind},
                parse,
                target::{self, Target},
                without_token::{self, WithoutToken},
            },
            version::Era,
        },
        refusal::{BodyLimit, Refusal},
    },
    inbound::{
        answer::outgoing::TaskAnswer,
        legacy_sse::Endpoint,
        request::{
            body::{self, BodyBounds},
            context::RequestContext,
        },
        state::{server::Server, usage::RequestPlace},
    },
};

/// The extension by which a client of 2026-07-28 says in `clientCapabilities` that it knows tasks.
const TASKS_EXTENSION: &[u8] = b"io.modelcontextprotocol/tasks";

/// What the later steps need of a message.
pub(in crate::inbound) struct McpRequest {
    /// What the message touches.
    pub(in crate::inbound) target: Target,
    /// Method and target of each message in a batch.
    pub(in crate::inbound) parts: Vec<(Text, Target)>,
    /// The body, as it was read.
    pub(in crate::inbound) body: Bytes,
    /// The lists that the message, or a message of the batch, asks for.
    pub(in crate::inbound) lists: Option<Lists>,
    /// Whether a message answers a request of the server.
    pub(in crate::inbound) answers: bool,
    /// Whether a message is a request, so that an event stream may be the answer.
    pub(in crate::inbound) may_stream: bool,
    /// Whether a call asks to be run as a task (2025-11-25).
    pub(in crate::inbound) asks_for_task: bool,
    /// Whether the answer may be a task.
    pub(in crate::inbound) task: TaskAnswer,
    /// Proof that the message, or each message of the batch, may come without a token.
    pub(in crate::inbound) without_token: Option<WithoutToken>,
}

impl McpRequest {
    fn plain(target: Target, body: Bytes) -> Self {
        Self {
            target,
            parts: Vec::new(),
            body,
            lists: None,
            answers: false,
            may_stream: false,
            asks_for_task: false,
            task: TaskAnswer::None,
            without_token: None,
        }
    }
}

/// Reads a POST. The media type is checked before the body is read; header fields that repeat a
/// part of the body are checked after it.
pub(in crate::inbound) async fn read(
    server: &Server,
    endpoint: Endpoint,
    head: &Parts,
    body: &mut Incoming,
    place: &RequestPlace,
    context: &mut RequestContext,
) -> Result<McpRequest, Refusal> {
    headers::check_media(&head.headers)?;
    let bounds = BodyBounds { limit: BodyLimit::OfServer(server.limits.request_body), time: BODY_TOTAL_TIMEOUT };
    let body = body::read(body, head.version, bounds, place.charge_later()).await?;
    understand(server, endpoint, head, body, context)
}

/// Finds what the later steps need in a body that was read.
///
/// # Errors
/// Why the body is not a message that can be judged.
pub(in crate::inbound) fn understand(
    server: &Server,
    endpoint: Endpoint,
    head: &Parts,
    body: Bytes,
    context: &mut RequestContext,
) -> Result<McpRequest, Refusal> {
    let mut unreadable = |fault: MessageFault| {
        context.id = fault.id;
        fault.refusal
    };
    if server.batches && batch::is_batch(&body) {
        let messages = batch::read(&body, &head.headers, server.limits.json_depth).map_err(unreadable)?;
        let target = target::of_batch(&messages)?;
        let methods = messages.iter().map(|message| message.method.clone());
        let parts = match &target {
            Target::Several(targets) => methods.zip(targets.iter().cloned()).collect(),
            _ => Vec::new(),
        };
        context.method = Some(Text::from("batch"));
        let lists = messages.iter().any(|message| list_of(&message.method).is_some()).then_some(Lists::Any);
        let answers = messages.iter().any(|message| message.kind == MessageKind::Response);
        let may_stream = messages.iter().any(|message| message.kind == MessageKind::Request);
        let without_token = without_token::of(&messages);
        return Ok(McpRequest { parts, lists, answers, may_stream, without_token, ..McpRequest::plain(target, body) });
    }
    let message = parse::read(&body, server.limits.json_depth).map_err(&mut unreadable)?;
    context.id.clone_from(&message.id);
    context.method = Some(message.method.clone());
    context.era = headers::agree(&head.headers, &message)?;
    let mut target = target::of(&message)?;
    if endpoint == Endpoint::Messages {
        target = legacy_sse_target(&message, context.era, target)?;
    }
    let is_call = matches!(target, Target::Tool(_));
    Ok(McpRequest {
        lists: list_of(&message.method),
        without_token: without_token::of([&message]),
        answers: message.kind == MessageKind::Response,
        may_stream: message.kind == MessageKind::Request,
        asks_for_task: is_call && message.params.task,
        task: if is_call { task_answer(&message, context.era, &body) } else { TaskAnswer::None },
        ..McpRequest::plain(target, body)
    })
}

/// The target on the transport of 2024-11-05. The answer comes on the stream of another request, so
/// the gateway cannot see which task it makes or which tasks it lists.
fn legacy_sse_target(message: &Message, era: Era, target: Target) -> Result<Target, Refusal> {
    match target {
        _ if era != Era::Legacy => Err(Refusal::NotAMessage("its protocol version has no such transport")),
        _ if message.params.task => Err(Refusal::BadParams("this transport has no tasks")),
        Target::TaskList => Ok(Target::Method(message.method.clone())),
        target => Ok(target),
    }
}

/// Whether the answer to a call may be a task. A client of 2025-11-25 asks for a task. A client of
/// 2026-07-28 says that it knows tasks, and the server decides. A task that is not noticed in the
/// answer cannot be used later.
fn task_answer(message: &Message, era: Era, body: &[u8]) -> TaskAnswer {
    if message.params.task {
        TaskAnswer::Expected
    } else if era == Era::Legacy {
        TaskAnswer::None
    } else if memchr::memmem::find(body, TASKS_EXTENSION).is_some() {
        TaskAnswer::Expected
    } else {
        TaskAnswer::Perhaps
    }
}

/// Reads a request without a message. Its body is read and discarded, because hyper notices only
/// after the whole request that a client has left.
pub(in crate::inbound) async fn read_bodiless(
    target: Target,
    head: &Parts,
    body: &mut Incoming,
    context: &mut RequestContext,
) -> Result<McpRequest, Refusal> {
    body::skip(body, head.version, IGNORED_BODY_BYTES_MAX).await?;
    context.era = headers::era_without_body(&head.headers)?;
    // Any list may come on a GET stream. A resumed stream may hold the answer to a list request,
    // and the stream of 2024-11-05 holds all answers. On a session's own stream, upstreams also
    // send answers to calls that were cancelled or whose client has left.
    let lists = matches!(target, Target::Stream).then_some(Lists::Any);
    Ok(McpRequest { lists, ..McpRequest::plain(target, Bytes::new()) })
}

#[cfg(test)]
mod tests;

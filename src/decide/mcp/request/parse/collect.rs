//! Collects the members that matter, and makes the message of them at the end.

use bytes::Bytes;

use crate::{
    base::{
        limits::messages::{NAME_BYTES_MAX, RESOURCE_URI_BYTES_MAX, SUBSCRIPTIONS_MAX},
        text::Text,
    },
    decide::{
        json::{scan::OUT_OF_RANGE, strings::Quoted},
        mcp::request::message::{Message, MessageFault, MessageKind, NOT_AN_OBJECT, Params},
        refusal::Refusal,
    },
};

use super::members::{Role, Slot};

/// A value that is neither an object nor an array.
#[derive(Clone, Copy)]
pub(super) enum Scalar<'a> {
    /// A string.
    Text(Quoted<'a>),
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Word,
}

/// What was read so far. Faults of meaning are reported at the end: a fault of the grammar comes
/// before them, and the `id` is known even if it is the last member.
pub(super) struct Collected<'a> {
    body: &'a Bytes,
    versioned: bool,
    id: Option<Text>,
    has_id: bool,
    method: Option<Text>,
    has_params: bool,
    has_result: bool,
    has_error: bool,
    params: Params,
    not_a_message: Option<&'static str>,
    bad_params: Option<&'static str>,
}

impl<'a> Collected<'a> {
    /// A collection without members.
    pub(super) fn new(body: &'a Bytes) -> Self {
        Self {
            body,
            versioned: false,
            id: None,
            has_id: false,
            method: None,
            has_params: false,
            has_result: false,
            has_error: false,
            params: Params::default(),
            not_a_message: None,
            bad_params: None,
        }
    }

    /// Notes that this is not a message; the first reason is kept.
    pub(super) fn no_message(&mut self, why: &'static str) {
        self.not_a_message.get_or_insert(why);
    }

    fn no_params(&mut self, why: &'static str) {
        self.bad_params.get_or_insert(why);
    }

    /// Begins an object, and returns its role.
    pub(super) fn object(&mut self, slot: Slot) -> Role {
        match slot {
            Slot::Root => Role::Envelope,
            Slot::Params => {
                self.has_params = true;
                Role::Params
            }
            Slot::Ref => Role::Ref,
            Slot::Meta => Role::Meta,
            Slot::Notifications => Role::Notifications,
            Slot::Task => {
                self.params.task = true;
                Role::Task
            }
            Slot::MetaCapabilities => {
                self.params.meta_capabilities = true;
                Role::Other
            }
            Slot::Arguments | Slot::Argument => Role::Arguments,
            slot => self.misplaced(slot),
        }
    }

    /// Begins an array, and returns its role.
    pub(super) fn array(&mut self, slot: Slot) -> Role {
        match slot {
            Slot::Subscriptions => Role::Subscriptions,
            Slot::TaskIds => Role::TaskIds,
            Slot::Arguments | Slot::Argument => Role::Arguments,
            Slot::Params => {
                self.bare();
                Role::ParamsList
            }
            slot => self.misplaced(slot),
        }
    }

    /// Takes a string, number or word. `raw` is its text in the body.
    pub(super) fn scalar(&mut self, slot: Slot, value: Scalar<'a>, raw: &'a str) {
        match (slot, value) {
            (Slot::Jsonrpc, Scalar::Text(text)) => self.versioned = text.meaning() == "2.0",
            (Slot::Id, Scalar::Text(_)) => self.identify(raw),
            // An id with a fraction, an exponent, a minus zero or more than 64 bits is refused:
            // some stacks read it as a float, and some run the request as a notification.
            (Slot::Id, Scalar::Number) if raw != "-0" && raw.parse::<i64>().is_ok() => self.identify(raw),
            (Slot::Method, Scalar::Text(text)) => match short(text, self.body, NAME_BYTES_MAX) {
                Some(method) if !method.is_empty() => self.method = Some(method),
                Some(_) => self.no_message("method is empty"),
                None => self.no_message("method is too long"),
            },
            (Slot::Name, Scalar::Text(text)) => self.params.name = self.name(text, "params.name is too long"),
            (Slot::TaskId, Scalar::Text(text)) => self.params.task_id = self.name(text, "params.taskId is too long"),
            (Slot::RefType, Scalar::Text(text)) => self.params.ref_type = self.name(text, "ref.type is too long"),
            (Slot::RefName, Scalar::Text(text)) => self.params.ref_name = self.name(text, "ref.name is too long"),
            (Slot::MetaVersion, Scalar::Text(text)) => {
                self.params.meta_version = self.name(text, "the protocol version is too long");
            }
            (Slot::Uri, Scalar::Text(text)) => self.params.uri = self.uri(text, "params.uri is too long"),
            (Slot::RefUri, Scalar::Text(text)) => self.params.ref_uri = self.uri(text, "ref.uri is too long"),
            (Slot::Subscription, Scalar::Text(text)) => {
                if self.params.subscriptions.len() >= SUBSCRIPTIONS_MAX {
                    return self.no_params("too many resourceSubscriptions");
                }
                let uri = self.uri(text, "a subscribed URI is too long");
                self.params.subscriptions.extend(uri);
            }
            (Slot::ListenedTask, Scalar::Text(text)) => {
                if self.params.task_ids.len() >= SUBSCRIPTIONS_MAX {
                    return self.no_params("too many taskIds");
                }
                let id = self.name(text, "a task id is too long");
                self.params.task_ids.extend(id);
            }
            (Slot::Params, Scalar::Word) if raw == "null" => self.bare(),
            // So do some serializers say that there is no task.
            (Slot::Task, Scalar::Word) if raw == "null" => {}
            (slot, _) => {
                self.misplaced(slot);
            }
        }
    }

    /// Takes `params` that is `null`, or an array that has no elements so far.
    fn bare(&mut self) {
        self.has_params = true;
        self.params.bare = true;
    }

    fn identify(&mut self, raw: &'a str) {
        // Refusals repeat the id, so its length is bounded.
        if raw.len() > NAME_BYTES_MAX {
            return self.misplaced_id("id is too long");
        }
        self.id = if self.has_id { None } else { Some(Text::part_of(self.body, raw)) };
        self.has_id = true;
    }

    fn misplaced_id(&mut self, why: &'static str) {
        self.has_id = true;
        self.id = None;
        self.no_message(why);
    }

    /// Takes a value of a wrong type.
    fn misplaced(&mut self, slot: Slot) -> Role {
        match slot {
            Slot::Root => self.no_message("not an object"),
            Slot::Jsonrpc => self.versioned = false,
            // Python's stacks and rmcp run a request with such an id as a notification (SPEC C-11).
            Slot::Id => self.misplaced_id("id is neither a string nor a 64-bit integer"),
            Slot::Method => self.no_message("method is not a string"),
            Slot::Result => self.has_result = true,
            Slot::Error => self.has_error = true,
            Slot::Params => {
                self.has_params = true;
                self.no_params(NOT_AN_OBJECT);
            }
            Slot::Positional => self.no_params(NOT_AN_OBJECT),
            Slot::Name => self.no_params("params.name is not a string"),
            Slot::Uri => self.no_params("params.uri is not a string"),
            Slot::TaskId => self.no_params("params.taskId is not a string"),
            Slot::Meta => self.no_params("params._meta is not an object"),
            Slot::RefType => self.no_params("ref.type is not a string"),
            Slot::RefName => self.no_params("ref.name is not a string"),
            Slot::RefUri => self.no_params("ref.uri is not a string"),
            Slot::MetaVersion => self.no_params("the protocol version in _meta is not a string"),
            Slot::MetaCapabilities => self.no_params("the client capabilities in _meta are not an object"),
            Slot::Subscriptions => self.no_params("resourceSubscriptions is not an array"),
            Slot::Subscription => self.no_params("resourceSubscriptions has an element that is not a string"),
            Slot::TaskIds => self.no_params("taskIds is not an array"),
            Slot::ListenedTask => self.no_params("taskIds has an element that is not a string"),
            // Servers that test for a value, and not for an object, make a task of `true`, too.
            Slot::Task => self.params.task = true,
            // A method of an extension may have a `ref`, `notifications` or `task` of its own type.
            // If a method of the protocol needs the object, its target is missing, and the message
            // is refused for that.
            Slot::Ref | Slot::Notifications | Slot::Arguments | Slot::Argument | Slot::Other => {}
        }
        Role::Other
    }

    fn name(&mut self, text: Quoted<'a>, too_long: &'static str) -> Option<Text> {
        self.bounded(text, NAME_BYTES_MAX, too_long)
    }

    fn uri(&mut self, text: Quoted<'a>, too_long: &'static str) -> Option<Text> {
        self.bounded(text, RESOURCE_URI_BYTES_MAX, too_long)
    }

    fn bounded(&mut self, text: Quoted<'a>, bytes_max: usize, too_long: &'static str) -> Option<Text> {
        let kept = short(text, self.body, bytes_max);
        if kept.is_none() {
            self.no_params(too_long);
        }
        kept
    }

    /// A refusal of the text itself, with the `id` if it is known.
    pub(super) fn unreadable(self, why: &'static str) -> MessageFault {
        let refusal = if why == OUT_OF_RANGE { Refusal::NotAMessage(why) } else { Refusal::Unreadable(why) };
        MessageFault { refusal, id: self.id }
    }

    /// Makes the message.
    pub(super) fn message(mut self) -> Result<Message, MessageFault> {
        if let Some(why) = self.not_a_message.or_else(|| self.shape()) {
            return Err(MessageFault { refusal: Refusal::NotAMessage(why), id: self.id });
        }
        if let Some(why) = self.bad_params {
            return Err(MessageFault { refusal: Refusal::BadParams(why), id: self.id });
        }
        let kind = match (&self.method, self.has_id) {
            (Some(_), true) => MessageKind::Request,
            (Some(_), false) => MessageKind::Notification,
            (None, _) => MessageKind::Response,
        };
        Ok(Message { kind, id: self.id, method: self.method.take().unwrap_or_default(), params: self.params })
    }

    /// Why the members together are not a message (SPEC C-10, C-12). Some servers run every object
    /// with a `method` (attacks 27, 28), so it may have no member of a response.
    fn shape(&self) -> Option<&'static str> {
        if !self.versioned {
            return Some("jsonrpc is not \"2.0\"");
        }
        match (self.method.is_some(), self.has_id, self.has_result, self.has_error) {
            (true, _, false, false) => None,
            (true, ..) => Some("method together with result or error"),
            (false, true, true, true) => Some("result together with error"),
            (false, true, true, false) | (false, true, false, true) if self.has_params => {
                Some("a response with params")
            }
            (false, true, true, false) | (false, true, false, true) => None,
            (false, true, false, false) => Some("id without method, result or error"),
            (false, false, ..) => Some("neither method nor id"),
        }
    }
}

/// The meaning of `text`; `None` if it is longer than `bytes_max`. An escape is at most six times
/// as long as its meaning.
fn short(text: Quoted<'_>, body: &Bytes, bytes_max: usize) -> Option<Text> {
    if text.raw().len() > bytes_max.saturating_mul(6) {
        return None;
    }
    Some(text.text(body)).filter(|text| text.len() <= bytes_max)
}

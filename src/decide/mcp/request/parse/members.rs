//! The members of a message that the protocol defines, and where they may be.

use crate::decide::json::lookalike::resembles;

/// The object or array that is being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// The message.
    Envelope,
    /// `params`.
    Params,
    /// `params.ref`.
    Ref,
    /// `params._meta`.
    Meta,
    /// `params.notifications`.
    Notifications,
    /// `params.task`.
    Task,
    /// `params.notifications.resourceSubscriptions`.
    Subscriptions,
    /// `params.notifications.taskIds`.
    TaskIds,
    /// `params.arguments`, and each object and array in it. It is read as `Other`, but its texts
    /// may have half a surrogate pair.
    Arguments,
    /// `params` as an array: an empty one is read as absent where nothing needs it.
    ParamsList,
    /// Any other object or array: its grammar and its names are checked, and the upstream reads its
    /// meaning.
    Other,
}

/// The meaning of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Slot {
    /// The whole body.
    Root,
    /// `jsonrpc`.
    Jsonrpc,
    /// `id`.
    Id,
    /// `method`.
    Method,
    /// `params`.
    Params,
    /// `result`.
    Result,
    /// `error`.
    Error,
    /// `params.name`.
    Name,
    /// `params.uri`.
    Uri,
    /// `params.taskId`.
    TaskId,
    /// `params.ref`.
    Ref,
    /// `params._meta`.
    Meta,
    /// `params.notifications`.
    Notifications,
    /// `params.task`.
    Task,
    /// `params.ref.type`.
    RefType,
    /// `params.ref.name`.
    RefName,
    /// `params.ref.uri`.
    RefUri,
    /// The protocol version in `_meta`.
    MetaVersion,
    /// The client's capabilities in `_meta`.
    MetaCapabilities,
    /// `params.notifications.resourceSubscriptions`, then each element.
    Subscriptions,
    /// See `Subscriptions`.
    Subscription,
    /// `params.notifications.taskIds`, then each element.
    TaskIds,
    /// See `TaskIds`.
    ListenedTask,
    /// `params.arguments`.
    Arguments,
    /// A value in `params.arguments`, at any depth.
    Argument,
    /// An element of `params`.
    Positional,
    /// No decision needs the value.
    Other,
}

/// One member: its exact name, and its slot.
type Row = (&'static str, Slot);

const ENVELOPE: &[Row] = &[
    ("jsonrpc", Slot::Jsonrpc),
    ("id", Slot::Id),
    ("method", Slot::Method),
    ("params", Slot::Params),
    ("result", Slot::Result),
    ("error", Slot::Error),
];
const PARAMS: &[Row] = &[
    ("name", Slot::Name),
    ("arguments", Slot::Arguments),
    ("_meta", Slot::Meta),
    ("uri", Slot::Uri),
    ("taskId", Slot::TaskId),
    ("ref", Slot::Ref),
    ("notifications", Slot::Notifications),
    ("task", Slot::Task),
    ("argument", Slot::Other),
    ("context", Slot::Other),
    ("cursor", Slot::Other),
    ("inputResponses", Slot::Other),
    ("requestState", Slot::Other),
    ("requestId", Slot::Other),
    ("protocolVersion", Slot::Other),
    ("capabilities", Slot::Other),
    ("clientInfo", Slot::Other),
    ("progressToken", Slot::Other),
];
const REF: &[Row] = &[("type", Slot::RefType), ("name", Slot::RefName), ("uri", Slot::RefUri)];
const META: &[Row] = &[
    ("progressToken", Slot::Other),
    ("io.modelcontextprotocol/protocolVersion", Slot::MetaVersion),
    ("io.modelcontextprotocol/clientCapabilities", Slot::MetaCapabilities),
    ("io.modelcontextprotocol/clientInfo", Slot::Other),
    ("io.modelcontextprotocol/logLevel", Slot::Other),
    ("io.modelcontextprotocol/related-task", Slot::Other),
    ("io.modelcontextprotocol/subscriptionId", Slot::Other),
];
const NOTIFICATIONS: &[Row] = &[
    ("resourceSubscriptions", Slot::Subscriptions),
    ("taskIds", Slot::TaskIds),
    ("toolsListChanged", Slot::Other),
    ("promptsListChanged", Slot::Other),
    ("resourcesListChanged", Slot::Other),
];
const TASK: &[Row] = &[("ttl", Slot::Other), ("taskId", Slot::Other)];

impl Role {
    fn rows(self) -> &'static [Row] {
        match self {
            Self::Envelope => ENVELOPE,
            Self::Params => PARAMS,
            Self::Ref => REF,
            Self::Meta => META,
            Self::Notifications => NOTIFICATIONS,
            Self::Task => TASK,
            Self::Subscriptions | Self::TaskIds | Self::Arguments | Self::ParamsList | Self::Other => &[],
        }
    }

    /// The slot of an element of this array.
    pub(super) fn element(self) -> Slot {
        match self {
            Self::Subscriptions => Slot::Subscription,
            Self::TaskIds => Slot::ListenedTask,
            Self::Arguments => Slot::Argument,
            Self::ParamsList => Slot::Positional,
            _ => Slot::Other,
        }
    }

    /// The slot of the member `name` of this object; `None` if the name only looks like a name of
    /// the protocol.
    pub(super) fn member(self, name: &str) -> Option<Slot> {
        let rows = self.rows();
        if let Some((_, slot)) = rows.iter().find(|(exact, _)| *exact == name) {
            return Some(*slot);
        }
        if resembles(rows.iter().map(|(exact, _)| *exact), name) { None } else { Some(Slot::Other) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::json::lookalike::NAME_CHARS_MAX;

    #[test]
    fn c25_names_that_some_reader_takes_for_a_member_are_refused() {
        let cases = [
            (Role::Envelope, "METHOD", None),
            (Role::Envelope, "param\u{17F}", None),
            (Role::Envelope, "\u{130}d", None),
            (Role::Envelope, "\u{131}d", None),
            (Role::Envelope, " id", None),
            (Role::Envelope, "id", Some(Slot::Id)),
            (Role::Envelope, "ids", Some(Slot::Other)),
            (Role::Params, "Name", None),
            (Role::Params, "name\0", None),
            (Role::Params, "\u{FEFF}name", None),
            (Role::Params, "na\u{200B}me", None),
            (Role::Params, "ta\u{17F}\u{212A}Id", None),
            (Role::Params, "noti\u{FB01}cations", None),
            (Role::Params, "_META", None),
            (Role::Params, "name", Some(Slot::Name)),
            (Role::Params, "name_", Some(Slot::Other)),
            (Role::Params, "n\u{e4}me", Some(Slot::Other)),
            (Role::Ref, "Type", None),
            (Role::Meta, "io.modelcontextprotocol/protocolversion", None),
            (Role::Meta, "progresstoken", None),
            (Role::Meta, "traceparent", Some(Slot::Other)),
            (Role::Meta, "com.example/Name", Some(Slot::Other)),
            (Role::Notifications, "taskids", None),
            (Role::Task, "TTL", None),
            (Role::Other, "Name", Some(Slot::Other)),
        ];
        for (role, name, expected) in cases {
            assert_eq!(role.member(name), expected, "{role:?} {name:?}");
        }
    }

    #[test]
    fn every_name_is_shorter_than_what_is_folded() {
        for role in [Role::Envelope, Role::Params, Role::Ref, Role::Meta, Role::Notifications, Role::Task] {
            assert!(role.rows().iter().all(|(name, _)| name.len() < NAME_CHARS_MAX && name.is_ascii()));
        }
    }
}

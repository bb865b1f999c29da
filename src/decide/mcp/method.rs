//! The methods that an MCP client can send, one row each.

use crate::{
    base::text::Text,
    decide::mcp::{answer::lists::Lists, request::message::Params},
};

/// Begins a session.
pub const INITIALIZE: &str = "initialize";
/// Takes the place of `initialize` in 2026-07-28.
pub const DISCOVER: &str = "server/discover";
/// Calls a tool.
pub const CALL_TOOL: &str = "tools/call";
/// Reads a prompt.
pub const GET_PROMPT: &str = "prompts/get";
/// Reads a resource.
pub const READ_RESOURCE: &str = "resources/read";
/// Reads the state of a task.
pub const GET_TASK: &str = "tasks/get";
/// Lists the caller's tasks.
pub const LIST_TASKS: &str = "tasks/list";
/// Opens a stream of notifications. It takes the place of the GET stream in 2026-07-28.
pub const SUBSCRIBE: &str = "subscriptions/listen";

/// One method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its name in `method`.
    pub name: &'static str,
    /// Whether the protocol defines it as a notification. The name on a request is then an unknown
    /// method.
    pub is_notification: bool,
    /// What it touches.
    pub touches: Touches,
    /// The parameter that `Mcp-Name` repeats in 2026-07-28, if it must repeat one.
    pub mcp_name: Option<Param>,
    /// The list that it requests.
    pub list: Option<Lists>,
    /// The eras that define it.
    pub era: MethodEra,
    /// Whether it may come without a token, where a rule of the server is public.
    pub without_token: WithoutTokenColumn,
}

/// Whether a method may come without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutTokenColumn {
    /// It needs a token.
    Never,
    /// It shows what the server has, and touches nothing.
    Always,
    /// If the rule for what it touches is public.
    IfPublic,
}

/// What a method touches: the thing that a rule must permit (SPEC C.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touches {
    /// No named thing: permission to connect is enough.
    Nothing,
    /// The tool in `params.name`.
    Tool,
    /// The prompt in `params.name`.
    Prompt,
    /// The resource in `params.uri`.
    Resource,
    /// The prompt or the resource template in `params.ref`.
    Completion,
    /// The resources and tasks in `params.notifications`.
    Subscription,
    /// The task in `params.taskId`.
    Task,
    /// The caller's tasks.
    TaskList,
}

/// A parameter that names one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// `params.name`.
    Name,
    /// `params.uri`.
    Uri,
    /// `params.taskId`.
    TaskId,
}

/// The eras that define a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodEra {
    /// Every version, or all versions since the one that added it.
    Both,
    /// Versions before 2026-07-28.
    Legacy,
    /// 2026-07-28 and later.
    Modern,
}

/// The row of a request that touches nothing.
const PLAIN: Method = Method {
    name: "",
    is_notification: false,
    touches: Touches::Nothing,
    mcp_name: None,
    list: None,
    era: MethodEra::Both,
    without_token: WithoutTokenColumn::Never,
};

/// The row of a method that may come without a token.
const OPEN: Method = Method { without_token: WithoutTokenColumn::Always, ..PLAIN };

/// The row of a method that may come without a token if what it touches is public.
const USE: Method = Method { without_token: WithoutTokenColumn::IfPublic, ..PLAIN };

/// The row of a client's notification.
const NOTIFICATION: Method = Method { is_notification: true, era: MethodEra::Legacy, ..PLAIN };

/// The row of a method with `params.taskId`.
const TASK: Method = Method { touches: Touches::Task, mcp_name: Some(Param::TaskId), ..PLAIN };

/// Every method, the most frequent first. A method that is not here needs a `methods` rule.
pub const METHODS: [Method; 25] = [
    Method { name: CALL_TOOL, touches: Touches::Tool, mcp_name: Some(Param::Name), ..USE },
    Method { name: "tools/list", list: Some(Lists::Tools), ..OPEN },
    Method { name: INITIALIZE, era: MethodEra::Legacy, ..OPEN },
    Method { name: DISCOVER, era: MethodEra::Modern, ..OPEN },
    Method { name: "ping", era: MethodEra::Legacy, ..OPEN },
    Method { name: "logging/setLevel", era: MethodEra::Legacy, ..PLAIN },
    Method { name: GET_PROMPT, touches: Touches::Prompt, mcp_name: Some(Param::Name), ..USE },
    Method { name: "prompts/list", list: Some(Lists::Prompts), ..OPEN },
    Method { name: READ_RESOURCE, touches: Touches::Resource, mcp_name: Some(Param::Uri), ..USE },
    Method { name: "resources/list", list: Some(Lists::Resources), ..OPEN },
    Method { name: "resources/templates/list", list: Some(Lists::Templates), ..OPEN },
    Method { name: "resources/subscribe", touches: Touches::Resource, era: MethodEra::Legacy, ..PLAIN },
    Method { name: "resources/unsubscribe", touches: Touches::Resource, era: MethodEra::Legacy, ..PLAIN },
    Method { name: "completion/complete", touches: Touches::Completion, ..PLAIN },
    Method { name: SUBSCRIBE, touches: Touches::Subscription, era: MethodEra::Modern, ..PLAIN },
    Method { name: GET_TASK, ..TASK },
    Method { name: "tasks/cancel", ..TASK },
    Method { name: "tasks/update", era: MethodEra::Modern, ..TASK },
    Method { name: "tasks/result", mcp_name: None, era: MethodEra::Legacy, ..TASK },
    Method { name: LIST_TASKS, touches: Touches::TaskList, list: Some(Lists::Tasks), era: MethodEra::Legacy, ..PLAIN },
    Method { name: "notifications/initialized", without_token: WithoutTokenColumn::Always, ..NOTIFICATION },
    Method { name: "notifications/cancelled", without_token: WithoutTokenColumn::Always, ..NOTIFICATION },
    Method { name: "notifications/progress", ..NOTIFICATION },
    Method { name: "notifications/roots/list_changed", ..NOTIFICATION },
    Method { name: "notifications/tasks/status", ..NOTIFICATION },
];

/// The row of the method `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// The list that the method `name` requests.
#[must_use]
pub fn list_of(name: &str) -> Option<Lists> {
    find(name)?.list
}

impl Method {
    /// Whether the target is in `params`. Otherwise `params` may be `null` or `[]` in the legacy
    /// era (SPEC C-13).
    #[must_use]
    pub fn names_target(&self) -> bool {
        !matches!(self.touches, Touches::Nothing | Touches::TaskList)
    }

    /// What decides about the method, if a `methods` rule never does.
    #[must_use]
    pub fn decided_by(&self) -> Option<&'static str> {
        match self.touches {
            Touches::Tool => Some("a `tools` rule"),
            Touches::Prompt => Some("a `prompts` rule"),
            Touches::Resource | Touches::Subscription => Some("a `resources` rule"),
            Touches::Completion => Some("a `prompts` or a `resources` rule, by what is completed"),
            Touches::Nothing if self.list.is_some() => {
                Some("`scopes` of the server; what the list shows is decided by the rules and `hide`")
            }
            Touches::Nothing => Some("`scopes` of the server: a caller that may connect may call it"),
            // A rule for the method decides in addition to the tool's rule.
            Touches::Task | Touches::TaskList => None,
        }
    }
}

impl Param {
    /// The value of this parameter.
    #[must_use]
    pub fn of(self, params: &Params) -> Option<&Text> {
        match self {
            Self::Name => params.name.as_ref(),
            Self::Uri => params.uri.as_ref(),
            Self::TaskId => params.task_id.as_ref(),
        }
    }

    /// The sentence for a client that left it out.
    #[must_use]
    pub const fn missing(self) -> &'static str {
        match self {
            Self::Name => "params.name is missing",
            Self::Uri => "params.uri is missing",
            Self::TaskId => "params.taskId is missing",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn c00_every_method_has_one_row() {
        let names: BTreeSet<&str> = METHODS.iter().map(|method| method.name).collect();
        assert_eq!(names.len(), METHODS.len());
        for method in &METHODS {
            assert_eq!(find(method.name), Some(method));
            assert_eq!(method.name.starts_with("notifications/"), method.is_notification, "{}", method.name);
            assert_eq!(method.name.ends_with("/list"), method.list.is_some(), "{}", method.name);
            assert_eq!(method.list, list_of(method.name));
        }
        for unknown in ["", "tools/Call", "tools/call ", "acme/custom"] {
            assert_eq!((find(unknown), list_of(unknown)), (None, None), "{unknown}");
        }
    }

    #[test]
    fn c00_a_methods_rule_decides_about_tasks_alone() {
        for method in &METHODS {
            assert_eq!(method.decided_by().is_none(), method.name.starts_with("tasks/"), "{}", method.name);
        }
    }

    #[test]
    fn c73_mcp_name_repeats_what_the_method_touches() {
        for method in METHODS.iter().filter(|method| method.mcp_name.is_some()) {
            let named = match method.touches {
                Touches::Tool | Touches::Prompt => Param::Name,
                Touches::Resource => Param::Uri,
                _ => Param::TaskId,
            };
            assert_eq!(method.mcp_name, Some(named), "{}", method.name);
        }
    }
}

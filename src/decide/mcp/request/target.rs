//! Finds the target of a message, which a rule must permit (SPEC C.0).

use crate::{
    base::text::Text,
    decide::{
        mcp::{
            method::{self, Method, MethodEra, Param, Touches},
            request::message::{Message, MessageKind, NOT_AN_OBJECT, Params},
        },
        refusal::Refusal,
    },
};

/// What a request touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A method that touches no named thing, a notification, or a client's response: permission to
    /// connect is enough.
    Open,
    /// A tool, by its exact name.
    Tool(Text),
    /// A prompt.
    Prompt(Text),
    /// Resources, by their raw URIs: one for most methods, several for `subscriptions/listen`;
    /// never empty.
    Resources(Vec<Text>),
    /// A resource *template*, by its raw text (`completion/complete`, SPEC C-05).
    Template(Text),
    /// A method that needs a `methods:` rule: an unknown method, or a method whose object cannot be
    /// seen.
    Method(Text),
    /// Tasks, by their ids: their owner and their tool decide (SPEC C-88). `subscriptions/listen`
    /// may also name resources.
    Tasks {
        /// The method.
        method: Text,
        /// Their ids; never empty.
        ids: Vec<Text>,
        /// Resources named in the same message.
        resources: Vec<Text>,
    },
    /// The list of the caller's tasks.
    TaskList,
    /// Several targets, all of which must be permitted: a batch, or the tools of several tasks.
    /// Never empty.
    Several(Vec<Target>),
    /// The GET stream of a session.
    Stream,
    /// The end of a session (DELETE).
    EndSession,
    /// A path beside the MCP endpoint (`paths:`), as the client sent it, without its query.
    Path(Text),
}

impl Target {
    /// A copy that does not share the request's bytes, for use after the request.
    #[must_use]
    pub fn detached(&self) -> Self {
        let own = |text: &Text| Text::from(text.as_str());
        let all = |texts: &[Text]| texts.iter().map(own).collect();
        match self {
            Self::Tool(name) => Self::Tool(own(name)),
            Self::Prompt(name) => Self::Prompt(own(name)),
            Self::Resources(uris) => Self::Resources(all(uris)),
            Self::Template(template) => Self::Template(own(template)),
            Self::Method(method) => Self::Method(own(method)),
            Self::Path(path) => Self::Path(own(path)),
            Self::Tasks { method, ids, resources } => {
                Self::Tasks { method: own(method), ids: all(ids), resources: all(resources) }
            }
            Self::Several(parts) => Self::Several(parts.iter().map(Self::detached).collect()),
            Self::Open | Self::TaskList | Self::Stream | Self::EndSession => self.clone(),
        }
    }
}

/// The target of `message`.
///
/// A message without an `id` has the same target as the request, because servers run it (SPEC
/// C-14). A request with the name of a notification is an unknown method.
///
/// # Errors
/// [`Refusal::BadParams`] if the message does not name its target.
pub fn of(message: &Message) -> Result<Target, Refusal> {
    if message.kind == MessageKind::Response {
        return Ok(Target::Open);
    }
    let params = &message.params;
    let known = method::find(&message.method)
        .filter(|method| !method.is_notification || message.kind == MessageKind::Notification);
    if params.bare && known.is_none_or(Method::names_target) {
        return Err(Refusal::BadParams(NOT_AN_OBJECT));
    }
    let Some(method) = known else { return Ok(Target::Method(message.method.clone())) };
    match method.touches {
        Touches::Nothing => Ok(Target::Open),
        Touches::Tool => required(params, Param::Name).map(Target::Tool),
        Touches::Prompt => required(params, Param::Name).map(Target::Prompt),
        // These methods do not exist in 2026-07-28, and the upstream says so (SPEC C-79). Without a
        // URI they touch nothing.
        Touches::Resource
            if method.era == MethodEra::Legacy && params.uri.is_none() && params.meta_version.is_some() =>
        {
            Ok(Target::Open)
        }
        Touches::Resource => required(params, Param::Uri).map(|uri| Target::Resources(vec![uri])),
        Touches::Completion => completed(params),
        Touches::Subscription => listened(message),
        Touches::Task => {
            let ids = vec![required(params, Param::TaskId)?];
            Ok(Target::Tasks { method: message.method.clone(), ids, resources: Vec::new() })
        }
        Touches::TaskList => Ok(Target::TaskList),
    }
}

fn required(params: &Params, param: Param) -> Result<Text, Refusal> {
    named(param.of(params), param.missing())
}

fn named(name: Option<&Text>, missing: &'static str) -> Result<Text, Refusal> {
    name.cloned().ok_or(Refusal::BadParams(missing))
}

/// `completion/complete` reads from the prompt or the template that `ref` names (SPEC C-05).
fn completed(params: &Params) -> Result<Target, Refusal> {
    match params.ref_type.as_deref() {
        Some("ref/prompt") => named(params.ref_name.as_ref(), "ref.name is missing").map(Target::Prompt),
        Some("ref/resource") => named(params.ref_uri.as_ref(), "ref.uri is missing").map(Target::Template),
        _ => Err(Refusal::BadParams("ref.type is neither ref/prompt nor ref/resource")),
    }
}

/// The resources and tasks of a `subscriptions/listen` (SPEC C-84). Tasks count, because their
/// updates carry the result of the tool.
fn listened(message: &Message) -> Result<Target, Refusal> {
    let Params { subscriptions, task_ids, .. } = &message.params;
    Ok(match (subscriptions.is_empty(), task_ids.is_empty()) {
        (true, true) => Target::Open,
        (false, true) => Target::Resources(subscriptions.clone()),
        (_, false) => {
            Target::Tasks { method: message.method.clone(), ids: task_ids.clone(), resources: subscriptions.clone() }
        }
    })
}

/// The targets of all messages of a batch (SPEC C-30).
///
/// # Errors
/// As [`of`], for the first faulty message.
pub fn of_batch(messages: &[Message]) -> Result<Target, Refusal> {
    messages.iter().map(of).collect::<Result<Vec<_>, _>>().map(Target::Several)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::decide::mcp::request::parse;

    fn target(id: &str, method: &str, params: &str) -> Result<Target, Refusal> {
        let body = format!(r#"{{"jsonrpc":"2.0",{id}"method":"{method}","params":{params}}}"#);
        of(&parse::read(&Bytes::from(body), 64).expect("a message"))
    }

    fn both(method: &str, params: &str) -> Result<Target, Refusal> {
        let request = target("\"id\":1,", method, params);
        assert_eq!(request, target("", method, params), "c14 {method}");
        request
    }

    #[test]
    fn c00_methods_touch_what_they_name_with_id_or_without() {
        let uri = || Target::Resources(vec!["file:///a".into()]);
        let tasks = |method: &str, ids: &str| {
            let ids = ids.split(' ').map(Text::from).collect();
            Target::Tasks { method: method.into(), ids, resources: Vec::new() }
        };
        let cases = [
            ("tools/call", r#"{"name":"danger","uri":"file:///a"}"#, Target::Tool("danger".into())),
            ("tools/call", r#"{"name":"danger","task":{"ttl":1}}"#, Target::Tool("danger".into())),
            ("prompts/get", r#"{"name":"p"}"#, Target::Prompt("p".into())),
            ("resources/read", r#"{"uri":"file:///a","name":"safe"}"#, uri()),
            ("resources/subscribe", r#"{"uri":"file:///a"}"#, uri()),
            ("resources/unsubscribe", r#"{"uri":"file:///a"}"#, uri()),
            (
                "completion/complete",
                r#"{"ref":{"type":"ref/prompt","name":"p","uri":"x"}}"#,
                Target::Prompt("p".into()),
            ),
            (
                "completion/complete",
                r#"{"ref":{"type":"ref/resource","uri":"file:///{p}"}}"#,
                Target::Template("file:///{p}".into()),
            ),
            ("subscriptions/listen", r#"{"notifications":{"resourceSubscriptions":["file:///a"]}}"#, uri()),
            (
                "subscriptions/listen",
                r#"{"notifications":{"toolsListChanged":true,"taskIds":[],"resourceSubscriptions":[]}}"#,
                Target::Open,
            ),
            ("subscriptions/listen", "{}", Target::Open),
            (
                "subscriptions/listen",
                r#"{"notifications":{"taskIds":["t","u"]}}"#,
                tasks("subscriptions/listen", "t u"),
            ),
            ("tasks/get", r#"{"taskId":"t"}"#, tasks("tasks/get", "t")),
            ("tasks/result", r#"{"taskId":"t"}"#, tasks("tasks/result", "t")),
            ("tasks/cancel", r#"{"taskId":"t","name":"safe"}"#, tasks("tasks/cancel", "t")),
            ("tasks/update", r#"{"taskId":"t"}"#, tasks("tasks/update", "t")),
            ("tasks/list", "{}", Target::TaskList),
        ];
        for (method, params, expected) in cases {
            assert_eq!(both(method, params), Ok(expected), "{method} {params}");
        }
        for method in [
            "initialize",
            "server/discover",
            "ping",
            "logging/setLevel",
            "tools/list",
            "prompts/list",
            "resources/list",
            "resources/templates/list",
        ] {
            assert_eq!(both(method, "{}"), Ok(Target::Open), "{method}");
        }
    }

    #[test]
    fn c13_people_c5_attack_281_params_may_be_bare_where_they_name_no_target() {
        const WRONG: Result<Target, Refusal> = Err(Refusal::BadParams("params is not an object"));
        for params in ["null", "[]"] {
            for method in &method::METHODS {
                let expected = match method.touches {
                    Touches::Nothing => Ok(Target::Open),
                    Touches::TaskList => Ok(Target::TaskList),
                    _ => WRONG,
                };
                assert_eq!(target("", method.name, params), expected, "{} {params}", method.name);
                // The name of a notification is an unknown method of a request.
                let expected = if method.is_notification { WRONG } else { expected };
                assert_eq!(target("\"id\":1,", method.name, params), expected, "{} {params}", method.name);
            }
            for method in ["vendor/exec", "notifications/vendor", "tools/Call", "x"] {
                assert_eq!(both(method, params), WRONG, "{method} {params}");
            }
        }
    }

    #[test]
    fn c35_only_notifications_are_open_as_notifications() {
        for method in ["initialized", "roots/list_changed", "progress", "cancelled", "tasks/status"] {
            let method = format!("notifications/{method}");
            assert_eq!(target("", &method, "{}"), Ok(Target::Open), "{method}");
            assert_eq!(target("\"id\":1,", &method, "{}"), Ok(Target::Method(method.as_str().into())), "{method}");
        }
    }

    #[test]
    fn c01_everything_else_needs_a_rule() {
        for method in [
            "vendor/exec",
            "notifications/vendor",
            "skills/run",
            "tools/Call",
            "tools/call ",
            "TOOLS/CALL",
            "sampling/createMessage",
            "roots/list",
            "tool/call",
        ] {
            assert_eq!(both(method, r#"{"name":"danger"}"#), Ok(Target::Method(method.into())), "{method}");
        }
    }

    #[test]
    fn attack_030_a_method_that_does_not_name_its_object_is_refused() {
        let cases = [
            ("tools/call", r#"{"arguments":{"name":"safe"},"uri":"safe","_meta":{"name":"safe"}}"#),
            ("prompts/get", "{}"),
            ("resources/read", r#"{"name":"safe"}"#),
            ("resources/subscribe", "{}"),
            ("resources/unsubscribe", "{}"),
            ("completion/complete", "{}"),
            ("completion/complete", r#"{"ref":"ref/prompt"}"#),
            ("completion/complete", r#"{"ref":{"name":"p"}}"#),
            ("completion/complete", r#"{"ref":{"type":"ref/prompt","uri":"file:///a"}}"#),
            ("completion/complete", r#"{"ref":{"type":"ref/resource","name":"p"}}"#),
            ("completion/complete", r#"{"ref":{"type":"ref/other","name":"p","uri":"u"}}"#),
            ("tasks/get", "{}"),
            ("tasks/result", "{}"),
            ("tasks/cancel", r#"{"name":"t"}"#),
            ("tasks/update", "{}"),
        ];
        for (method, params) in cases {
            assert!(matches!(both(method, params), Err(Refusal::BadParams(_))), "{method} {params}");
        }
    }

    #[test]
    fn c84_a_subscription_to_tasks_keeps_the_resources_beside_them() {
        let params = r#"{"notifications":{"resourceSubscriptions":["file:///secret"],"taskIds":["t"]}}"#;
        let expected = Target::Tasks {
            method: "subscriptions/listen".into(),
            ids: vec!["t".into()],
            resources: vec!["file:///secret".into()],
        };
        assert_eq!(both("subscriptions/listen", params), Ok(expected));
    }

    #[test]
    fn c33_a_response_touches_nothing() {
        let body = Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"result":{"name":"danger"}}"#);
        assert_eq!(of(&parse::read(&body, 64).expect("a response")), Ok(Target::Open));
    }

    #[test]
    fn c52_a_detached_target_is_the_same_and_holds_no_body() {
        let bodies = [
            ("tools/call", r#"{"name":"danger"}"#),
            ("prompts/get", r#"{"name":"p"}"#),
            ("resources/read", r#"{"uri":"file:///a"}"#),
            ("completion/complete", r#"{"ref":{"type":"ref/resource","uri":"file:///{p}"}}"#),
            ("subscriptions/listen", r#"{"notifications":{"taskIds":["t"],"resourceSubscriptions":["file:///a"]}}"#),
            ("acme/custom", "{}"),
            ("ping", "{}"),
        ];
        for (method, params) in bodies {
            let body = Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#));
            let target = of(&parse::read(&body, 64).expect("a message")).expect("a target");
            let several = Target::Several(vec![target]);
            let detached = several.detached();
            assert_eq!(detached, several);
            drop(several);
            assert!(body.is_unique(), "{method}: the body is let go");
            drop(detached);
        }
    }
}

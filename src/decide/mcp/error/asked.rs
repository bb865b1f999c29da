//! Says for the operator what a request asked for: method and target, and no key.

use crate::{
    base::{
        shown::{key_shown, path_shown, shown},
        shown_uri::{template_shown, uri_shown},
        text::Text,
    },
    decide::mcp::request::target::Target,
};

/// How much of a method or a name is shown.
const NAME_CHARS_MAX: usize = 100;

/// What a request asked for: `tools/call add`; `POST` where its body was not read.
#[must_use]
pub fn asked_for(method: Option<&str>, target: Option<&Target>) -> String {
    let method = shown(method.unwrap_or_default(), NAME_CHARS_MAX);
    let Some(target) = target else { return method.to_string() };
    let named = |name: &str| format!("{method} {}", shown(name, NAME_CHARS_MAX));
    let text = match target {
        Target::Tool(name) | Target::Prompt(name) => named(name),
        Target::Template(uri) => named(&template_shown(uri).without_keys().to_string()),
        Target::Path(path) => format!("{method} {}", path_shown(path, NAME_CHARS_MAX)),
        Target::Resources(uris) => several(&method.to_string(), uris, |uri| uri_shown(uri).without_keys().to_string()),
        Target::Tasks { ids, .. } => several(&method.to_string(), ids, key_shown),
        Target::Stream => format!("{method}: the event stream"),
        Target::EndSession => format!("{method}: the end of a session"),
        Target::Several(_) => format!("{method}: several targets"),
        Target::Method(method) => shown(method, NAME_CHARS_MAX).to_string(),
        Target::Open | Target::TaskList => method.to_string(),
    };
    text.trim_start().to_owned()
}

fn several(method: &str, names: &[Text], written: impl Fn(&str) -> String) -> String {
    let Some((first, others)) = names.split_first() else { return method.to_owned() };
    let first = written(first);
    let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    format!("{method} {}{more}", shown(&first, NAME_CHARS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_9_attack_435_the_operator_reads_method_and_target_and_no_key() {
        let uris = |all: &[&str]| Target::Resources(all.iter().map(|uri| Text::from(*uri)).collect());
        for (method, target, told) in [
            (Some("tools/call"), Some(Target::Tool("add".into())), "tools/call add"),
            (Some("prompts/get"), Some(Target::Prompt("a\u{202e}b".into())), "prompts/get a\\u{202e}b"),
            (
                Some("resources/read"),
                Some(uris(&["https://drive.example/x?token=SECRET"])),
                "resources/read https://drive.example/x?token=…",
            ),
            (
                Some("resources/read"),
                Some(uris(&["https:\\\\ada:SECRET@drive.example/reset/ghp_0123456789abcdefghijklmnopqrstuvwxyz"])),
                "resources/read https:\\\\…@drive.example/reset/ghp_0123…",
            ),
            (
                Some("tasks/get"),
                Some(Target::Tasks {
                    method: "tasks/get".into(),
                    ids: vec!["786512e2-9e0d-44bd-8f29-789f320fe840".into()],
                    resources: Vec::new(),
                }),
                "tasks/get 786512e2…",
            ),
            (
                Some("resources/subscribe"),
                Some(uris(&["a://1#k", "a://2", "a://3"])),
                "resources/subscribe a://1#… and 2 more",
            ),
            (
                Some("completion/complete"),
                Some(Target::Template("a://{x}{?y}?key=SECRET".into())),
                "completion/complete a://{x}{?y}?key=…",
            ),
            (Some("GET"), Some(Target::Path("/files/ada@corp.example".into())), "GET /files/…"),
            (Some("GET"), Some(Target::Stream), "GET: the event stream"),
            (Some("DELETE"), Some(Target::EndSession), "DELETE: the end of a session"),
            (Some("foo/bar"), Some(Target::Method("foo/bar".into())), "foo/bar"),
            (Some("initialize"), Some(Target::Open), "initialize"),
            (Some("tasks/list"), Some(Target::TaskList), "tasks/list"),
            (Some("POST"), Some(Target::Several(Vec::new())), "POST: several targets"),
            (Some("PATCH"), None, "PATCH"),
            (None, None, ""),
        ] {
            assert_eq!(asked_for(method, target.as_ref()), told);
        }
    }
}

//! What everyone may use, and what the challenge of everything else names.

use bytes::Bytes;

use super::*;
use crate::decide::{
    mcp::request::{parse, without_token},
    policy::{
        evaluate::{
            evaluate,
            tests::{about, caller, policy, rule, scopes},
        },
        rule::{Rule, Subject},
    },
};

impl Rule {
    pub(crate) fn made_public(self) -> Self {
        Self { public: true, ..self }
    }
}

fn proof() -> WithoutToken {
    let ping = Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    without_token::of([&parse::read(&ping, 64).unwrap()]).unwrap()
}

fn shop() -> Policy {
    policy(
        "mcp",
        vec![
            rule(Subject::Tools, "admin_*").denies(),
            rule(Subject::Tools, "search get_*").made_public(),
            rule(Subject::Tools, "pay").needs("pay"),
            rule(Subject::Tools, "profile"),
            about("file:///pub/secret/**").needs("secret"),
            about("file:///pub/**").made_public(),
            about("file:///**").needs("files"),
            rule(Subject::Prompts, "hello").made_public(),
            rule(Subject::Methods, "acme/*"),
        ],
    )
}

fn tool(name: &str) -> Target {
    Target::Tool(name.into())
}

fn resource(uri: &str) -> Target {
    Target::Resources(vec![uri.into()])
}

#[test]
fn b02_attack_286_without_a_token_only_what_is_public_is_permitted() {
    let needs = |words: &str| Err(Refusal::SignIn { needed: scopes(words) });
    let cases = [
        (Target::Open, Ok(None)),
        (tool("search"), Ok(Some(1))),
        (tool("get_x"), Ok(Some(1))),
        (tool("Search"), Err(Refusal::NoCredential)),
        (tool("admin_search"), Err(Refusal::NoCredential)),
        (tool("unknown"), Err(Refusal::NoCredential)),
        (tool("pay"), needs("mcp pay")),
        (tool("profile"), needs("mcp")),
        (Target::Prompt("hello".into()), Ok(Some(7))),
        (Target::Prompt("search".into()), Err(Refusal::NoCredential)),
        (resource("file:///pub/a"), Ok(Some(5))),
        (resource("file:///pub/secret/a"), needs("mcp secret")),
        (resource("file:///etc/passwd"), needs("mcp files")),
        (Target::Resources(vec!["file:///pub/a".into(), "file:///b".into()]), needs("mcp files")),
        (Target::Resources(Vec::new()), Err(Refusal::NoCredential)),
        (Target::Several(vec![Target::Open, tool("search")]), Ok(Some(1))),
        (Target::Several(vec![tool("search"), tool("pay")]), needs("mcp pay")),
        (Target::Several(Vec::new()), Err(Refusal::NoCredential)),
        (Target::Template("file:///pub/{a}".into()), needs("mcp secret")),
        (Target::Method("acme/x".into()), needs("mcp")),
        (Target::TaskList, needs("mcp")),
        (Target::Stream, needs("mcp")),
        (Target::EndSession, needs("mcp")),
        (
            Target::Tasks { method: "tasks/get".into(), ids: vec!["1".into()], resources: Vec::new() },
            Err(Refusal::NoCredential),
        ),
    ];
    for (target, expected) in cases {
        let verdict = evaluate_public(&shop(), &target, proof()).map(|permit| permit.rule());
        assert_eq!(verdict, expected, "{target:?}");
    }
}

/// Readings of a URI that servers resolve to another resource.
#[test]
fn attack_286_no_other_spelling_of_a_uri_is_public() {
    for uri in [
        "file:///pub/../etc/passwd",
        "file:///pub/%2e%2e/etc/passwd",
        "file:///pub/secret%2Fa",
        "file:///pub//secret/a",
        "file:///pub/./secret/a",
        "FILE:///pub/secret/a",
        "file:///pub\\..\\etc",
        "file:///pub/secret/../secret/a",
    ] {
        let verdict = evaluate_public(&shop(), &resource(uri), proof());
        assert!(verdict.is_err(), "{uri}");
    }
}

#[test]
fn attack_286_a_rule_without_conditions_above_a_public_one_keeps_what_it_names() {
    let rules = vec![about("file:///pub/mine/*"), about("file:///pub/**").made_public()];
    let policy = policy("", rules);
    for uri in ["file:///pub/mine/a", "file:///pub/mine/%61", "file:///pub/x/../mine/a"] {
        assert!(evaluate_public(&policy, &resource(uri), proof()).is_err(), "{uri}");
    }
    assert!(evaluate_public(&policy, &resource("file:///pub/a"), proof()).is_ok());
}

#[test]
fn b02_without_a_public_rule_nothing_passes() {
    let closed = policy("", vec![rule(Subject::Tools, "*")]);
    for target in [Target::Open, tool("a"), Target::Several(vec![Target::Open])] {
        assert_eq!(evaluate_public(&closed, &target, proof()), Err(Refusal::SignIn { needed: Vec::new() }));
    }
}

#[test]
fn b02_a_caller_needs_no_scope_for_what_is_public() {
    assert!(evaluate(&shop(), &caller(""), &tool("search")).is_ok());
    assert!(evaluate(&shop(), &caller(""), &resource("file:///pub/a")).is_ok());
    assert_eq!(
        evaluate(&shop(), &caller(""), &tool("profile")),
        Err(Refusal::Scope { needed: scopes("mcp") }),
        "only what is public"
    );
    let both = Target::Several(vec![Target::Open, tool("search")]);
    assert!(evaluate(&shop(), &caller(""), &both).is_err(), "what else is in a batch may need connecting");
}

#[test]
fn c55_lists_are_judged_as_for_a_token_without_scopes() {
    for target in [tool("search"), tool("pay"), tool("admin_x"), tool("unknown"), resource("file:///b")] {
        let expected = evaluate(&shop(), &caller(""), &target).map(|permit| permit.rule());
        assert_eq!(judge_without_scopes(&shop(), &target).map(|ruling| ruling.rule), expected, "{target:?}");
    }
}

#[test]
fn people_d1_only_what_a_token_can_permit_asks_for_a_sign_in() {
    let rules = vec![
        rule(Subject::Tools, "staff").needs("pay").claims("team", &serde_json::json!(["eng"])),
        rule(Subject::Tools, "drop").denies().claims("team", &serde_json::json!(["eng"])),
        rule(Subject::Tools, "search").made_public(),
    ];
    let policy = policy("mcp", rules);
    for (name, expected) in [
        ("staff", Refusal::SignIn { needed: scopes("mcp pay") }),
        ("search", Refusal::SignIn { needed: scopes("mcp") }),
        ("drop", Refusal::NoCredential),
        ("unknown", Refusal::NoCredential),
    ] {
        assert_eq!(sign_in(&policy, &tool(name)), expected, "{name}");
    }
}

#[test]
fn people_d1_a_template_is_listed_if_all_that_it_expands_to_is_public() {
    let policy = policy("mcp", vec![about("file:///pub/*").made_public(), about("file:///**").needs("files")]);
    for (template, is_listed) in [
        ("file:///pub/{name}", true),
        ("file:///pub/a-{name}.txt", true),
        ("file:///pub/{+path}", false),
        ("file:///{name}", false),
        ("file:///priv/{name}", false),
        ("other:///pub/{name}", false),
    ] {
        let target = Target::Template(template.into());
        assert_eq!(judge_without_scopes(&policy, &target).is_ok(), is_listed, "{template}");
        assert_eq!(evaluate(&policy, &caller("other"), &target).is_ok(), is_listed, "{template}");
        // A request that names one needs a token.
        assert!(evaluate_public(&policy, &target, proof()).is_err(), "{template}");
    }
}

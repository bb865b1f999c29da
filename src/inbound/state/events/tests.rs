//! Which caller may resume a stream after an event, and with what permission (SPEC C-52).

use serde_json::json;

use super::*;
use crate::decide::policy::{
    glob::Glob,
    rule::{Access, Rule, Subject},
};

const LONG: &str = "0b4f61bc-7d9e-4a53-8f1e-000000000001";

fn alice(scopes: &[&str]) -> Caller {
    Caller::for_tests("alice", scopes, json!({}))
}

fn bob() -> Caller {
    Caller::for_tests("bob", &["mcp", "danger"], json!({}))
}

fn rules() -> Policy {
    let rule = |tools: &str, scopes: &[&str]| Rule {
        subject: Subject::Tools(vec![Glob::new(tools)]),
        scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
        any_scope: Vec::new(),
        claims: Vec::new(),
        deny: false,
        report_only: false,
        public: false,
    };
    let rules = vec![rule("safe", &[]), rule("danger", &["danger"]), rule("t*", &[])];
    Policy { connect: vec!["mcp".into()], access: Access::Rules(rules), implies: Vec::new() }
}

fn tool(name: &str) -> Arc<Target> {
    Arc::new(Target::Tool(name.into()))
}

/// The events that streams held.
struct Case(EventOwners);

impl Case {
    fn new() -> Self {
        Self(EventOwners::default())
    }

    fn noted(self, caller: &Caller, session: &str, event: &str, target: &Arc<Target>) -> Self {
        self.0.note(self.0.stream("s", caller, session.as_bytes()), event.as_bytes(), target);
        self
    }

    fn resume(&self, caller: &Caller, session: &str, event: &str) -> Result<Option<Target>, Refusal> {
        let stream = self.0.stream("s", caller, session.as_bytes());
        self.0.may_resume(stream, &rules(), caller, event.as_bytes())
    }
}

fn lacks(scope: &str) -> Result<Option<Target>, Refusal> {
    Err(Refusal::Scope { needed: vec!["mcp".into(), scope.into()] })
}

#[test]
fn c52_attack_135_a_stream_is_taken_up_with_the_right_to_what_it_answers() {
    let danger = tool("danger");
    let case = Case::new().noted(&alice(&[]), "one", "7", &danger).noted(&alice(&[]), "one", LONG, &danger);
    for event in ["7", " 7\t", LONG] {
        let may = case.resume(&alice(&["mcp", "danger"]), "one", event);
        assert_eq!(may, Ok(Some(Target::Tool("danger".into()))), "{event}");
        assert_eq!(case.resume(&alice(&["mcp"]), "one", event), lacks("danger"), "{event}");
    }
    assert_eq!(case.resume(&alice(&["mcp"]), "one", "8"), Ok(None), "another process may know it");
}

#[test]
fn c52_attack_134_an_event_of_another_caller_is_refused_where_its_id_is_unique() {
    let case =
        Case::new().noted(&alice(&[]), "one", "7", &tool("safe")).noted(&alice(&[]), "one", LONG, &tool("danger"));
    assert_eq!(case.resume(&bob(), "two", LONG), Err(Refusal::UnknownSession));
    assert_eq!(
        case.resume(&bob(), "two", "7"),
        Err(Refusal::UnknownSession),
        "short ones, too, while one caller has them"
    );
    assert_eq!(case.resume(&alice(&["mcp"]), "three", LONG), lacks("danger"), "her own, from another session");
    assert_eq!(case.resume(&alice(&["mcp"]), "three", "7"), Ok(Some(Target::Tool("safe".into()))));
    let elsewhere = case.0.stream("o", &bob(), b"two");
    assert_eq!(case.0.may_resume(elsewhere, &rules(), &bob(), LONG.as_bytes()), Ok(None), "another server's ids");
}

#[test]
fn c52_ids_that_repeat_from_session_to_session_say_nothing_outside_of_theirs() {
    let case = Case::new().noted(&alice(&[]), "one", LONG, &tool("danger")).noted(&bob(), "two", LONG, &tool("safe"));
    assert_eq!(case.resume(&bob(), "two", LONG), Ok(Some(Target::Tool("safe".into()))));
    assert_eq!(case.resume(&alice(&["mcp"]), "one", LONG), lacks("danger"));
    let carol = Caller::for_tests("carol", &["mcp"], json!({}));
    assert_eq!(case.resume(&carol, "three", LONG), Ok(None));
}

#[test]
fn c52_where_two_streams_share_an_id_the_caller_must_be_allowed_both() {
    let (safe, danger) = (tool("safe"), tool("danger"));
    let alone = Case::new().noted(&alice(&[]), "one", "0", &safe).noted(&alice(&[]), "one", "0", &tool("safe"));
    assert_eq!(alone.resume(&alice(&["mcp"]), "one", "0"), Ok(Some(Target::Tool("safe".into()))), "replayed");
    for pair in [[&safe, &danger], [&danger, &safe], [&Arc::new(Target::Stream), &danger]] {
        let mut case = Case::new();
        for target in pair.into_iter().chain(pair) {
            case = case.noted(&alice(&[]), "one", "0", target);
        }
        assert_eq!(case.resume(&alice(&["mcp"]), "one", "0"), lacks("danger"), "{pair:?}");
        let both = pair.map(|target| Target::clone(target)).to_vec();
        assert_eq!(case.resume(&alice(&["mcp", "danger"]), "one", "0"), Ok(Some(Target::Several(both))));
    }
    let mut case = Case::new();
    for number in 0..=SHARED_MAX + 1 {
        case = case.noted(&alice(&[]), "one", "0", &tool(&format!("t{number}")));
    }
    assert_eq!(case.resume(&alice(&["mcp"]), "one", "0"), Err(Refusal::NoRule), "too many to tell");
    let open = Policy { access: Access::Authenticated, ..rules() };
    let stream = case.0.stream("s", &alice(&[]), b"one");
    assert!(case.0.may_resume(stream, &open, &alice(&["mcp"]), b"0").is_ok(), "all tools are everyone's");
}

#[test]
fn c52_what_is_remembered_is_bounded_for_each_caller() {
    let case = Case(EventOwners::bounded(PerCallerBounds { each: 2, all: 9 }));
    let case = case.noted(&bob(), "two", "0", &tool("safe"));
    let case = (0..50).fold(case, |case, event| case.noted(&alice(&[]), "one", &event.to_string(), &tool("danger")));
    assert_eq!(case.resume(&bob(), "two", "0"), Ok(Some(Target::Tool("safe".into()))));
    assert_eq!(case.resume(&alice(&["mcp"]), "one", "49"), lacks("danger"));
    assert_eq!(case.resume(&alice(&["mcp"]), "one", "47"), Ok(None), "the oldest are forgotten");
    let case = case.noted(&alice(&[]), "one", "", &tool("danger")).noted(&alice(&[]), "one", "  ", &tool("danger"));
    assert_eq!(case.resume(&alice(&["mcp"]), "one", "49"), lacks("danger"), "an empty id takes no place");
}

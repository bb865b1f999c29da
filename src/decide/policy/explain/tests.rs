//! The steps of an explanation, and that its verdict is that of `evaluate`.

use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert_eq, proptest};
use serde_json::json;

use super::{Explanation, explain};
use crate::decide::{
    mcp::request::target::Target,
    policy::{
        evaluate::{
            evaluate,
            tests::{about, caller, policy, rule, scopes, tool},
        },
        glob::Glob,
        rule::{Access, Policy, Subject},
    },
    refusal::Refusal,
    token::caller::Caller,
};

#[test]
fn a_story_names_each_rule_tried_and_what_was_missing() {
    let policy = Policy {
        implies: vec![("admin".into(), vec![Glob::new("mcp")])],
        ..policy(
            "mcp",
            vec![
                rule(Subject::Prompts, "*"),
                rule(Subject::Tools, "get_* forecast").needs("weather"),
                rule(Subject::Tools, "add")
                    .claims("department", &json!(["eng", "ops"]))
                    .needs_any("read math")
                    .needs("x"),
            ],
        )
    };
    let caller = Caller::for_tests("ann", &["admin", "x"], json!({"department": "eng", "email": "ann@example.com"}));
    assert_eq!(
        explain(&policy, caller.attributes(), &tool("add")),
        Explanation {
            steps: [
                "The token has scope admin x.",
                "Connecting needs scope mcp: held, because admin implies it.",
                "rules[0] (prompts: *) does not match \"add\".",
                "rules[1] (tools: get_*, forecast) does not match \"add\".",
                "rules[2] (tools: add) matches \"add\".",
                "rules[2] wants claim department to be one of \"eng\", \"ops\": it is.",
                "rules[2] needs scope x: held.",
                "rules[2] needs one of several scopes, such as read: missing.",
                "rules[2] needs one of several scopes, such as math: missing.",
                "rules[2] asks for the first of them: read.",
                "Refused: scope is missing; all that this needs is x read.",
            ]
            .map(str::to_owned)
            .to_vec(),
            verdict: Err(Refusal::Scope { needed: scopes("x read") }),
        }
    );
}

#[test]
fn every_kind_of_verdict_ends_in_its_sentence() {
    let ruled = policy(
        "",
        vec![
            rule(Subject::Tools, "no").denies(),
            rule(Subject::Tools, "try").needs("x").reports(),
            about("file:///secret/*").needs("s"),
            about("file:///**"),
        ],
    );
    let open = Policy { access: Access::Authenticated, ..policy("", Vec::new()) };
    for (policy, target, last) in [
        (&open, tool("x"), "Permitted."),
        (&ruled, Target::Open, "Permitted."),
        (&ruled, tool("no"), "Refused: rules[0] forbids it, and no scope would help."),
        (&ruled, tool("other"), "Refused: no rule matches, and no rule means no."),
        (&ruled, tool("try"), "Permitted by rules[1]."),
        (
            &ruled,
            Target::Resources(vec!["file:///a/../b".into()]),
            "Refused: the URI has a dot segment, so a pattern cannot judge it.",
        ),
        (&ruled, Target::Template("file:///{x}".into()), "Refused: scope is missing; all that this needs is s."),
        (&ruled, Target::Template("file:///pub/{x}".into()), "Permitted by rules[3]."),
    ] {
        let steps = explain(policy, caller("").attributes(), &target).steps;
        assert_eq!(steps.last().map(String::as_str), Some(last), "{steps:#?}");
    }
}

#[test]
fn p10_a_story_does_not_tell_the_values_of_claims() {
    let policy = policy("", vec![rule(Subject::Tools, "*").claims("email", &json!(["bob@example.com"]))]);
    let caller = Caller::for_tests("ann", &[], json!({"email": "ann@example.com"}));
    let story = explain(&policy, caller.attributes(), &tool("x")).steps.join("\n");
    assert!(story.contains("\"bob@example.com\": it is not."), "{story}");
    assert!(!story.contains("ann"), "{story}");
}

fn names() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["add", "get_a", "get_b", "file:///a/b", "file:///a/../b", "file:///{x}", "x"])
        .prop_map(str::to_owned)
}

fn targets() -> impl Strategy<Value = Target> {
    (0..7u8, names(), names()).prop_map(|(kind, name, other)| match kind {
        0 => Target::Open,
        1 => Target::Prompt(name.into()),
        2 => Target::Method(name.into()),
        3 => Target::Template(name.into()),
        4 => Target::Resources(vec![name.into(), other.into()]),
        _ => Target::Tool(name.into()),
    })
}

fn policies() -> impl Strategy<Value = Policy> {
    let subject = prop::sample::select(vec![
        Subject::Tools as fn(Vec<Glob>) -> Subject,
        |globs: Vec<Glob>| Subject::resources(globs.iter().map(Glob::as_str)),
        Subject::Prompts,
        Subject::Methods,
    ]);
    let pattern = prop::sample::select(vec!["*", "get_*", "add x", "file:///a/*", "file:///*b file:///{x}"]);
    let few = || prop::sample::select(vec!["", "a", "b", "a b"]);
    let rules = (subject, pattern, few(), few(), any::<bool>(), 0..4u8).prop_map(
        |(subject, pattern, all, one, report, deny)| {
            let made = rule(subject, pattern).needs(all).needs_any(one);
            let made = if report { made.reports() } else { made };
            if deny == 0 { made.denies() } else { made }
        },
    );
    (few(), prop::collection::vec(rules, 0..5), any::<bool>()).prop_map(|(connect, rules, implied)| Policy {
        implies: if implied { vec![("b".into(), vec![Glob::new("a")])] } else { Vec::new() },
        ..policy(connect, rules)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_story_ends_as_the_decision_did(policy in policies(), granted in "[ab]( [ab])?|", target in targets()) {
        let caller = caller(&granted);
        let told = explain(&policy, caller.attributes(), &target);
        let decided = evaluate(&policy, &caller, &target);
        let permitted = told.steps.last().is_some_and(|step| step.starts_with("Permitted"));
        prop_assert_eq!(permitted, decided.is_ok());
        prop_assert_eq!(told.verdict, decided.map(|permit| permit.rule()));
    }

    #[test]
    fn a51_granting_what_is_asked_is_enough(policy in policies(), granted in "[ab]?", target in targets()) {
        if let Err(Refusal::Scope { needed }) = evaluate(&policy, &caller(&granted), &target) {
            let asked: Vec<&str> = needed.iter().map(|scope| scope.as_str()).chain([granted.as_str()]).collect();
            prop_assert_eq!(evaluate(&policy, &caller(&asked.join(" ")), &target).err(), None);
        }
    }
}

//! Decisions about callers and targets, as a table.

use serde_json::json;

use super::{Permit, Ruling, covers, evaluate};
use crate::{
    base::names::Scope,
    decide::{
        mcp::request::target::Target,
        policy::{
            claims::ClaimValue,
            glob::Glob,
            rule::{Access, Policy, Rule, Subject},
        },
        refusal::Refusal,
        token::caller::Caller,
    },
};

mod properties;

pub(crate) fn scopes(words: &str) -> Vec<Scope> {
    words.split_whitespace().map(Scope::from).collect()
}

fn globs(words: &str) -> Vec<Glob> {
    words.split_whitespace().map(Glob::new).collect()
}

pub(crate) fn rule(subject: fn(Vec<Glob>) -> Subject, patterns: &str) -> Rule {
    rule_about(subject(globs(patterns)))
}

pub(crate) fn about(patterns: &str) -> Rule {
    rule_about(Subject::resources(patterns.split(' ')))
}

pub(crate) fn about_one(pattern: &str) -> Rule {
    rule_about(Subject::resources([pattern]))
}

fn rule_about(subject: Subject) -> Rule {
    Rule {
        subject,
        scopes: Vec::new(),
        any_scope: Vec::new(),
        claims: Vec::new(),
        deny: false,
        report_only: false,
        public: false,
    }
}

impl Rule {
    pub(crate) fn needs(self, words: &str) -> Self {
        Self { scopes: scopes(words), ..self }
    }

    pub(crate) fn needs_any(self, words: &str) -> Self {
        Self { any_scope: scopes(words), ..self }
    }

    pub(crate) fn claims(self, name: &str, values: &serde_json::Value) -> Self {
        Self {
            claims: vec![(name.into(), values.as_array().unwrap().iter().cloned().map(ClaimValue::Is).collect())],
            ..self
        }
    }

    pub(crate) fn denies(self) -> Self {
        Self { deny: true, ..self }
    }

    pub(crate) fn reports(self) -> Self {
        Self { report_only: true, ..self }
    }
}

pub(crate) fn policy(connect: &str, rules: Vec<Rule>) -> Policy {
    Policy { connect: scopes(connect), access: Access::Rules(rules), implies: Vec::new() }
}

pub(crate) fn caller(scopes: &str) -> Caller {
    Caller::for_tests("ann", &scopes.split_whitespace().collect::<Vec<_>>(), json!({}))
}

pub(crate) fn tool(name: &str) -> Target {
    Target::Tool(name.into())
}

fn resources(uris: &[&str]) -> Target {
    Target::Resources(uris.iter().map(|uri| (*uri).into()).collect())
}

pub(crate) fn by(rule: usize) -> Result<Permit, Refusal> {
    Ok(Permit { ruling: Ruling { rule: Some(rule), reported: None } })
}

fn reported(rule: usize, refusal: Refusal) -> Result<Permit, Refusal> {
    Ok(Permit { ruling: Ruling { rule: Some(rule), reported: Some(refusal) } })
}

pub(crate) fn lacks(words: &str) -> Result<Permit, Refusal> {
    Err(Refusal::Scope { needed: scopes(words) })
}

pub(crate) fn forbidden(rule: usize) -> Result<Permit, Refusal> {
    Err(Refusal::Forbidden { rule })
}

pub(crate) const NO_RULE: Result<Permit, Refusal> = Err(Refusal::NoRule);
const CONNECTED: Result<Permit, Refusal> = Ok(Permit { ruling: Ruling { rule: None, reported: None } });

#[test]
fn b53_no_rule_means_no() {
    let policy = policy("", vec![rule(Subject::Tools, "add"), rule(Subject::Methods, "acme/*")]);
    for (target, verdict) in [
        (tool("add"), by(0)),
        (tool("Add"), NO_RULE),
        (tool("add "), NO_RULE),
        (tool("sub"), NO_RULE),
        (Target::Prompt("add".into()), NO_RULE),
        (Target::Method("acme/x".into()), by(1)),
        // C-01: an unknown method, and a method with the name of a tool.
        (Target::Method("vendor/exec".into()), NO_RULE),
        (Target::Method("add".into()), NO_RULE),
        (tool("acme/x"), NO_RULE),
        (resources(&["file:///x"]), NO_RULE),
        (resources(&[]), NO_RULE),
        (Target::Template("file:///{x}".into()), NO_RULE),
        (Target::Open, CONNECTED),
        (Target::Stream, CONNECTED),
        (Target::EndSession, CONNECTED),
    ] {
        assert_eq!(evaluate(&policy, &caller(""), &target), verdict, "{target:?}");
    }
}

#[test]
fn a_method_rule_does_not_touch_what_needs_none() {
    let policy = policy("", vec![rule(Subject::Methods, "*").denies()]);
    assert_eq!(evaluate(&policy, &caller(""), &Target::Open), CONNECTED);
    assert_eq!(evaluate(&policy, &caller(""), &Target::Method("ping".into())), forbidden(0));
}

#[test]
fn connecting_needs_its_scopes_whatever_the_access() {
    let authenticated = Policy { connect: scopes("mcp a"), access: Access::Authenticated, implies: Vec::new() };
    let ruled = policy("mcp a", vec![rule(Subject::Tools, "*")]);
    for target in [Target::Open, Target::Stream, Target::EndSession, tool("x")] {
        for policy in [&authenticated, &ruled] {
            assert_eq!(evaluate(policy, &caller("a"), &target), lacks("mcp a"), "{target:?}");
            assert!(evaluate(policy, &caller("a mcp"), &target).is_ok(), "{target:?}");
        }
    }
    assert_eq!(evaluate(&authenticated, &caller("mcp a"), &resources(&["file:///a/../b"])), CONNECTED);
}

#[test]
fn a51_one_challenge_names_all_that_is_needed() {
    let policy = policy(
        "mcp:basic",
        vec![
            rule(Subject::Tools, "write").needs("z a mcp:basic z"),
            rule(Subject::Tools, "any").needs_any("read:add math"),
            rule(Subject::Tools, "both").needs("a").needs_any("b c"),
        ],
    );
    for (granted, target, verdict) in [
        ("", "write", lacks("mcp:basic z a")),
        ("mcp:basic", "write", lacks("mcp:basic z a")),
        ("mcp:basic a", "write", lacks("mcp:basic z a")),
        ("z a", "write", lacks("mcp:basic z a")),
        ("mcp:basic z a", "write", by(0)),
        ("", "any", lacks("mcp:basic read:add")),
        ("mcp:basic", "any", lacks("mcp:basic read:add")),
        ("math", "any", lacks("mcp:basic")),
        ("mcp:basic math", "any", by(1)),
        ("mcp:basic b", "both", lacks("mcp:basic a")),
        ("mcp:basic a", "both", lacks("mcp:basic a b")),
        // A-55: a token with fewer scopes than requested is valid for what they cover.
        ("mcp:basic a c", "both", by(2)),
        // B-51: exact and case-sensitive; attack 82: no wildcards from the token.
        ("mcp:basic Z A", "write", lacks("mcp:basic z a")),
        ("mcp:* *", "write", lacks("mcp:basic z a")),
    ] {
        assert_eq!(evaluate(&policy, &caller(granted), &tool(target)), verdict, "{granted:?} {target}");
    }
}

#[test]
fn a56_what_no_scope_can_mend_is_not_challenged() {
    let policy = policy(
        "mcp",
        vec![
            rule(Subject::Tools, "delete_*").needs("x").denies(),
            rule(Subject::Tools, "add").needs("x").claims("department", &json!(["eng", "ops"])),
        ],
    );
    for (target, verdict) in [("delete_all", forbidden(0)), ("add", forbidden(1)), ("other", NO_RULE)] {
        assert_eq!(evaluate(&policy, &caller(""), &tool(target)), verdict, "{target}");
    }
}

#[test]
fn first_match_decides_and_the_token_of_this_request_counts() {
    let rules = vec![
        rule(Subject::Prompts, "*"),
        rule(Subject::Tools, "get_secret").needs("secret"),
        rule(Subject::Tools, "get_* *_get"),
        rule(Subject::Tools, "get_secret get_weather").denies(),
    ];
    let policy = policy("", rules);
    assert_eq!(evaluate(&policy, &caller("secret"), &tool("get_secret")), by(1));
    // B-74: the next request comes with a narrower token.
    assert_eq!(evaluate(&policy, &caller(""), &tool("get_secret")), lacks("secret"));
    assert_eq!(evaluate(&policy, &caller(""), &tool("get_weather")), by(2));
}

#[test]
fn claims_match_in_type_and_value() {
    for (wanted, held, fits) in [
        (json!(["eng", "ops"]), json!({"c": "ops"}), true),
        (json!(["eng", "ops"]), json!({"c": ["hr", "eng"]}), true),
        (json!(["eng", "ops"]), json!({"c": "hr"}), false),
        (json!(["eng", "ops"]), json!({"c": ["hr"]}), false),
        (json!(["eng", "ops"]), json!({"c": []}), false),
        (json!(["eng", "ops"]), json!({"c": "eng ops"}), false),
        (json!(["eng", "ops"]), json!({"c": {"eng": true}}), false),
        (json!(["eng", "ops"]), json!({"c": null}), false),
        (json!(["eng", "ops"]), json!({"d": "eng"}), false),
        (json!(["eng", "ops"]), json!({"c": [["eng"]]}), false),
        (json!(["eng"]), json!({"c": "Eng"}), false),
        (json!([1]), json!({"c": "1"}), false),
        (json!(["1"]), json!({"c": 1}), false),
        (json!([1]), json!({"c": 1}), true),
        (json!([1]), json!({"c": true}), false),
        (json!([true]), json!({"c": true}), true),
        (json!([true]), json!({"c": "true"}), false),
        (json!([]), json!({"c": "x"}), false),
    ] {
        let policy = policy("", vec![rule(Subject::Tools, "*").claims("c", &wanted)]);
        let verdict = if fits { by(0) } else { forbidden(0) };
        let caller = Caller::for_tests("ann", &[], held.clone());
        assert_eq!(evaluate(&policy, &caller, &tool("x")), verdict, "{wanted} against {held}");
    }
}

#[test]
fn a_report_only_rule_refuses_nothing_and_says_what_it_would() {
    let policy = policy(
        "mcp",
        vec![
            rule(Subject::Tools, "scoped").needs("x").reports(),
            rule(Subject::Tools, "denied").denies().reports(),
            rule(Subject::Tools, "claimed").claims("c", &json!(["v"])).reports(),
            rule(Subject::Tools, "*").needs("y"),
        ],
    );
    for (granted, target, verdict) in [
        ("mcp", "scoped", reported(0, Refusal::Scope { needed: scopes("mcp x") })),
        ("mcp x", "scoped", by(0)),
        ("mcp", "denied", reported(1, Refusal::Forbidden { rule: 1 })),
        ("mcp", "claimed", reported(2, Refusal::Forbidden { rule: 2 })),
        ("mcp", "other", lacks("mcp y")),
        // Permission to connect is not under test.
        ("", "scoped", lacks("mcp")),
    ] {
        assert_eq!(evaluate(&policy, &caller(granted), &tool(target)), verdict, "{granted:?} {target}");
    }
}

#[test]
fn a54_a_broader_scope_stands_for_narrower_ones() {
    let policy = Policy {
        implies: vec![
            ("admin".into(), globs("write mcp:tools:*")),
            ("write".into(), globs("read")),
            ("ring:a".into(), globs("ring:b")),
            ("ring:b".into(), globs("ring:c")),
            ("ring:c".into(), globs("ring:a self")),
            ("self".into(), globs("self")),
        ],
        ..policy("read", vec![rule(Subject::Tools, "*").needs("read mcp:tools:x math")])
    };
    for (granted, needed, verdict) in [
        ("admin", "admin", true),
        ("admin", "mcp:tools:weather", true),
        ("admin", "mcp:tools", false),
        ("admin", "read", true),
        ("write", "read", true),
        ("read", "write", false),
        ("write", "admin", false),
        ("ring:a", "ring:c", true),
        ("ring:c", "ring:b", true),
        ("ring:b", "self", true),
        ("self", "ring:a", false),
        ("mcp:tools:*", "mcp:tools:weather", false),
        ("", "read", false),
    ] {
        assert_eq!(covers(&policy, &scopes(granted), &needed.into()), verdict, "{granted:?} for {needed}");
    }
    // A scope that `admin` implies is not requested: the authorization server may not offer it.
    assert_eq!(evaluate(&policy, &caller("admin"), &tool("x")), lacks("math"));
    assert_eq!(evaluate(&policy, &caller("admin math"), &tool("x")), by(0));
}

#[test]
fn every_resource_must_be_permitted_and_needs_are_united() {
    let policy = policy(
        "mcp",
        vec![
            about("file:///a/** file:///exact").needs("a"),
            about("file:///b/**").needs("b mcp a"),
            about("file:///no/**").denies(),
            about("file:///try/**").needs("t").reports(),
        ],
    );
    let try_it = Refusal::Scope { needed: scopes("mcp t") };
    for (granted, uris, verdict) in [
        ("mcp a b", &["file:///b/1", "file:///a/1"][..], by(1)),
        ("", &["file:///b/1", "file:///a/1"], lacks("mcp b a")),
        ("mcp b", &["file:///a/1", "file:///b/1"], lacks("mcp a b")),
        ("mcp a", &["file:///exact"], by(0)),
        ("mcp a", &["file:///exact/x"], NO_RULE),
        ("", &["file:///a/1", "file:///no/1"], forbidden(2)),
        ("", &["file:///a/1", "file:///c/1"], NO_RULE),
        ("mcp", &["file:///try/1", "file:///try/2"], reported(3, try_it)),
        ("mcp", &["file:///try/1", "file:///a/1"], lacks("mcp a")),
        ("mcp a", &["file:///a/1", "file:///a/../no/1"], Err(Refusal::UnsafeUri("a dot segment"))),
    ] {
        assert_eq!(evaluate(&policy, &caller(granted), &resources(uris)), verdict, "{granted:?} {uris:?}");
    }
}

#[test]
fn c30_a_batch_is_permitted_whole_or_not_at_all() {
    let policy = policy(
        "mcp",
        vec![
            rule(Subject::Tools, "a").needs("s:a"),
            rule(Subject::Tools, "b").needs("s:b").needs_any("s:c s:d"),
            rule(Subject::Tools, "no").denies(),
            rule(Subject::Tools, "try").needs("t").reports(),
            about("file:///a/**").needs("s:a s:r"),
        ],
    );
    let several = |parts: &[&Target]| Target::Several(parts.iter().map(|part| (*part).clone()).collect());
    let (a, b, file) = (tool("a"), tool("b"), resources(&["file:///a/1"]));
    let try_it = Refusal::Scope { needed: scopes("mcp t") };
    for (granted, parts, verdict) in [
        ("mcp", several(&[&Target::Open]), CONNECTED),
        ("", several(&[&Target::Open]), lacks("mcp")),
        ("mcp s:a s:b s:d", several(&[&Target::Open, &b, &a]), by(1)),
        // One challenge names all of them.
        ("mcp", several(&[&b, &a]), lacks("mcp s:b s:c s:a")),
        ("mcp s:a", several(&[&a, &b, &file]), lacks("mcp s:a s:b s:c s:r")),
        ("mcp s:a", several(&[&a, &several(&[&file])]), lacks("mcp s:a s:r")),
        // A refusal that no scope can change, at any place.
        ("mcp", several(&[&a, &tool("no")]), forbidden(2)),
        ("mcp", several(&[&tool("no"), &a]), forbidden(2)),
        ("mcp", several(&[&a, &tool("other")]), NO_RULE),
        ("mcp s:a", several(&[&a, &several(&[])]), NO_RULE),
        ("mcp s:a", several(&[&a, &resources(&["file:///a/../b"])]), Err(Refusal::UnsafeUri("a dot segment"))),
        (
            "mcp s:a",
            several(&[&a, &tool("try")]),
            Ok(Permit { ruling: Ruling { rule: Some(0), reported: Some(try_it) } }),
        ),
    ] {
        assert_eq!(evaluate(&policy, &caller(granted), &parts), verdict, "{granted:?} {parts:?}");
    }
}

#[test]
fn c04_a_uri_that_could_mean_another_does_not_pass_a_pattern() {
    let prefix = || about("file:///pub/*");
    let odd = "file:///pub/%2e%2e/etc/passwd";
    let dotted = || Err(Refusal::UnsafeUri("an encoded dot"));
    for (rules, verdict) in [
        (vec![prefix()], dotted()),
        (vec![prefix().reports()], dotted()),
        // The URI may have been written to avoid a rule that it does not match.
        (vec![about("file:///etc/*").denies(), about("*")], dotted()),
        (vec![prefix(), about(odd)], dotted()),
        // An exact pattern, or a pattern for everything, cannot be avoided.
        (vec![about(odd), prefix()], by(0)),
        (vec![about("file:///x"), about("**")], by(1)),
        (vec![about("file:///x")], NO_RULE),
        // Rules about other subjects do not apply.
        (vec![rule(Subject::Tools, "file:///*"), about(odd)], by(1)),
        // An exact pattern permits the URI as written, but its other readings are judged as well.
        (vec![about("file:///etc/passwd").denies(), about(odd)], forbidden(0)),
        (vec![about(odd), about("file:///etc/*").denies()], forbidden(1)),
    ] {
        let policy = policy("", rules);
        assert_eq!(evaluate(&policy, &caller(""), &resources(&[odd])), verdict, "{:?}", policy.access);
    }
}

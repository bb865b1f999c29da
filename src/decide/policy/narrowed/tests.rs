//! Which patterns let more pass now that a star stops at a slash.

use serde_json::json;

use super::find;
use crate::decide::policy::{
    evaluate::tests::{about, policy, rule, scopes},
    glob::Glob,
    rule::{Policy, Rule, Subject},
};

fn found(rules: &[Rule]) -> Vec<(usize, usize, String, String)> {
    let policy = Policy { implies: vec![("admin".into(), vec![Glob::new("hr")])], ..policy("mcp", Vec::new()) };
    find(&policy, rules).into_iter().map(|found| (found.rule, found.falls_to, found.example, found.instead)).collect()
}

#[test]
fn attack_170_a_pattern_that_lets_more_fall_to_a_cheaper_rule_is_found() {
    let scoped = |pattern: &str| about(pattern).needs("hr");
    let all = || about("*");
    let one = |rules: Vec<Rule>| {
        let all = found(&rules);
        assert!(all.len() == 1, "{all:?}");
        all.into_iter().next().unwrap()
    };
    for (rules, falls_to, example, instead) in [
        (vec![scoped("file:///a/*"), all()], 1, "file:///a/x/x", "file:///a/**"),
        (vec![scoped("file:///a/*"), about("file:///a/b/c")], 1, "file:///a/b/c", "file:///a/**"),
        (vec![scoped("file:///a/*"), about("file:///a/*"), all()], 2, "file:///a/x/x", "file:///a/**"),
        (vec![scoped("file:///a/*"), all().needs("other")], 1, "file:///a/x/x", "file:///a/**"),
        (vec![scoped("file:///a/*"), all().needs("hr").reports()], 1, "file:///a/x/x", "file:///a/**"),
        (vec![scoped("file:///a/*"), all().needs_any("hr x")], 1, "file:///a/x/x", "file:///a/**"),
        (vec![about("file:///a/*").needs_any("a b"), all().needs_any("b c")], 1, "file:///a/x/x", "file:///a/**"),
        (vec![about("file:///a/*").claims("c", &json!(["v"])), all()], 1, "file:///a/x/x", "file:///a/**"),
        (
            vec![about("file:///a/*").claims("c", &json!(["v"])), all().claims("c", &json!(["v", "w"]))],
            1,
            "file:///a/x/x",
            "file:///a/**",
        ),
        (vec![scoped("*.md"), all()], 1, "/.md", "**.md"),
        (vec![scoped("file:///a/*/c/*.md"), about("file:///**")], 1, "file:///a/x/x/c/.md", "file:///a/**/c/**.md"),
        (vec![scoped("search://q?user=*"), all()], 1, "search://q?user=/", "search://q?user=**"),
        (vec![rule(Subject::Tools, "*"), scoped("file:///a/*"), all()], 2, "file:///a/x/x", "file:///a/**"),
    ] {
        let shown = format!("{rules:?}");
        let (_, to, text, written) = one(rules);
        assert_eq!((to, &*written), (falls_to, instead), "{text} {shown}");
        assert_eq!(text, example, "{shown}");
    }
}

#[test]
fn attack_170_nothing_is_found_where_nothing_more_passes() {
    let scoped = |pattern: &str| about(pattern).needs("hr");
    for rules in [
        // No later rule, or no later rule that matches.
        vec![scoped("file:///a/*")],
        vec![scoped("file:///a/*"), about("file:///b/**")],
        vec![scoped("file:///a/*"), about("file:///a/b"), about("memo:**")],
        // A later rule that is as strict.
        vec![scoped("file:///a/*"), about("*").denies()],
        vec![scoped("file:///a/*"), about("*").needs("hr other")],
        vec![scoped("file:///a/*"), about("*").needs("admin")],
        vec![about("file:///a/*").needs("mcp"), about("*").needs("x")],
        vec![about("file:///a/*").needs_any("a b"), about("*").needs("b")],
        vec![about("file:///a/*").needs_any("a b"), about("*").needs_any("b")],
        vec![about("file:///a/*").claims("c", &json!(["v", "w"])), about("*").claims("c", &json!(["v"]))],
        // An earlier rule, or a rule in between, decides about all texts.
        vec![scoped("file:///a/*"), about("file:///a/**").denies(), about("*")],
        vec![about("file:///a/**").denies(), scoped("file:///a/*"), about("*")],
        // If a `?` stops at a slash, the rule is asked as well.
        vec![scoped("search://q?user=boss"), about("*")],
        vec![scoped("file:///a?c"), about("*")],
        vec![scoped("file:///a?c"), about("file:///**").needs("x")],
        // No narrower meaning.
        vec![scoped("file:///a/**"), about("*")],
        vec![scoped("file:///a"), about("*")],
        vec![about("file:///a/*").denies(), about("*")],
        vec![about("file:///a/*"), about("*")],
        vec![about("file:///a/*").needs("hr").reports(), about("*")],
        vec![scoped("*"), about("*")],
    ] {
        assert_eq!(found(&rules), Vec::new(), "{rules:?}");
    }
    assert_eq!(scopes("hr").len(), 1);
}

#[test]
fn many_patterns_end_the_search_and_count_as_found() {
    let hard = "**a*a*a*a*a*a*a*b **b*a*b*a*b*c **c*b*a*c*d";
    let rules = vec![about("file:///*a*b*c*d").needs("hr"), about(hard).needs("hr"), about("file:///**a")];
    // The search ends, however long it would take.
    let _ = found(&rules);
}

#[test]
fn attack_194_another_spelling_of_a_narrower_pattern_is_found() {
    let rules = [about("HTTP://Example.com:80/*").needs("hr"), about("http://**").needs("x")];
    let found = found(&rules);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].2.starts_with("http://example.com/"), "{found:?}");
    assert_eq!((found[0].1, &found[0].3), (1, &"http://example.com/**".to_owned()));
}

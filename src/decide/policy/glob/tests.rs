//! What a pattern matches.

use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

use super::{Glob, Shape};

/// The definition of a match, simple and slow.
fn naive(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) => naive(rest, text) || text.split_first().is_some_and(|(_, less)| naive(pattern, less)),
        (Some(('?', rest)), Some((_, less))) => naive(rest, less),
        (Some((wanted, rest)), Some((found, less))) => wanted == found && naive(rest, less),
        _ => false,
    }
}

#[test]
fn c02_patterns_match_whole_texts_by_code_point() {
    for (pattern, text, verdict) in [
        ("", "", true),
        ("", "a", false),
        ("danger", "danger", true),
        ("danger", "Danger", false),
        ("danger", "danger ", false),
        ("danger", "dange", false),
        ("get_*", "get_", true),
        ("get_*", "get_weather", true),
        ("get_*", "forget_weather", false),
        ("*_read", "file_read", true),
        ("*_read", "file_read2", false),
        ("*", "", true),
        ("**", "anything/at all", true),
        ("file:///projects/**", "file:///projects/a/b/c.txt", true),
        ("file:///projects/*", "file:///projects/a/b/c.txt", true),
        ("file:///projects/**", "file:///project", false),
        ("a*b*c", "a--b--c", true),
        ("a*b*c", "a--b--cd", false),
        ("a*b*c", "acb", false),
        ("*a*", "bab", true),
        ("*a*", "bbb", false),
        ("*ab*ab*", "ab-ab", true),
        ("*ab*ab*", "aab", false),
        ("?", "", false),
        ("?", "é", true),
        ("??", "é", false),
        ("?*", "é", true),
        ("*?", "", false),
        ("*??", "é", false),
        ("get_?", "get_1", true),
        ("get_?", "get_12", false),
        // Attack 82: a wildcard in the text is an ordinary character.
        ("mcp:read", "mcp:*", false),
        ("mcp:*", "mcp:*", true),
        // Regular expressions and character classes have no meaning.
        ("a.c", "abc", false),
        ("[ab]", "a", false),
        ("{a,b}", "a", false),
        ("a\\*", "a*", false),
        ("a\\*", "a\\b", true),
    ] {
        assert_eq!(Glob::new(pattern).matches(text), verdict, "{pattern:?} against {text:?}");
    }
}

#[test]
fn common_patterns_are_one_comparison() {
    assert_eq!(Glob::new("add").shape, Shape::Literal);
    assert_eq!(Glob::new("get_**").shape, Shape::Prefix("get_".into()));
    assert_eq!(Glob::new("*_get").shape, Shape::Suffix("_get".into()));
    assert_eq!(Glob::new("a***b**c").shape, Shape::Wild("a*b*c".into()));
    assert!(Glob::new("**").is_everything() && !Glob::new("?*").is_everything() && !Glob::new("").is_everything());
    assert_eq!(Glob::new("file:///pub/*.md").literal_prefix(), "file:///pub/");
}

#[test]
fn p9_many_stars_do_not_blow_up() {
    let pattern = "a*".repeat(500) + "b";
    assert!(!Glob::new(&pattern).matches(&"a".repeat(8_192)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_shape_agrees_with_the_definition(pattern in "[abé*?]{0,8}", text in "[abé*?]{0,10}") {
        let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        prop_assert_eq!(Glob::new(&pattern).matches(&text), naive(&p, &t));
    }
}

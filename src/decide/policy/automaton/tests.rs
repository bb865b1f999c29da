//! Which patterns cover which other patterns.

use proptest::prelude::{ProptestConfig, prop_assert, proptest};

use super::Covering;
use crate::decide::policy::glob::Glob;

#[test]
fn a_pattern_that_covers_another_is_told_where_that_is_sure() {
    for (earlier, later, verdict) in [
        ("file:///**", "file:///hr/**", true),
        ("file:///**", "file:///hr/x", true),
        ("file:///**", "file:///*/?.md", true),
        ("file:///*", "file:///?", true),
        ("file:///*", "file:///a*b", true),
        ("file:///**/x", "file:///a/**/x", true),
        ("*", "file:///**", true),
        ("**", "*", true),
        ("a*", "a*", true),
        ("*?", "??", true),
        ("file:///*", "file:///**", false),
        ("file:///*", "file:///a/b", false),
        ("file:///?", "file:///*", false),
        ("file:///hr/**", "file:///**", false),
        ("file:///a", "file:///?", false),
        ("a*c", "a*b", false),
        ("a?", "a", false),
        ("", "*", false),
    ] {
        assert_eq!(Covering::new(earlier, false).covers(&Covering::new(later, false)), verdict, "{earlier} {later}");
    }
    // In a `deny` rule wildcards match more than in the same pattern of an earlier rule.
    assert!(!Covering::new("a/*", false).covers(&Covering::new("a/*", true)));
    assert!(Covering::new("a/*", true).covers(&Covering::new("a/**", false)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_covered_is_matched(earlier in "[ab/*?]{0,5}", later in "[ab/*?]{0,5}", text in "[ab/]{0,6}") {
        if Covering::new(&earlier, false).covers(&Covering::new(&later, false)) {
            prop_assert!(!Glob::within(&later).matches(&text) || Glob::within(&earlier).matches(&text));
        }
    }
}

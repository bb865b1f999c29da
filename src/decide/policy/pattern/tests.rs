//! What a resource pattern matches, and its other spellings.

use super::Pattern;

#[test]
fn attack_170_a_star_stops_at_a_slash_unless_it_denies() {
    for (pattern, text, allows, denies) in [
        ("file:///a/*", "file:///a/b", true, true),
        ("file:///a/*", "file:///a/", true, true),
        ("file:///a/*", "file:///a/b/c", false, true),
        ("file:///a/**", "file:///a/b/c", true, true),
        ("file:///*/c", "file:///b/c", true, true),
        ("file:///*/c", "file:///a/b/c", false, true),
        ("file:///a?c", "file:///abc", true, true),
        ("file:///a?c", "file:///a/c", false, true),
        ("file:///**/c", "file:///a/b/c", true, true),
        ("file:///**/*.md", "file:///a/b/c.md", true, true),
        ("*", "file:///a/b/c", true, true),
        ("**", "file:///a/b/c", true, true),
        ("file:*", "file:///a", false, true),
        ("*.md", "file:///a.md", false, true),
    ] {
        let compiled = Pattern::new(pattern);
        assert_eq!(compiled.matches(text, false), allows, "{pattern} allows {text}");
        assert_eq!(compiled.matches(text, true), denies, "{pattern} denies {text}");
    }
}

#[test]
fn a_pattern_knows_how_servers_spell_it() {
    for (pattern, canonical) in [
        ("HTTP://Example.com:80/*", Some("http://example.com/*")),
        ("http://127.1/**", Some("http://127.0.0.1/**")),
        ("file:/a/*", Some("file:///a/*")),
        ("file:///my docs/*.md", Some("file:///my%20docs/*.md")),
        ("file:///a/*", None),
        ("http://example.com", None),
        ("http://*.example.com:*/**", None),
        ("file:///{path}", None),
        ("get_*", None),
        ("memo://Insights", None),
        ("*", None),
    ] {
        assert_eq!(Pattern::new(pattern).canonical().as_deref(), canonical, "{pattern}");
    }
}

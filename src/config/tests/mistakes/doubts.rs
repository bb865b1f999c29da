//! Warnings about rules that never decide, patterns that match nothing, and `null` as an origin.

use super::{super::warnings, ACCESS, ISSUER, changed};

/// The warnings about these rules, without the names of file and server.
fn told(rules: &str) -> Vec<String> {
    let all = warnings(&changed(ACCESS, &format!("    rules: [{rules}]\n")));
    all.iter().map(|line| line.split_once("servers.weather.").unwrap().1.to_owned()).collect()
}

#[test]
fn a_rule_that_can_never_decide_is_told_whatever_covers_it() {
    const ORDER: &str =
        "expected an order in which this rule can decide: earlier rules match everything that it matches";
    const SCOPES: &str = "rules[1]: found a rule that can never decide, so its scopes and claims are never required";
    const DENIES: &str = "rules[1]: found a rule that can never decide, so it denies nothing";
    const PLAIN: &str = "rules[1]: found a rule that can never decide";
    for (rules, found) in [
        ("{resources: ['file:///**'], scopes: [x]}, {resources: ['file:///hr/**'], scopes: [hr]}", SCOPES),
        ("{resources: ['file:///**']}, {resources: ['file:///hr/*.md'], claims: {team: hr}}", SCOPES),
        ("{resources: ['file:///**'], any_scope: [x]}, {resources: ['file:///hr/**'], deny: true}", DENIES),
        ("{resources: ['file:///**', 'memo:**']}, {resources: ['file:///a', 'memo:?']}", PLAIN),
        ("{resources: ['file:///*'], deny: true}, {resources: ['file:///a/*'], scopes: [x]}", SCOPES),
        ("{tools: ['get_*']}, {tools: ['get_*_private'], scopes: [x]}", SCOPES),
        ("{prompts: ['*a*']}, {prompts: ['a', 'b?a*'], deny: true}", DENIES),
    ] {
        assert_eq!(
            told(rules),
            [format!("{found}; {ORDER}; see gateway.yaml:11:13 servers.weather.rules[0]")],
            "{rules}"
        );
    }
    for rules in [
        "{resources: ['file:///hr/**'], scopes: [hr]}, {resources: ['file:///**'], scopes: [x]}",
        "{resources: ['file:///*'], scopes: [hr]}, {resources: ['file:///*/x'], scopes: [hr]}",
        "{resources: ['file:///a/*']}, {resources: ['file:///a/*', 'file:///b'], scopes: [x]}",
        "{tools: ['*']}, {prompts: ['a'], scopes: [x]}, {resources: ['file:///a'], scopes: [x]}",
        "{tools: ['a*']}, {tools: ['*a'], scopes: [x]}",
    ] {
        assert_eq!(told(rules), [""; 0], "{rules}");
    }
}

#[test]
fn a_pattern_whose_signs_are_plain_text_is_told_once() {
    for (pattern, told_of) in [
        (
            "secret.txt",
            "found \"secret.txt\", which has no scheme; expected a pattern for URIs, such as \"file:///secret.txt\"",
        ),
        ("/etc/*", "found \"/etc/*\", which has no scheme; expected a pattern for URIs, such as \"file:///etc/*\""),
        (
            "file:///[ab]/**",
            "found \"file:///[ab]/**\", which holds `[ab]`; expected one pattern for each character, or `?`, if a choice is meant: brackets are plain text here",
        ),
        (
            "file:///{c,d}/**",
            "found \"file:///{c,d}/**\", which holds `{c,d}`; expected one pattern for each word, if a choice is meant: braces are plain text here",
        ),
        (
            "!file:///e/**",
            "found \"!file:///e/**\", which begins with `!`; expected a rule about \"file:///e/**\" above this one: `!` excludes nothing here, it is plain text",
        ),
    ] {
        let rules = format!("{{resources: ['{pattern}'], deny: true}}, {{resources: ['**']}}");
        assert_eq!(told(&rules), [format!("rules[0].resources[0]: {told_of}")], "{pattern}");
    }
    let all = told("{tools: ['!delete_*', 'get_[ab]', '{read,write}_*'], scopes: [x]}");
    assert_eq!(all.len(), 3, "{all:?}");
    for pattern in [
        "http://[::1]/**",
        "http://[fe80::1]:8080/*",
        "search://q{?user,limit}",
        "file:///{path}",
        "{scheme}://x",
        "{+uri}",
        "*.md",
        "**/secret",
        "f*:///x",
        "?ile:///x",
        "urn:x",
        "web+x-1.a:y",
        "memo://[]",
    ] {
        assert_eq!(told(&format!("{{resources: ['{pattern}']}}")), [""; 0], "{pattern}");
    }
    assert_eq!(told("{tools: ['secret.txt', '/etc/*', 'a{x}']}"), [""; 0]);
}

#[test]
fn first_8_check_what_is_nearly_right_is_told_once_with_what_was_meant() {
    for (from, to, expected) in [
        (
            ACCESS,
            "    access: authenticated\n    audiences: [\"https://mcp.example.com/waether/mcp\"]\n",
            &["did you mean \"https://mcp.example.com/weather/mcp\"?; see gateway.yaml:9:11 servers.weather.path"][..],
        ),
        (
            ACCESS,
            "    access: authenticated\n    audiences: [\"https://mcp.example.com/weather/mcp/\", \"api://weather\"]\n",
            &[],
        ),
        (
            ACCESS,
            // Another region, an earlier scheme, an earlier path, another version.
            "    access: authenticated\n    audiences: [\"https://mcp-us.example.com/weather/mcp\", \"http://mcp.example.com/weather/mcp\", \"https://mcp.example.com/weather/sse\", \"https://mcp.example.com/weather/mcp2\"]\n",
            &[],
        ),
        (
            ISSUER,
            "    issuer: https://login.example.com/oauth2/authorize\n",
            &["expected the issuer, as tokens name it in `iss`: this looks like one of its endpoints"],
        ),
        (ISSUER, "    issuer: https://login.example.com/oauth2/token\n", &[]),
        (
            ACCESS,
            "    rules: [{resources: ['file:///.*\\.md'], scopes: [a]}]\n",
            &[
                "which looks like a regular expression; expected \"file:///*.md\": `*` stands for any text and `?` for one character, and all else for itself",
            ],
        ),
    ] {
        let found = warnings(&changed(from, to));
        assert_eq!(found.len(), expected.len(), "{to}: {found:?}");
        assert!(found.iter().zip(expected).all(|(found, expected)| found.ends_with(expected)), "{to}: {found:?}");
    }
}

#[test]
fn people_b6_attack_327_null_as_an_origin_is_warned_of() {
    for written in ["null", "\"null\""] {
        let line = format!("    access: authenticated\n    allowed_origins: [\"https://a.example\", {written}]\n");
        let all = warnings(&changed(ACCESS, &line));
        let told = "servers.weather.allowed_origins[1]: found null; expected the origin of your page: every web page can call as null, from a sandboxed frame";
        assert!(matches!(&*all, [one] if one.ends_with(told)), "{all:?}");
    }
}

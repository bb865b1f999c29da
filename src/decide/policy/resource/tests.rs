//! Spellings that servers read as another resource: the bypasses of a hostile review, as tables.

use crate::decide::{
    mcp::request::target::Target,
    policy::{
        evaluate::{
            Permit, evaluate,
            tests::{about, about_one, caller, policy, scopes},
        },
        rule::{Policy, Rule},
    },
    refusal::Refusal,
};

mod names;

/// Spellings of `file:///secret.txt`.
pub(crate) const OF_SECRET: [&str; 25] = [
    "file:///secret.txt",
    "file:///./secret.txt",
    "file:///x/../secret.txt",
    "file:///x/%2e%2e/secret.txt",
    "file:///x/.%2E/secret.txt",
    "FILE:///secret.txt",
    "File:///secret.txt",
    "file:/secret.txt",
    "file:secret.txt",
    "file://localhost/secret.txt",
    "file://LOCALHOST/secret.txt",
    "file:\\\\\\secret.txt",
    "file:///x\\..\\secret.txt",
    "file:/\\/secret.txt",
    " file:///secret.txt",
    "file:///secret.txt ",
    "\u{a0}file:///secret.txt\u{3000}",
    "file:////secret.txt",
    "file://///secret.txt",
    "file:///secret%2etxt",
    "file:///%73ecret.txt",
    "file:///secret.txt?x",
    "file:///secret.txt#x",
    "file:///%25%37%33ecret.txt",
    "file://host/secret.txt",
];

/// A glob, and other spellings of the resources that it guards.
pub(crate) const OF_GUARDED: [(&str, &[&str]); 8] = [
    (
        "http://internal.example/**",
        &[
            "http://internal.example:80/x",
            "http://internal.example:/x",
            "http://internal.example:0080/x",
            "http:/internal.example/x",
            "http:internal.example/x",
            "http:///internal.example/x",
            "http:\\\\internal.example\\x",
            "HTTP://INTERNAL.example/x",
            "http://u:p@internal.example/x",
            "http://internal.example./x",
            "http://%69nternal.example/x",
            "http://ｉnternal.example/x",
            "http://evil.example/../../internal.example/../x/\t",
        ],
    ),
    (
        "http://127.0.0.1/**",
        &[
            "http://127.1/x",
            "http://0x7f.0.0.1/x",
            "http://0x7f000001/x",
            "http://0177.0.0.1/x",
            "http://2130706433/x",
            "http://127.0.0.1./x",
            "http://127.0.0.1:80/x",
            "http://[::ffff:127.0.0.1]/x",
            "http://[::ffff:7f00:1]/x",
        ],
    ),
    (
        "http://[::1]/**",
        &["http://[0:0:0:0:0:0:0:1]/x", "http://[::0001]/x", "http://[::0.0.0.1]/x", "http://[::1]:80/x"],
    ),
    ("https://h.example:8443/**", &["https://h.example:08443/x", "https://H.example:8443/x"]),
    (
        "file:///C:/secret/**",
        &[
            "file:///c:/secret/x",
            "file:///C|/secret/x",
            "file:///c|/secret/x",
            "file://c:/secret/x",
            "file://C|/secret/x",
            "file:C:/secret/x",
            "file:C|/secret/x",
            "file:\\C:\\secret\\x",
            "file:///C:\\secret\\x",
            "file:///C:/SECRET/x",
            "file:///C%3A/secret/x",
            "file:///C:secret/x",
            "file:///C:/secret./x",
            "file:////?/C:/secret/x",
            "file://localhost/c$/secret/x",
            "file:///secret/x",
        ],
    ),
    ("file://nas/share/**", &["file:////nas/share/x", "file:\\\\NAS\\share\\x", "file:////?/UNC/nas/share/x"]),
    (
        "memo://internal/**",
        &["memo://internal:/x", "memo://u@internal/x", "MEMO://internal/x", "memo://Internal/x", "memo://internal//x"],
    ),
    ("postgres://10.0.0.1/**", &["postgres://10.1/x", "postgres://0x0a000001/x", "postgres://167772161/x"]),
];

fn read(policy: &Policy, granted: &str, uri: &str) -> Result<Permit, Refusal> {
    evaluate(policy, &caller(granted), &Target::Resources(vec![uri.into()]))
}

fn is_no(verdict: &Result<Permit, Refusal>) -> bool {
    matches!(verdict, Err(Refusal::Scope { .. } | Refusal::Forbidden { .. } | Refusal::UnsafeUri(_) | Refusal::NoRule))
}

fn everything() -> Rule {
    about("*")
}

#[test]
fn attack_167_a_literal_rule_holds_for_every_spelling() {
    let scoped = policy("", vec![about("file:///secret.txt").needs("hr"), everything()]);
    let denied = policy("", vec![about("file:///secret.txt").denies(), everything()]);
    let claimed = policy("", vec![about("file:///secret.txt").claims("c", &serde_json::json!(["v"])), everything()]);
    for uri in OF_SECRET {
        assert_eq!(read(&scoped, "", uri), Err(Refusal::Scope { needed: scopes("hr") }), "{uri:?}");
        assert_eq!(read(&denied, "hr", uri), Err(Refusal::Forbidden { rule: 0 }), "{uri:?}");
        assert_eq!(read(&claimed, "hr", uri), Err(Refusal::Forbidden { rule: 0 }), "{uri:?}");
        assert!(read(&scoped, "hr", uri).is_ok(), "{uri:?}");
    }
    for uri in ["file:///sec\tret.txt", "file:///secret.txt\n", "fi\rle:///secret.txt", "file:///secret.txt%00"] {
        let unsafe_uri = Err(Refusal::UnsafeUri("a control character"));
        assert_eq!(read(&scoped, "hr", uri), unsafe_uri, "{uri:?}");
        assert_eq!(read(&denied, "hr", uri), unsafe_uri, "{uri:?}");
    }
    for uri in ["file:///secret.txtx", "file:///public.txt", "file:///x%20y", "memo://secret.txt", "urn:secret.txt", ""]
    {
        assert!(read(&denied, "", uri).is_ok(), "{uri:?}");
    }
}

#[test]
fn attack_168_a_glob_holds_for_every_spelling() {
    for (guarded, spellings) in OF_GUARDED {
        let denied = policy("", vec![about(guarded).denies(), everything()]);
        let scoped = policy("", vec![about(guarded).needs("s"), everything().needs("r")]);
        let below = policy("", vec![about("urn:x"), about(guarded).denies(), about("file:///** http** memo:** pos**")]);
        for uri in spellings {
            for policy in [&denied, &scoped, &below] {
                let verdict = read(policy, "r", uri);
                assert!(is_no(&verdict), "{uri:?} under {guarded}: {verdict:?}");
            }
        }
    }
}

#[test]
fn attack_168_the_spelling_of_the_rule_does_not_matter_either() {
    for (guarded, uri) in [
        ("HTTP://Internal.example:80/**", "http://internal.example/x"),
        ("http://127.1/**", "http://127.0.0.1/x"),
        ("file:///x/../secret/**", "file:///secret/x"),
        ("file:///My Documents/**", "file:///My%20Documents/x"),
        ("file:///caf%c3%a9/**", "file:///caf%C3%A9/x"),
        ("file:///café/**", "file:///caf%C3%A9/x"),
        ("file:///Secret/**", "file:///secret/x"),
        ("file://localhost/secret/**", "file:///secret/x"),
        ("file:///c|/secret/**", "file:///C:/secret/x"),
        ("memo://*.internal:/**", "memo://a.internal/x"),
        ("file:///a%2Ab", "file:///a*b"),
    ] {
        let policy = policy("", vec![about_one(guarded).denies(), everything()]);
        let verdict = read(&policy, "", uri);
        assert!(is_no(&verdict), "{uri:?} under {guarded}: {verdict:?}");
    }
}

#[test]
fn readings_that_need_different_scopes_need_all_of_them() {
    let rules =
        vec![about("file:///secret.txt").needs("hr"), about("file:///x/**").needs("x"), everything().needs("r")];
    let policy = policy("mcp", rules);
    for (granted, uri, verdict) in [
        ("", "file:/secret.txt", Some("mcp r hr")),
        ("mcp r", "file:/secret.txt", Some("mcp r hr")),
        ("mcp hr", "file:/secret.txt", Some("mcp r hr")),
        ("mcp hr r", "file:/secret.txt", None),
        ("mcp hr", "file:///secret.txt", None),
        ("mcp r", "file:///other", None),
        ("mcp", "file:///other", Some("mcp r")),
    ] {
        let expected = verdict.map(|needed| Refusal::Scope { needed: scopes(needed) });
        assert_eq!(read(&policy, granted, uri).err(), expected, "{granted:?} {uri}");
    }
}

#[test]
fn a_rule_above_in_another_spelling_does_not_shadow_one_below() {
    let rules = vec![about("file://nas/share/**"), about("file:///share/secret/**").denies(), everything()];
    let policy = policy("", rules);
    assert!(read(&policy, "", "file://nas/share/x").is_ok());
    for uri in ["file:///share/secret/x", "file://evil/share/secret/x", "file://nas/share/secret/x"] {
        assert_eq!(read(&policy, "", uri), Err(Refusal::Forbidden { rule: 1 }), "{uri}");
    }
}

#[test]
fn what_plain_rules_allow_stays_allowed() {
    for (pattern, uri) in [
        ("file:///pub/**", "file:///pub/a/b.txt"),
        ("file:///pub/**", "file:///pub/"),
        ("file:///pub/**", "file:///pub/a/"),
        ("file:///pub/**", "file:///pub/a%20b"),
        ("file:///pub/**", "file:///pub/100%25"),
        ("file:///pub/**", "file:///pub/.hidden"),
        ("file:///pub/**", "file:///pub/2024-01-01T10:00.log"),
        ("file:///pub/*.log", "file:///pub/2024-01-01T10:00.log"),
        ("file:///pub/**", "file:///pub/a?b#c"),
        ("file:///C:/Pub/**", "file:///C:/Pub/A.txt"),
        ("file:///My%20Docs/*", "file:///My%20Docs/a%20b"),
        ("file:///My%20Docs/x", "file:///My%20Docs/x"),
        ("file://nas/share/**", "file://nas/share/x"),
        ("http://h.example/**", "http://h.example/a?b=c/d#e"),
        ("https://h.example:8443/**", "https://h.example:8443/x"),
        ("http://localhost:*/**", "http://localhost:8000/x"),
        ("http://127.0.0.*/**", "http://127.0.0.1/x"),
        ("ssh://git@host.example/**", "ssh://git@host.example/x"),
        ("repo://Owner/**", "repo://Owner/Name"),
        ("repo://*/readme", "repo://Owner/readme"),
        ("user://1*/profile", "user://123/profile"),
        ("memo://Insights", "memo://Insights"),
        ("memo://a%2Fb", "memo://a%2Fb"),
        ("fetch://https://example.com/**", "fetch://https://example.com/x"),
        ("web://fetch/https://example.com/**", "web://fetch/https://example.com/x"),
        ("urn:isbn:*", "urn:isbn:0451450523"),
        ("note://search?q=*", "note://search?q=x"),
        ("config://app", "config://app"),
        ("*", "file:///a/../b"),
        ("**", "no uri at all"),
    ] {
        let policy = policy("", vec![about(pattern)]);
        let verdict = read(&policy, "", uri);
        assert!(verdict.is_ok(), "{uri:?} under {pattern}: {verdict:?}");
    }
}

#[test]
fn attack_167_a_slash_at_the_end_is_dropped_by_some_servers() {
    for (guarded, uri) in [
        ("http://internal/secret", "http://internal/secret/"),
        ("http://internal/secret", "http://internal/secret/."),
        ("http://internal/secret", "http://internal/x/%2e./secret//"),
        ("https://h.example:8443/a/secret", "https://h.example:8443/a/secret/#x"),
        ("https://h.example/q?user=boss", "https://h.example/q/?user=boss"),
        ("memo://internal/x", "memo://internal/x/"),
        ("memo://insights", "memo://insights/"),
        ("notes:secret/one", "notes:secret/one/"),
        ("notes:secret/one/", "notes:secret/one"),
    ] {
        let policy = policy("", vec![about_one(guarded).denies(), everything()]);
        assert_eq!(read(&policy, "", uri), Err(Refusal::Forbidden { rule: 0 }), "{uri:?} under {guarded}");
    }
    // A rule that permits `x` need not name `x/`, and does not permit it.
    let only = policy("", vec![about("http://h.example/a/**")]);
    assert!(read(&only, "", "http://h.example/a/b/").is_ok());
    let literal = policy("", vec![about("http://h.example/a")]);
    assert_eq!(read(&literal, "", "http://h.example/a/"), Err(Refusal::NoRule));
}

#[test]
fn a_rule_about_one_host_or_drive_leaves_the_others_alone() {
    for (guarded, others) in [
        ("file://server/**", ["file:///project/main.rs", "file:///C:/Users/x", "file://other/server.txt"]),
        ("file://server/share/**", ["file:///project/main.rs", "file://other/x", "file:///c:/x"]),
        ("file:///c:/**", ["file:///d:/c/x", "file:///D:/x", "file:///e|/x"]),
        ("file:///c:/secret/**", ["file:///d:/secret/x", "file:///D:/secret/x", "file:///project/x"]),
        ("http://internal/secret", ["http://internal/secrets/", "http://internal/", "http://other/secret/"]),
    ] {
        for rule in [about_one(guarded).denies(), about_one(guarded).needs("hr")] {
            let policy = policy("", vec![rule, everything()]);
            for uri in others {
                let verdict = read(&policy, "", uri);
                assert!(verdict.is_ok(), "{uri:?} under {guarded}: {verdict:?}");
            }
        }
    }
    // On Windows a path without a drive is on some drive.
    let policy = policy("", vec![about("file:///c:/**").denies(), everything()]);
    assert!(is_no(&read(&policy, "", "file:///x")));
}

#[test]
fn what_is_outside_a_pattern_stays_outside() {
    for (pattern, uri) in [
        ("https://*.example.com/**", "https://evil.org?.example.com/x"),
        ("https://*.example.com/**", "https://evil.org#.example.com/x"),
        ("https://*.example.com/**", "https://evil.org\\.example.com/x"),
        ("https://example.com*", "https://example.com@evil.org/x"),
        ("https://example.com/**", "https://example.com@evil.org/x"),
        ("file:///pub/*", "file:///pub/a/b"),
        ("file:///pub/*", "file:///pub/a%2fb"),
        ("file:///pub/?", "file:///pub//"),
        ("file:///pub/**", "file:///pub/%2e%2e/etc/passwd"),
        ("file:///pub/**", "file:///PUB/a"),
        ("file:///pub/**", "FILE:///pub/a"),
        ("file:///a/b*", "file:///a/b?/../../secret"),
    ] {
        let policy = policy("", vec![about(pattern)]);
        let verdict = read(&policy, "", uri);
        assert!(verdict.is_err(), "{uri:?} under {pattern}: {verdict:?}");
    }
}

#[test]
fn attack_192_a_rule_about_a_query_holds_in_any_order_of_its_parameters() {
    let denied = policy("", vec![about("search://q?user=boss*").denies(), everything()]);
    let scoped = policy("", vec![about_one("search://q?user=boss").needs("hr"), everything()]);
    for uri in [
        "search://q?user=boss",
        "search://q?&user=boss",
        "search://q?limit=1&user=boss",
        "search://q?limit=1&&user=boss&x=2",
        "search://q?limit=1&user=%62oss",
        "search://q?limit=1&user=boss#x",
    ] {
        assert_eq!(read(&denied, "", uri), Err(Refusal::Forbidden { rule: 0 }), "{uri:?}");
        assert_eq!(read(&scoped, "", uri), Err(Refusal::Scope { needed: scopes("hr") }), "{uri:?}");
    }
    let many = |count: usize| format!("search://q?{}user=boss", "a=1&".repeat(count));
    assert_eq!(read(&denied, "", &many(31)), Err(Refusal::Forbidden { rule: 0 }));
    assert!(is_no(&read(&denied, "", &many(32))));
    assert!(is_no(&read(&scoped, "", &many(32))));
    for uri in
        ["search://q?limit=1&user=clerk", "search://q?limit=1", "search://q?a=user&b=boss", "other://q?a&user=boss"]
    {
        assert!(read(&denied, "", uri).is_ok(), "{uri:?}");
    }
}

#[test]
fn attack_193_the_delimiters_of_a_uri_hide_nothing() {
    let literal = policy("", vec![about_one("http://internal/secret").needs("hr"), everything()]);
    let glob = policy("", vec![about("http://internal/**").denies(), everything()]);
    for uri in [
        "URL:http://internal/secret",
        "url:http://internal/secret",
        "<http://internal/secret>",
        " <URL:http://internal/secret> ",
        "URL: http://internal/secret",
    ] {
        assert_eq!(read(&literal, "", uri), Err(Refusal::Scope { needed: scopes("hr") }), "{uri:?}");
        assert!(is_no(&read(&glob, "", uri)), "{uri:?}");
    }
    assert!(read(&literal, "", "URL:http://internal/public").is_ok());
}

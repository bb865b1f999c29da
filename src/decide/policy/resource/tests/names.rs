//! File names in other Unicode forms, parameters in other orders, and question marks of wildcards.

use super::{everything, is_no, read};
use crate::decide::{
    policy::evaluate::tests::{about, about_one, policy, scopes},
    refusal::Refusal,
};

/// Names of `file:` that macOS, or a Linux disk that ignores case, opens as one file.
const ONE_FILE: [(&str, &[&str]); 6] = [
    (
        "file:///private/l%C3%B6hne.txt",
        &["file:///private/lo%CC%88hne.txt", "file:///Private/L%C3%96HNE.TXT", "file:///private/LO%CC%88HNE.txt"],
    ),
    (
        "file:///private/löhne.txt",
        &["file:///private/lo%CC%88hne.txt", "file:///private/löhne.txt", "file:///private/LÖHNE.txt"],
    ),
    (
        "file:///secret.txt",
        &[
            "file:///%C5%BFecret.txt",
            "file:///ſecret.txt",
            "file:///%25C5%25BFECRET.txt",
            "file:///sec%E2%80%8Bret.txt",
            "file:///SECRET.txt/",
        ],
    ),
    ("file:///keys", &["file:///%E2%84%AAeys", "file://localhost/%E2%84%AAEYS"]),
    ("file:///office/stra%C3%9Fe", &["file:///o%EF%AC%83ce/STRASSE", "file:///OFFICE/stra%E1%BA%9Ee"]),
    ("file:///%C5%BFecret", &["file:///secret", "file:///SECRET"]),
];

#[test]
fn attack_167_attack_168_a_file_is_guarded_under_each_name_that_its_disk_takes_for_it() {
    for (guarded, others) in ONE_FILE {
        let scoped = policy("", vec![about_one(guarded).needs("hr"), everything()]);
        let below = format!("{guarded}**");
        let glob = policy("", vec![about_one(&below).denies(), about("file:///**"), everything()]);
        for uri in others {
            assert_eq!(read(&scoped, "", uri), Err(Refusal::Scope { needed: scopes("hr") }), "{uri:?} {guarded}");
            assert!(read(&scoped, "hr", uri).is_ok(), "{uri:?} {guarded}");
            assert!(is_no(&read(&glob, "", uri)), "{uri:?} {below}");
        }
    }
    // A server that removes `file://` opens the rest as a path, in any case.
    let denied = policy("", vec![about("file:///secret/a.txt").denies(), everything()]);
    assert!(is_no(&read(&denied, "", "file://Secret/A.txt")));
    // Names that no disk opens as this file, and URIs that are not files.
    let rules = vec![about("file:///secret.txt file:///löhne memo://secret").denies(), everything()];
    let denied = policy("", rules);
    for uri in ["file:///lohne", "file:///%EF%BD%93ecret.txt", "file:///s%C3%A9cret.txt", "memo://%C5%BFecret"] {
        assert!(read(&denied, "", uri).is_ok(), "{uri:?}");
    }
    // A rule that permits one name permits no other name.
    let only = policy("", vec![about_one("file:///löhne.txt")]);
    assert_eq!(read(&only, "", "file:///lo%CC%88hne.txt"), Err(Refusal::NoRule));
    let glob = policy("", vec![about("file:///pub/**")]);
    for uri in ["file:///pub/l%C3%B6hne.txt", "file:///pub/lo%CC%88hne.txt", "file:///pub/Stra%C3%9Fe%20%E6%97%A5"] {
        assert!(read(&glob, "", uri).is_ok(), "{uri:?}");
    }
}

#[test]
fn attack_169_a_template_reaches_a_name_in_another_form() {
    use crate::decide::{mcp::request::target::Target, policy::evaluate::evaluate};
    let denied = policy("", vec![about_one("file:///café/**").denies(), everything()]);
    for template in ["file:///cafe{+x}", "file:///CAF%C3%89/{x}", "file:///cafe%CC%81/{x}"] {
        let verdict =
            evaluate(&denied, &crate::decide::policy::evaluate::tests::caller(""), &Target::Template(template.into()));
        assert_eq!(verdict, Err(Refusal::Forbidden { rule: 0 }), "{template}");
    }
}

#[test]
fn attack_192_a_rule_about_several_parameters_holds_in_every_order_and_among_others() {
    let literal = policy("", vec![about_one("search://q?user=boss&limit=1").needs("hr"), everything()]);
    let three = policy("", vec![about_one("search://q?a=1&b=2&c=3").denies(), everything()]);
    let glob = policy("", vec![about_one("search://q?user=boss*&limit=*").denies(), everything()]);
    for uri in [
        "search://q?user=boss&limit=1",
        "search://q?limit=1&user=boss",
        "search://q?x=1&limit=1&user=boss",
        "search://q?limit=1&x=1&user=boss&y=2",
        "search://q?&limit=1&&user=%62oss#x",
        "SEARCH://q?limit=1&x&user=boss",
    ] {
        assert_eq!(read(&literal, "", uri), Err(Refusal::Scope { needed: scopes("hr") }), "{uri:?}");
        assert!(read(&literal, "hr", uri).is_ok(), "{uri:?}");
        assert!(is_no(&read(&glob, "", uri)), "{uri:?}");
    }
    for uri in
        ["search://q?c=3&b=2&a=1", "search://q?b=2&c=3&a=1", "search://q?c=3&a=1&b=2", "search://q?b=2&x&c=3&y&a=1"]
    {
        assert_eq!(read(&three, "", uri), Err(Refusal::Forbidden { rule: 0 }), "{uri:?}");
    }
    for uri in ["search://q?user=boss&limit=2", "search://q?limit=1", "other://q?limit=1&user=boss", "search://q/x?a=1"]
    {
        assert!(read(&literal, "", uri).is_ok(), "{uri:?}");
        assert!(read(&three, "", uri).is_ok(), "{uri:?}");
    }
    // A rule permits parameters only in its own order.
    let only = policy("", vec![about_one("search://q?a=1&b=2").needs("x"), about_one("search://q?b=*").needs("y")]);
    assert_eq!(read(&only, "y", "search://q?b=2&a=1"), Err(Refusal::Scope { needed: scopes("x y") }));
    let only = policy("", vec![about_one("search://q?a=1&b=2").needs("x")]);
    assert_eq!(read(&only, "x", "search://q?b=2&a=1"), Err(Refusal::NoRule));
}

#[test]
fn attack_170_a_rule_with_conditions_guards_what_a_slash_makes_of_its_question_mark() {
    let scoped = policy("", vec![about_one("search://q?user=boss").needs("hr"), everything().needs("r")]);
    let both = Err(Refusal::Scope { needed: scopes("hr r") });
    assert_eq!(read(&scoped, "", "search://q/user=boss"), both);
    assert!(read(&scoped, "hr r", "search://q/user=boss").is_ok());
    assert_eq!(read(&scoped, "", "search://q?user=boss"), Err(Refusal::Scope { needed: scopes("hr") }));
    assert!(read(&scoped, "r", "search://q/user=clerk").is_ok());
    // The guard itself permits nothing.
    let only = policy("", vec![about_one("file:///a?c").needs("hr")]);
    assert_eq!(read(&only, "hr", "file:///a/c"), Err(Refusal::NoRule));
    let plain = policy("", vec![about_one("file:///a?c"), about("file:///**").denies()]);
    assert_eq!(read(&plain, "", "file:///a/c"), Err(Refusal::Forbidden { rule: 1 }));
}

//! Text that tries to make a YAML reader hang, overflow or misread a value.

use super::{SMALLEST, problems, read};

#[test]
fn text_of_any_shape_is_refused_without_a_hang_or_a_panic() {
    let bomb = (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
        let uses = vec![format!("*a{}", level - 1); 10].join(", ");
        format!("{text}a{level}: &a{level} [{uses}]\n")
    });
    for (name, text) in [
        ("nothing", String::new()),
        ("a comment", "# nothing\n".to_owned()),
        ("nested lists", "[".repeat(40_000)),
        ("nested lists, closed", "[".repeat(20_000) + &"]".repeat(20_000)),
        ("nested maps", "{a: ".repeat(10_000)),
        ("nested block lists", "- ".repeat(40_000)),
        ("nested keys", "? ".repeat(40_000)),
        ("nested anchors", "&a ".repeat(10_000)),
        ("alias bomb", bomb),
        ("an alias of itself", "a: &a [*a]\n".to_owned()),
        ("a key that is an alias of itself", "&a {*a : 1}\n".to_owned()),
        ("a long text behind many aliases", format!("a: &a {}\nb: [{}]\n", "x".repeat(900_000), "*a, ".repeat(4_000))),
        ("many rules", format!("servers: {{a: {{rules: [{}]}}}}", "{tools: [a]},".repeat(4_000))),
        ("many keys", (0..200_000).map(|i| format!("k{i}: 1\n")).collect()),
        ("a long scalar", "a: ".to_owned() + &"x".repeat(1_000_000)),
        ("an open quote", "a: \"".to_owned() + &"x\n".repeat(100_000)),
        ("two documents", format!("{SMALLEST}---\n{SMALLEST}")),
        ("a directive", format!("%YAML 1.1\n---\n{SMALLEST}")),
        ("NUL", "\0".to_owned()),
        ("a byte order mark inside", "a\u{FEFF}: 1\n\u{FEFF}".to_owned()),
        ("tabs", "a:\n\t- b\n".to_owned()),
        ("colons", ":".repeat(10_000)),
        ("a tag", "!!python/object:os.system rm\n".to_owned()),
    ] {
        let refused = read(&text).expect_err(name);
        assert!(!refused.list().is_empty(), "{name}");
        assert!(refused.list().iter().all(|problem| problem.line > 0 && problem.column > 0), "{name}: {refused}");
    }
}

#[test]
fn what_yaml_itself_gets_wrong_has_its_place() {
    for (text, line) in [
        ("a: [1,\n  2\nb: c\n", "gateway.yaml:1:4 found `[` that is not closed; expected `]` at its end"),
        (
            "a: *nothing\n",
            "gateway.yaml:1:4 found `*` without quotes, which in YAML refers to another value; expected quotes around the pattern, as in \"*_read\"",
        ),
        (
            "a: &a [*a]\n",
            "gateway.yaml:1:8 found an alias inside its own value; expected an alias of a value that is written above it",
        ),
        ("b:\n  <<: {a: 1}\n", "gateway.yaml:2:3 found a merge key (<<); expected the keys themselves, written out"),
        ("[a]: 1\n", "gateway.yaml:1:1 found a list as a key; expected a key that is one word"),
        (
            "a: !!str 1\n",
            "gateway.yaml:1:4 found `!` without quotes, which in YAML begins a tag; expected quotes around the value, if it begins with `!`; otherwise the value alone",
        ),
    ] {
        let all = problems(text);
        assert!(all.iter().any(|problem| problem.starts_with(line)), "{line}\n{all:#?}");
    }
}

#[test]
fn an_anchor_may_be_used_again() {
    let text = SMALLEST.replace("    access: authenticated\n", "    rules: &rules\n      - {tools: [\"*\"]}\n")
        + "  news:\n    path: /news\n    upstream: {url: \"http://127.0.0.1:8001/mcp\"}\n    rules: *rules\n";
    let settings = read(&text).unwrap().settings;
    assert_eq!(settings.servers[0].policy, settings.servers[1].policy);
}

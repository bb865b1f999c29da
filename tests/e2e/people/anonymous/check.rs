//! What `check` and `explain` say about public rules (D1).

use std::process::{Command, Output};

use super::SHOP;

const TOP: &str = r#"public_url: http://127.0.0.1:8080
listen: [{address: "127.0.0.1:8080"}]
admin: {address: "127.0.0.1:0"}
authorization_servers:
  house: {issuer: "http://127.0.0.1:1"}
"#;

fn checked(yaml: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, yaml).unwrap();
    std::fs::write(folder.path().join("key"), "k".repeat(64)).unwrap();
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_portcullis")).args(["check", "--config"]).arg(&path).output().unwrap();
    let text = [stdout, stderr].concat();
    (status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn with_rule(rule: &str) -> String {
    let servers = SHOP.replace("@UPSTREAM@", "http://127.0.0.1:9");
    format!("{TOP}servers:{}", servers.replace("      - {tools: [admin], deny: true}", &format!("      - {rule}")))
}

#[test]
fn people_d1_check_lists_what_anyone_can_use() {
    let (code, text) = checked(&with_rule("{tools: [admin], deny: true}"));
    assert_eq!(code, Some(0), "{text}");
    let line = "servers.main: anyone can use without a token: tools search, get_* (rules[1]); resources file:///pub/** \
                (rules[5]); prompts hello (rules[7]); lists as `hide` leaves them";
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("warning"), "one process needs no shared store: {text}");
    let (_, text) = checked(&format!("session_keys: [\"file:key\"]\n{}", with_rule("{tools: [a], deny: true}")));
    assert!(text.contains("warning") && text.contains("rules[1].public") && text.contains("store"), "{text}");
}

#[test]
fn people_d1_public_stands_alone() {
    for (rule, told) in [
        ("{tools: [a], public: true, scopes: [x]}", "either `public: true` or `scopes`"),
        ("{tools: [a], public: true, any_scope: [x]}", "either `public: true` or `scopes`"),
        ("{tools: [a], public: true, claims: {a: b}}", "either `public: true` or `scopes`"),
        ("{tools: [a], public: true, deny: true}", "`public: true` alone"),
        ("{tools: [a], public: true, report_only: true}", "`public: true` alone"),
        ("{methods: [\"acme/x\"], public: true}", "other methods need a token"),
        ("{tools: [a], public: yes please}", "rules[0].public"),
        ("{tools: [a], pubic: true}", "did you mean \"public\"?"),
    ] {
        let (code, text) = checked(&with_rule(rule));
        assert_eq!(code, Some(2), "{rule}: {text}");
        assert!(text.contains(told), "{rule}: {text}");
    }
    assert_eq!(checked(&with_rule("{tools: [a], public: false, scopes: [x]}")).0, Some(0));
}

//! What `check` and `explain` say about public rules (D1).

use super::SHOP;
use crate::e2e::world::command::portcullis;

const TOP: &str = r#"public_url: http://127.0.0.1:8080
listen: [{address: "127.0.0.1:8080"}]
admin: {address: "127.0.0.1:0"}
authorization_servers:
  house: {issuer: "http://127.0.0.1:1"}
"#;

async fn checked(yaml: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gateway.yaml"), yaml).unwrap();
    std::fs::write(folder.path().join("key"), "k".repeat(64)).unwrap();
    let (code, printed, errors) = portcullis(folder.path(), &["check", "--config", "gateway.yaml"]).await;
    (code, printed + &errors)
}

fn with_rule(rule: &str) -> String {
    let servers = SHOP.replace("@UPSTREAM@", "http://127.0.0.1:9");
    format!("{TOP}servers:{}", servers.replace("      - {tools: [admin], deny: true}", &format!("      - {rule}")))
}

#[tokio::test]
async fn people_d1_check_lists_what_anyone_can_use() {
    let (code, text) = checked(&with_rule("{tools: [admin], deny: true}")).await;
    assert_eq!(code, Some(0), "{text}");
    let line = "servers.main: anyone can use without a token: tools search, get_* (rules[1]); resources file:///pub/** \
                (rules[5]); prompts hello (rules[7]); lists as `hide` leaves them";
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("warning"), "one process needs no shared store: {text}");
    let (_, text) = checked(&format!("session_keys: [\"file:key\"]\n{}", with_rule("{tools: [a], deny: true}"))).await;
    assert!(text.contains("note") && text.contains("rules[1].public") && text.contains("store"), "{text}");
    assert!(!text.contains("warning"), "a session key also keeps sessions over a restart: {text}");
}

#[tokio::test]
async fn people_d1_check_leaves_out_a_public_rule_that_never_decides() {
    let (code, text) = checked(&with_rule("{tools: [\"se*\"], deny: true}")).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("without a token: tools search, get_* (rules[1])"), "a part of it still decides: {text}");
    let (_, text) = checked(&with_rule("{tools: [\"*\"], deny: true}")).await;
    assert!(text.contains("a rule that can never decide"), "{text}");
    assert!(text.contains("without a token: resources file:///pub/** (rules[5])"), "{text}");
}

#[tokio::test]
async fn people_d1_public_stands_alone() {
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
        let (code, text) = checked(&with_rule(rule)).await;
        assert_eq!(code, Some(2), "{rule}: {text}");
        assert!(text.contains(told), "{rule}: {text}");
    }
    assert_eq!(checked(&with_rule("{tools: [a], public: false, scopes: [x]}")).await.0, Some(0));
}

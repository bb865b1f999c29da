//! `explain`: its output and its exit codes.

use std::{fs, path::PathBuf};

use super::*;
use crate::{cli::arguments::ConfigFile, config::source::ConfigSource};

const CONFIG: &str = r#"
public_url: https://gw.example
listen:
  - address: 127.0.0.1:0
authorization_servers:
  corporate: {issuer: "https://idp.example", jwks: {file: keys.json}}
servers:
  weather:
    path: /weather
    upstream: {url: "http://127.0.0.1:1/mcp"}
    scopes: [connect]
    deny_as: tool_error
    rules:
      - {tools: [add], scopes: [math]}
      - {resources: ["file:///a/*"]}
      - {prompts: [hello]}
      - {tools: ["drop_*"], deny: true}
"#;

fn arguments(folder: &Path, option: &str, value: &str, scopes: Option<&str>) -> Explain {
    let given = |name: &str| (name == option).then(|| value.to_owned());
    Explain {
        config: ConfigFile { file: Some(folder.join("gateway.yaml")), config: None },
        server: Some("weather".to_owned()),
        tool: given("tool"),
        resource: given("resource"),
        prompt: given("prompt"),
        method: given("method"),
        token_file: scopes.is_none().then(|| folder.join("token")),
        scopes: scopes.map(str::to_owned),
    }
}

fn folder() -> (tempfile::TempDir, Settings) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("gateway.yaml");
    fs::write(&path, CONFIG).unwrap();
    fs::write(folder.path().join("keys.json"), "{\"keys\":[]}").unwrap();
    let settings = load(&ConfigSource::file(&path))
        .unwrap_or_else(|_| panic!("the configuration of these tests is good"))
        .settings;
    (folder, settings)
}

#[test]
fn a_decision_is_told_to_its_end() {
    let (folder, settings) = folder();
    for (option, value, scopes, allowed, told) in [
        ("tool", "add", "connect math", true, "verdict: allowed by rules[0]"),
        ("tool", "add", "connect", false, "verdict: refused, insufficient_scope (403 Forbidden)"),
        ("tool", "add", "connect", false, "scope=\"connect math\", error=\"insufficient_scope\""),
        ("tool", "add", "connect", false, "deny_as is tool_error"),
        ("tool", "add", "", false, "The token has no scope."),
        ("tool", "drop_all", "connect math", false, "verdict: refused, forbidden (403 Forbidden)"),
        ("tool", "drop_all", "connect math", false, "no WWW-Authenticate is sent"),
        ("tool", "unknown", "connect math", false, "verdict: refused, no_rule (403 Forbidden)"),
        ("resource", "file:///a/b", "connect", true, "verdict: allowed by rules[1]"),
        ("resource", "file:///a/../b", "connect", false, "verdict: refused, unsafe_uri (403 Forbidden)"),
        ("prompt", "hello", "connect", true, "verdict: allowed by rules[2]"),
        ("prompt", "bye", "connect", false, "verdict: refused, no_rule (403 Forbidden)"),
        ("method", "tools/list", "connect", true, "verdict: allowed"),
        ("method", "notifications/cancelled", "connect", true, "verdict: allowed"),
        ("method", "notifications/cancelled", "connect", true, "exists in versions before 2026-07-28"),
        ("method", "notifications/tasks/status", "connect", true, "verdict: allowed"),
        ("method", "notifications/acme", "connect", false, "verdict: refused, no_rule (403 Forbidden)"),
        ("method", "subscriptions/listen", "connect", true, "exists in versions since 2026-07-28"),
        ("method", "acme/custom", "connect", false, "verdict: refused, no_rule (403 Forbidden)"),
        ("method", "tools/call", "connect", false, "verdict: refused, bad_params (400 Bad Request)"),
    ] {
        let arguments = arguments(folder.path(), option, value, Some(scopes));
        let story = decided(&arguments, &settings, "weather").unwrap_or_else(|(_, why)| panic!("{why}"));
        assert_eq!(story.allowed, allowed, "{option} {value} {scopes}");
        assert!(story.lines.iter().any(|line| line.contains(told)), "{told}\n{}", story.lines.join("\n"));
    }
}

#[test]
fn a50_the_form_of_a_refused_call_is_told() {
    let (folder, settings) = folder();
    let text = |deny_as, option, value| {
        let mut settings = settings.clone();
        settings.servers[0].deny_as = deny_as;
        let story = decided(&arguments(folder.path(), option, value, Some("connect")), &settings, "weather");
        story.unwrap_or_else(|(_, why)| panic!("{why}")).lines.join("\n")
    };
    assert!(text(DenyAs::Auto, "tool", "add").contains("with a machine's token the answer is a result"));
    assert!(!text(DenyAs::Challenge, "tool", "add").contains("deny_as"));
    assert!(!text(DenyAs::Auto, "prompt", "bye").contains("deny_as"));
}

#[test]
fn p10_a_bad_token_is_refused_as_at_the_door_and_not_shown() {
    let (folder, settings) = folder();
    for (token, told) in [
        ("garbage-hunter2", "verdict: refused, token_malformed (401 Unauthorized)"),
        ("hunter2 hunter2", "verdict: refused, malformed_authorization (400 Bad Request)"),
        ("", "verdict: refused, malformed_authorization (400 Bad Request)"),
        (&"x".repeat(TOKEN_BYTES_MAX + 500), "verdict: refused, token_oversize (401 Unauthorized)"),
    ] {
        fs::write(folder.path().join("token"), format!("{token}\n")).unwrap();
        let story = decided(&arguments(folder.path(), "tool", "add", None), &settings, "weather");
        let text = story.unwrap_or_else(|(_, why)| panic!("{why}")).lines.join("\n");
        assert!(text.contains(told), "{told}\n{text}");
        assert!(!text.contains("hunter2") && !text.contains("xxxx"), "{text}");
    }
}

#[test]
fn what_cannot_be_asked_ends_with_2() {
    let (folder, settings) = folder();
    let good = arguments(folder.path(), "tool", "add", Some("connect"));
    let Err((code, why)) = decided(&good, &settings, "nope") else { panic!("there is no such server") };
    assert_eq!((code, why.as_str()), (BAD_CONFIG, "--server: there is no server \"nope\"; there are weather"));
    let bad_scope = arguments(folder.path(), "tool", "add", Some("a\"b"));
    assert!(matches!(decided(&bad_scope, &settings, "weather"), Err((BAD_CONFIG, _))));
    let no_file = arguments(folder.path(), "tool", "add", None);
    assert!(matches!(decided(&no_file, &settings, "weather"), Err((BAD_CONFIG, _))));
}

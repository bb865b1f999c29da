//! `keys` and the file of API keys: settings, mistakes, and servers that take keys alone.

use std::{fs, time::Duration};

use serde_json::json;

use super::{SMALLEST, changed, problems, read_in};
use crate::{
    config::{Settings, explain},
    decide::token::api_key,
};

/// The smallest file, with a file of keys that has these lines.
fn with_keys(config: &str, keys: &str) -> Result<(Settings, Vec<String>), Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("keys.yaml"), keys).unwrap();
    match read_in(&format!("{config}keys: {{file: keys.yaml}}\n"), folder.path()) {
        Ok(loaded) => Ok((loaded.settings, loaded.warnings.iter().map(ToString::to_string).collect())),
        Err(refused) => {
            let folder = format!("{}/", folder.path().display());
            Err(refused.to_string().lines().map(|line| line.replace(&folder, "")).collect())
        }
    }
}

fn digest(name: &str) -> String {
    api_key::digest_text(name)
}

#[test]
fn people_a11_a_file_of_keys_is_read_whole() {
    let keys = format!(
        "keys:\n  - {{name: ci, sha256: \"{}\", servers: [weather]}}\n  - name: cron\n    sha256: {}\n    servers: [weather]\n    \
         scopes: [a]\n    claims: {{team: eng, level: 3, groups: [x, y]}}\n    not_after: 2027-01-31\n",
        digest("one"),
        digest("two").to_uppercase(),
    );
    let rules = changed("access: authenticated", "rules: [{tools: [t], scopes: [a]}]");
    let (settings, warnings) = with_keys(&rules, &keys).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    let [ci, cron] = settings.api_keys.as_slice() else { panic!("two keys") };
    assert_eq!((&*ci.name, ci.scopes.len(), ci.not_after), ("ci", 0, None));
    assert_eq!(cron.sha256, crate::base::digest::sha256(b"two"));
    assert_eq!(serde_json::Value::from(cron.claims.clone()), json!({"team": "eng", "level": 3, "groups": ["x", "y"]}));
    assert_eq!(cron.not_after, Some(Duration::from_secs(1_801_440_000)));
    assert_eq!(settings.files.len(), 1, "a change of the file is a change of the configuration");
    assert!(explain::print(&settings).contains("keys.yaml"));
    assert_eq!(with_keys(SMALLEST, "keys: []\n").unwrap().0.api_keys, [], "the last key can be removed");
}

#[test]
fn people_a11_mistakes_are_told_with_their_line_and_without_the_key() {
    let good = digest("one");
    let key = api_key::write(&[7; api_key::RANDOM_BYTES]);
    let entry = |more: &str| format!("keys:\n  - {{name: ci, sha256: \"{good}\", {more}}}\n");
    for (keys, told) in [
        (entry("scopes: [a]"), "keys.yaml:2:5 keys[0].servers: found nothing; expected the servers that take the key"),
        (
            entry("servers: []"),
            "keys.yaml:2:101 keys[0].servers: found an empty list; expected a non-empty list of names of servers",
        ),
        (
            entry("servers: [wether]"),
            "keys.yaml:2:102 keys[0].servers[0]: found \"wether\"; expected a name under `servers` of the configuration; did you mean \"weather\"?",
        ),
        (entry("servers: [weather], scope: [a]"), "an unknown key"),
        (entry("servers: [weather], claims: {sub: root}"), "found the claim \"sub\"; expected claims of your own"),
        (entry("servers: [weather], not_after: soon"), "expected the last day of the key such as 2027-01-31"),
        (entry("servers: [weather]").replace(&good, &key), "found an API key itself (not shown)"),
        (entry("servers: [weather]").replace(&good, "hunter2"), "found a value that is not a SHA-256 (not shown)"),
        (
            entry("servers: [weather]").replace(&good, &good.replacen(|_: char| true, "", 1)),
            "found a value that is not a SHA-256 (not shown)",
        ),
        (entry("servers: [weather]").replace("name: ci", "name: \"a b\""), "expected a name of at most 64 letters"),
        (
            format!(
                "{}  - {{name: ci, sha256: \"{}\", servers: [weather]}}\n",
                entry("servers: [weather]"),
                digest("two")
            ),
            "keys.yaml:3:12 keys[1].name: found \"ci\" a second time",
        ),
        (
            format!("{}  - {{name: b, sha256: \"{good}\", servers: [weather]}}\n", entry("servers: [weather]")),
            "found the same key as \"ci\"",
        ),
        ("key: []\n".to_owned(), "found an unknown key; expected keys; did you mean \"keys\"?"),
        ("- a\n".to_owned(), "found a list"),
    ] {
        let told_of = with_keys(SMALLEST, &keys).unwrap_err().join("\n");
        assert!(told_of.contains(told), "{keys}\n{told_of}");
        assert!(!told_of.contains(&key) && !told_of.contains("hunter2"), "{told_of}");
    }
    let missing = problems(&format!("{SMALLEST}keys: {{file: nothing.yaml}}\n"));
    assert!(missing[0].contains("keys.file") && missing[0].contains("nothing.yaml"), "{missing:?}");
    assert!(problems(&format!("{SMALLEST}keys: {{}}\n"))[0].contains("keys.file: found nothing"));
}

#[test]
fn people_a11_a_scope_that_opens_nothing_is_a_warning() {
    let rules = changed(
        "access: authenticated",
        "rules: [{tools: [t], scopes: [repo.write]}]\n    scope_implies: {all: [repo.*]}",
    );
    let keys = |scope: &str| {
        format!("keys: [{{name: ci, sha256: \"{}\", servers: [weather], scopes: [{scope}]}}]\n", digest("one"))
    };
    for (scope, told) in [("repo.wrte", "did you mean \"repo.write\"?"), ("other", "opens nothing there")] {
        let (_, warnings) = with_keys(&rules, &keys(scope)).unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains(told), "{warnings:?}");
    }
    for scope in ["repo.write", "all"] {
        assert_eq!(with_keys(&rules, &keys(scope)).unwrap().1, Vec::<String>::new());
    }
}

#[test]
fn people_a11_a_server_may_take_keys_alone() {
    let keys = format!("keys: [{{name: ci, sha256: \"{}\", servers: [weather]}}]\n", digest("one"));
    let none = changed("authorization_servers:\n  corporate:\n    issuer: https://login.example.com\n", "");
    let empty = changed("    access:", "    authorization_servers: []\n    access:");
    for config in [&none, &empty] {
        let (settings, warnings) = with_keys(config, &keys).unwrap();
        assert!(settings.servers[0].authorization_servers.is_empty());
        assert_eq!(warnings, Vec::<String>::new());
        let printed = explain::print(&settings);
        assert!(printed.contains("authorization_servers: []"), "{printed}");
        assert_eq!(printed.contains("corporate"), config == &empty, "{printed}");
    }
    assert!(problems(&none)[0].contains("authorization_servers: found nothing"));
    assert!(problems(&empty)[0].contains("or `keys` at the top level"));
}

//! Does `check` find what would go wrong later, with both places, and without a secret?

use std::{fs, path::Path};

use super::super::world::command::portcullis;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Rdescudvoc7LkZnQF2NNsUmkZrBLLpb6QXV1P8UYJ/U";

const OWN: &str = "public_url: http://127.0.0.1:1
listen: [{address: \"127.0.0.1:0\"}]
admin: {address: \"127.0.0.1:0\"}
session_keys: [\"file:key\"]
authorization_servers:
  own:
    embedded:
      path: /oauth
      login: {accounts: accounts.yaml}
      registration: {dynamic: open}
      grants: [{scopes: [mcp:tools]}]
      store: {file: store.db}
servers:
  one:
    path: /one
    upstream: {url: \"http://127.0.0.1:9/mcp\"}
    rules: [{tools: [\"*\"], scopes: [mcp:tools]}]
";

/// What `check` prints about `yaml`, and its exit code.
async fn said(folder: &Path, yaml: &str, more: &[&str]) -> (Option<i32>, String) {
    fs::write(folder.join("gateway.yaml"), yaml).unwrap();
    if !folder.join("key").exists() {
        fs::write(folder.join("key"), "0123456789abcdef0123456789abcdef").unwrap();
    }
    if !folder.join("accounts.yaml").exists() {
        fs::write(folder.join("accounts.yaml"), format!("accounts: [{{name: ada, password: '{HASH}'}}]\n")).unwrap();
    }
    let (code, out, err) = portcullis(folder, &[&["check"], more].concat()).await;
    (code, out + &err)
}

#[tokio::test]
async fn first_8_check_contradictions_have_both_places() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = said(folder.path(), OWN, &[]).await;
    assert_eq!((code, text.contains("warning")), (Some(0), false), "{text}");
    for (from, to, code, line) in [
        (
            "scopes: [mcp:tools]}]\n",
            "scopes: [mcp:tols]}]\n",
            0,
            "see gateway.yaml:11:15 authorization_servers.own.embedded.grants",
        ),
        ("      registration: {dynamic: open}\n", "", 0, "found neither `registration` nor `clients`"),
        (
            "path: /one",
            "path: /one\n    path: /two",
            2,
            "gateway.yaml:16:5 servers.one.path: found this key a second time; expected each key once; see gateway.yaml:15:5 servers.one.path",
        ),
        ("[\"*\"]", "[*]", 2, "gateway.yaml:17:22 found `*` without quotes"),
        ("[\"*\"]", "[\"get_.*\"]", 0, "expected \"get_*\""),
        ("store.db", "missing/store.db", 2, "gateway.yaml:12:7 authorization_servers.own.embedded.store: "),
    ] {
        // Of the two lists of scopes, the last one is that of the rule.
        let at = OWN.rfind(from).expect(from);
        let yaml = format!("{}{to}{}", &OWN[..at], &OWN[at + from.len()..]);
        let (found, text) = said(folder.path(), &yaml, &[]).await;
        assert_eq!(found, Some(code), "{to}: {text}");
        assert!(text.contains(line), "{to}: {text}");
    }
}

#[tokio::test]
async fn first_8_check_attack_381_a_hash_that_commas_split_is_told_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    for accounts in [
        format!("accounts: [{{name: ada, password: {HASH}}}]\n"),
        format!("accounts:\n  - {{password: {HASH}, name: ada}}\n"),
        format!("accounts: [{{name: ada, password: \"{HASH}}}]\n"),
        format!("accounts:\n  - name: ada\n    password:{HASH}\n"),
        format!("accounts:\n  - name: ada\n    password {HASH}\n    groups: [a]\n"),
        format!("accounts:\n  - name: ada\n   password: {HASH}\n"),
    ] {
        fs::write(folder.path().join("accounts.yaml"), &accounts).unwrap();
        let (code, text) = said(folder.path(), OWN, &[]).await;
        assert_eq!(code, Some(2), "{accounts}{text}");
        assert!(text.contains("accounts.yaml:"), "{text}");
        for part in ["c29tZXNh", "Rdescud"] {
            assert!(!text.contains(part), "{part} in {text}");
        }
        if accounts.contains("password: $") && accounts.contains('{') {
            assert!(text.contains("a password hash without quotes (not shown), which its commas split"), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }
}

#[tokio::test]
async fn first_8_check_files_are_named_with_the_line_that_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let one = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let two = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    put("one.crt", &one.cert.pem());
    put("two.key", &two.signing_key.serialize_pem());
    put("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    for (key, line) in [
        ("two.key", "gateway.yaml:2:"),
        ("one.crt", "found \"one.crt\", which holds certificates; expected a PEM file that holds a private key"),
        (
            "locked.key",
            "found \"locked.key\", a private key with a password; expected a private key without a password",
        ),
    ] {
        let tls = format!("listen: [{{address: \"127.0.0.1:0\", tls: {{certificate: one.crt, key: {key}}}}}]");
        let (code, text) = said(folder.path(), &OWN.replace("listen: [{address: \"127.0.0.1:0\"}]", &tls), &[]).await;
        assert_eq!(code, Some(2), "{key}: {text}");
        assert!(text.contains(line), "{key}: {text}");
    }
    for (keys, line) in [
        ("[]", "which is an empty list"),
        ("{\"keys\": []}", "whose `keys` is empty"),
        ("<html></html>", "which is an HTML page"),
        ("-----BEGIN PUBLIC KEY-----\n", "which is a PEM file"),
        ("{\"jwks_uri\": \"x\"}", "which is the metadata of an issuer"),
        ("", "which is empty"),
    ] {
        put("keys.json", keys);
        let issuer = "  other: {issuer: \"https://login.example.com\", jwks: {file: keys.json}}\nservers:\n";
        let (code, text) = said(folder.path(), &OWN.replace("servers:\n  one", &format!("{issuer}  one")), &[]).await;
        assert_eq!(code, Some(0), "{keys}: {text}");
        assert!(text.contains("warning: gateway.yaml:13:"), "{keys}: {text}");
        assert!(text.contains(line), "{keys}: {text}");
    }
}

#[tokio::test]
async fn first_8_check_attack_380_each_finding_is_one_workflow_command() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) =
        said(folder.path(), &OWN.replace("path: /one", "path: \"x\\n::error::y\""), &["--format", "github"]).await;
    assert_eq!(code, Some(2), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("::error file=gateway.yaml,line=15,col=11::servers.one.path: found"), "{text}");
    let (code, text) = said(folder.path(), &OWN.replace("[\"*\"]", "[\"^a\"]"), &["--format", "github"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("::warning file=gateway.yaml,line=17,"), "{text}");
}

#[tokio::test]
async fn first_8_check_several_servers_without_a_root_are_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let two =
        format!("{OWN}  two: {{path: /two, upstream: {{url: \"http://127.0.0.1:9/two\"}}, access: authenticated}}\n");
    let (code, text) = said(folder.path(), &two, &[]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("note: gateway.yaml:15:11 servers: found 2 servers, and none with `root`"), "{text}");
    for root in ["true", "false"] {
        let (_, text) =
            said(folder.path(), &two.replace("    path: /one\n", &format!("    path: /one\n    root: {root}\n")), &[])
                .await;
        assert!(!text.contains("note:"), "{text}");
    }
}

//! `check` says what `run` would say, and where, in words that an operator knows (C8).

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::e2e::world::command::portcullis;

const FILE: &str = r#"public_url: http://127.0.0.1:1
listen: [{address: "127.0.0.1:0"}]
admin: {address: "127.0.0.1:0"}
session_keys: [file:key]
authorization_servers:
  own:
    embedded:
      path: /oauth
      login: {accounts: accounts.yaml}
      grants: [{scopes: [mcp]}]
      store: {file: STORE}
servers:
  one:
    path: PATH
    upstream: {url: "http://127.0.0.1:9/mcp"}
    rules: [{tools: ["*"]}]
  two:
    path: /two
    upstream: {url: "http://127.0.0.1:9/two"}
    rules: [{tools: ["*"]}]
"#;

const ACCOUNTS: &str = "accounts: [{name: ada, password: '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Rdescudvoc7LkZnQF2NNsUmkZrBLLpb6QXV1P8UYJ/U'}]";

/// A folder with a configuration; what `command` says about it, and its exit code.
async fn said(folder: &Path, command: &str, path: &str, store: &str) -> (Option<i32>, String) {
    fs::write(folder.join("gateway.yaml"), FILE.replace("PATH", path).replace("STORE", store)).unwrap();
    fs::write(folder.join("key"), "0123456789abcdef0123456789abcdef").unwrap();
    fs::write(folder.join("accounts.yaml"), ACCOUNTS).unwrap();
    let (code, printed, errors) = portcullis(folder, &[command, "--config", "gateway.yaml"]).await;
    (code, printed + &errors)
}

#[tokio::test]
async fn people_c8_a_path_that_cannot_be_served_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    for (path, line) in [
        ("\"/a(b)/mcp\"", "expected a path of letters, digits, / and -._~@:+"),
        ("\"/a'b\"", "expected a path of letters, digits, / and -._~@:+"),
        ("\"/scope=x\"", "expected a path of letters, digits, / and -._~@:+"),
        ("\"/a,b\"", "expected a path of letters, digits, / and -._~@:+"),
        ("\"/a/.well-known/b\"", "expected a path outside /.well-known/"),
        ("/two/", "the path of servers.one but for the slash at its end"),
        ("/oauth/token", "a path of authorization_servers.own.embedded"),
    ] {
        for command in ["check", "run"] {
            let (code, said) = said(folder.path(), command, path, "store.db").await;
            assert_eq!(code, Some(2), "{command} {path}: {said}");
            assert!(said.contains("gateway.yaml:") && said.contains(line), "{command} {path}: {said}");
            for word in ["Server(", "Issuer(", "Path {", "Taken {", "Fault", "Some("] {
                assert!(!said.contains(word), "{command} {path}: {said}");
            }
        }
    }
    assert!(!folder.path().join("store.db").exists());
}

#[tokio::test]
async fn people_c8_check_looks_at_the_store_as_run_does_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("text"), "this is not a database, and no program would take it for a database at all").unwrap();
    symlink(at("elsewhere"), at("link")).unwrap();
    let newer = rusqlite::Connection::open(at("newer")).unwrap();
    newer.execute_batch("CREATE TABLE t (x); PRAGMA user_version = 99").unwrap();
    drop(newer);
    let before = fs::read_dir(folder.path()).unwrap().count();
    for (store, why) in [
        ("missing/store.db", "its folder cannot be used"),
        ("folder", "is not a file: a folder, link or device"),
        ("link", "is not a file: a folder, link or device"),
        ("text", "is not a database of this program"),
        ("newer", "is the database of another program"),
    ] {
        for command in ["check", "run"] {
            let (code, said) = said(folder.path(), command, "/one", store).await;
            assert_eq!(code, Some(2), "{command} {store}: {said}");
            assert!(said.contains("authorization_servers.own.embedded"), "{command} {store}: {said}");
            assert!(said.contains(why), "{command} {store}: {said}");
        }
    }
    let (code, said) = said(folder.path(), "check", "/one", "store.db").await;
    assert_eq!(code, Some(0), "{said}");
    // The configuration, its key and its accounts are new; no store is.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before + 3);
}

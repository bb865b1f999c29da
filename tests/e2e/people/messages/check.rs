//! `check` says what `run` would say, and where, in words that an operator knows (C8).

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::e2e::world::{command::portcullis, redis::Redis};

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

/// What marks a database as a store of this program.
const STORE_ID: i32 = 0x506f_7274;

const ACCOUNTS: &str = "accounts: [{name: ada, password: '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Rdescudvoc7LkZnQF2NNsUmkZrBLLpb6QXV1P8UYJ/U'}]";

/// A folder with a configuration; what `command` says about it, and its exit code.
async fn said(folder: &Path, command: &str, path: &str, store: &str) -> (Option<i32>, String) {
    said_of(folder, command, &FILE.replace("PATH", path).replace("STORE", store)).await
}

/// The same about this configuration.
async fn said_of(folder: &Path, command: &str, yaml: &str) -> (Option<i32>, String) {
    fs::write(folder.join("gateway.yaml"), yaml).unwrap();
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
    for (name, id) in [("other", 0), ("newer", STORE_ID)] {
        let database = rusqlite::Connection::open(at(name)).unwrap();
        let made = format!("CREATE TABLE t (x); PRAGMA application_id = {id}; PRAGMA user_version = 99");
        database.execute_batch(&made).unwrap();
    }
    let before = fs::read_dir(folder.path()).unwrap().count();
    for (store, why) in [
        ("missing/store.db", "its folder cannot be used"),
        ("folder", "is not a file: a folder, link or device"),
        ("link", "is not a file: a folder, link or device"),
        ("text", "is not a database of this program"),
        ("other", "is the database of another program"),
        ("newer", "was written by a newer version of this program (schema 99; this version reads "),
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

#[tokio::test]
async fn people_c8_check_asks_redis_for_its_policy_as_run_does() {
    let folder = tempfile::tempdir().unwrap();
    let redis = async |policy: &str| {
        let options = ["--maxmemory", "50mb", "--maxmemory-policy", policy];
        Redis::start_with("hidden-word", &options).await.expect("redis-server is installed by .ci/run")
    };
    let told = async |command: &'static str, redis: &Redis, more: &str| {
        fs::write(folder.path().join("redis"), redis.url()).unwrap();
        let yaml = FILE.replace("{file: STORE}", &format!("{{redis: \"file:redis\"{more}}}"));
        said_of(folder.path(), command, &yaml.replace("PATH", "/one")).await
    };
    let mut evicts = redis("allkeys-lru").await;
    for command in ["check", "run"] {
        let (code, said) = told(command, &evicts, "").await;
        assert_eq!(code, Some(2), "{command}: {said}");
        let line = "authorization_servers.own.embedded.store.redis: found maxmemory-policy allkeys-lru";
        assert!(said.contains(line) && said.contains("allow_eviction: true"), "{command}: {said}");
        assert!(!said.contains("hidden-word"), "{said}");
    }
    assert_eq!(told("check", &evicts, ", allow_eviction: true").await.0, Some(0));
    let keeps = redis("noeviction").await;
    assert_eq!(told("check", &keeps, "").await.0, Some(0));
    // A Redis that is away stops no start.
    evicts.kill();
    let (code, said) = told("check", &evicts, "").await;
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn people_c8_an_address_that_this_host_does_not_have_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for (from, to, warned) in [
        (
            "listen: [{address: \"127.0.0.1:0\"",
            "listen: [{address: \"203.0.113.7:41970\", plaintext: true",
            "listen[0].address: ",
        ),
        ("admin: {address: \"127.0.0.1:0\"", "admin: {address: \"203.0.113.7:41970\"", "admin.address: "),
        ("admin: {address: \"127.0.0.1:0\"", &format!("admin: {{address: \"{}\"", taken.local_addr().unwrap()), ""),
    ] {
        let yaml = FILE.replace("{file: STORE}", "{memory: true}").replace("PATH", "/one").replace(from, to);
        let (code, said) = said_of(folder.path(), "check", &yaml).await;
        assert_eq!(code, Some(0), "{said}");
        let line = said
            .lines()
            .find(|line| line.contains("on this host the gateway could not listen on "))
            .unwrap_or_default();
        assert_eq!(line.contains(warned) && line.starts_with("warning: "), !warned.is_empty(), "{said}");
    }
}

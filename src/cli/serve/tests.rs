//! docs/serve.md lists the flags of the definitions, each with the key that it writes.

use std::{collections::BTreeSet, path::Path};

use clap::Args;

use super::*;

const PAGE: &str = include_str!("../../../docs/serve.md");

/// The cells of each row whose first cell is a flag and whose second is a variable.
fn rows() -> Vec<[String; 3]> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [flag, variable, key] = &*cells else { return None };
        let is_row = flag.starts_with("`--") && variable.starts_with("`PORTCULLIS_");
        is_row.then(|| [*flag, *variable, *key].map(|cell| cell.replace('`', "")))
    };
    PAGE.lines().filter_map(row).collect()
}

#[test]
fn first_1_the_page_lists_each_flag_with_its_variable() {
    let command = Serve::augment_args(clap::Command::new("serve"));
    let defined: BTreeSet<(String, String)> = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set())
        .map(|argument| {
            let value =
                argument.get_action().takes_values().then(|| argument.get_value_names().unwrap()[0].to_string());
            let flag = format!("--{}", argument.get_long().unwrap());
            let flag = value.map_or(flag.clone(), |value| format!("{flag} {value}"));
            assert!(argument.is_hide_env_values_set(), "{flag}: help must not print what is in the environment");
            (flag, argument.get_env().unwrap().to_str().unwrap().to_owned())
        })
        .collect();
    let listed: BTreeSet<(String, String)> = rows().into_iter().map(|[flag, variable, _]| (flag, variable)).collect();
    assert_eq!(listed, defined);
    for (flag, variable) in defined {
        let name = flag.split(' ').next().unwrap().trim_start_matches('-').replace('-', "_").to_ascii_uppercase();
        assert_eq!(variable, format!("PORTCULLIS_{name}"));
    }
}

#[test]
fn first_1_each_flag_writes_the_key_that_the_page_names() {
    let text = |text: &str| Some(text.to_owned());
    let list = |text: &str| vec![text.to_owned()];
    let all = Serve {
        public_url: text("https://a.example/x"),
        upstream: text("http://127.0.0.1:8000/mcp"),
        name: text("n"),
        scope: list("s"),
        audience: list("a"),
        listen: list("127.0.0.1:1"),
        trusted_proxy: list("10.0.0.0/8"),
        allowed_origin: list("https://b.example"),
        admin: text("127.0.0.1:2"),
        session_key: list("env:KEY"),
        log_format: text("json"),
        log_level: text("warn"),
        ..Serve::default()
    };
    let with = |change: &dyn Fn(&mut Serve)| {
        let mut of = all.clone();
        change(&mut of);
        meant::meant(&of, &|_| false).unwrap().written(Path::new("/")).flags.unwrap()
    };
    let written = [
        with(&|of| (of.issuer, of.profile, of.acme, of.acme_cache) = (text("i"), text("p"), text("e"), text("c"))),
        with(&|of| (of.accounts, of.store, of.tls_cert, of.tls_key) = (text("a"), text("s"), text("c"), text("k"))),
        with(&|of| (of.demo_account, of.plaintext, of.allow_all) = (true, true, true)),
    ];
    let general = |key: &str| {
        key.replace("servers.n", "servers.<name>")
            .replace(".own.", ".<name>.")
            .replace("servers.issuer.", "servers.<name>.")
            .replace("[0]", "[]")
    };
    for [flag, _, key] in rows().iter().filter(|[flag, ..]| flag != "--print-config") {
        let flag = flag.split(' ').next().unwrap();
        let keys: BTreeSet<String> = written.iter().flat_map(|of| of.keys_of(flag)).map(general).collect();
        let named = key.split(';').next().unwrap();
        assert!(keys.contains(named), "{flag} writes {keys:?}, and the page says {named}");
    }
    assert!(written[0].keys_of("--public-url").any(|key| key == "servers.n.path"));
}

#[test]
fn attack_354_a_key_is_made_once_for_its_owner_alone() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let of = Serve {
        upstream: Some("http://127.0.0.1:8000/mcp".to_owned()),
        accounts: Some("accounts.yaml".to_owned()),
        allow_all: true,
        ..Serve::default()
    };
    let flags = meant::meant(&of, &|_| false).unwrap();
    let key = folder.path().join("accounts.db.key");
    make_key(&flags, folder.path()).unwrap();
    assert!(!key.exists(), "without accounts nothing is served");
    fs::write(folder.path().join("accounts.yaml"), "").unwrap();
    make_key(&flags, folder.path()).unwrap();
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let made = fs::read_to_string(&key).unwrap();
    assert_eq!(made.trim_end().len(), 43);
    make_key(&flags, folder.path()).unwrap();
    assert_eq!(fs::read_to_string(&key).unwrap(), made, "a restart needs the same key");

    fs::remove_file(&key).unwrap();
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &key).unwrap();
    assert!(make_key(&flags, folder.path()).unwrap_err().contains("--store (its default)"));
    assert!(!folder.path().join("elsewhere").exists(), "a link is not followed");
}

//! Passes every YAML that the documents show through `portcullis check`, so that what is printed is what works.
//!
//! A block that is only a part says so in a comment on the line before its fence, `<!-- part: top -->` for top-level keys,
//! `<!-- part: server -->` for keys of one server, `upstream` for those of its upstream, `issuer` for keys of one authorization server, or `login` and
//! `embedded` for keys of `embedded`, and is completed here. Files and variables that it names are made up.
//! A `yml` block is a Kubernetes manifest: what it has as `gateway.yaml: |` is checked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may stop the moment something is not as expected"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};

const TOP: &str = "public_url: https://mcp.example.com\nlisten:\n  - address: 127.0.0.1:8080\n\
                   authorization_servers:\n  corporate: {issuer: \"https://login.example.com\"}\n";
const SERVER: &str = "servers:\n  example:\n    path: /mcp\n    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    access: authenticated\n";

/// What an embedded authorization server behind a proxy needs at the top level.
const BEHIND: &str = "session_keys: [\"env:SESSION_KEY\"]\ntrusted_proxies: [127.0.0.1]\n";

/// A file of accounts, as a block names it.
const ACCOUNTS: &str = "accounts:\n  - {name: ada, password: \"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Rdescudvoc7LkZnQF2NNsUmkZrBLLpb6QXV1P8UYJ/U\"}\n";

/// One YAML block of a document.
struct Block {
    place: String,
    text: String,
    /// Words of the warnings that are meant.
    warns: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn blocks(name: &str, document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let lines: Vec<&str> = document.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        let fence = lines[at].trim();
        if !matches!(fence, "```yaml" | "```yml") {
            at += 1;
            continue;
        }
        let length = lines[at + 1..].iter().position(|line| line.trim() == "```").expect("a closing fence");
        let body = lines[at + 1..at + 1 + length].join("\n") + "\n";
        if fence == "```yml" {
            let text = body.split_once("  gateway.yaml: |\n").map(|(_, value)| held(value));
            blocks.extend(text.map(|text| Block {
                place: format!("{name}:{}", at + 1),
                text,
                warns: warns(&lines[..at]),
            }));
            at += length + 2;
            continue;
        }
        let before = if at > 0 { lines[at - 1].trim() } else { "" };
        let text = match before.strip_prefix("<!-- part: ").and_then(|rest| rest.strip_suffix(" -->")) {
            None => body,
            Some("top") => format!("{}{body}", without(&format!("{TOP}{SERVER}"), &body, 0)),
            Some("server") => {
                let inner = indented(&body, 4);
                let decides = body.contains("rules:") || body.contains("access:");
                let base = if decides { SERVER.replace("    access: authenticated\n", "") } else { SERVER.to_owned() };
                format!("{TOP}{}{inner}", without(&base, &inner, 4))
            }
            Some("upstream") => {
                let base = SERVER.replace(" {url: \"http://127.0.0.1:8000/mcp\"}\n", "\n@");
                format!("{TOP}{}", base.replace('@', &indented(&body, 6)))
            }
            Some("issuer") => {
                let whole = if body.contains("issuer:") {
                    body
                } else {
                    format!("issuer: \"https://login.example.com\"\n{body}")
                };
                let base = TOP.replace(" {issuer: \"https://login.example.com\"}\n", "\n@");
                format!("{}{SERVER}", base.replace('@', &indented(&whole, 4)))
            }
            Some("embedded") => {
                let inner = indented(&body, 6);
                let own = "  own:\n    embedded:\n      path: /oauth\n      store: {file: as.db}\n      registration: {dynamic: open}\n      \
                           grants: [{scopes: [mcp:read]}]\n      login: {oidc: {issuer: \"https://login.example.com\", client_id: gateway, client_secret: \"env:IDP_SECRET\"}}\n";
                let top = TOP.replace("  corporate: {issuer: \"https://login.example.com\"}\n", "");
                format!("{BEHIND}{top}{}{inner}{SERVER}", without(own, &inner, 6))
            }
            Some("login") => {
                let inner = indented(&body, 6);
                let own = "  own:\n    embedded:\n      path: /oauth\n      store: {file: as.db}\n      registration: {dynamic: open}\n";
                let own = format!("{}{inner}", without(own, &inner, 6));
                format!(
                    "{BEHIND}{}{own}{SERVER}",
                    TOP.replace("  corporate: {issuer: \"https://login.example.com\"}\n", "")
                )
            }
            Some(other) => panic!("{name}:{at}: no such part: {other}"),
        };
        blocks.push(Block { place: format!("{name}:{}", at + 1), text, warns: warns(&lines[..at]) });
        at += length + 2;
    }
    blocks
}

/// The words of the comments `<!-- warns: WORDS -->` right before a block.
fn warns(before: &[&str]) -> Vec<String> {
    let comments = before.iter().rev().map(|line| line.trim()).take_while(|line| line.starts_with("<!-- "));
    comments.filter_map(|line| Some(line.strip_prefix("<!-- warns: ")?.strip_suffix(" -->")?.to_owned())).collect()
}

/// A block scalar of four spaces, as a ConfigMap holds it.
fn held(value: &str) -> String {
    let lines = value.lines().map_while(|line| line.strip_prefix("    ").or_else(|| line.is_empty().then_some(line)));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Each line of `text`, further to the right.
fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}

/// `base` without the keys at this depth that `block` has.
fn without(base: &str, block: &str, depth: usize) -> String {
    let key = |line: &str| {
        let (indent, rest) = line.split_at_checked(depth)?;
        let is_key = indent.trim().is_empty() && !rest.starts_with([' ', '-', '#']);
        is_key.then(|| rest.split_once(':').map(|(key, _)| key.to_owned())).flatten()
    };
    let written: Vec<String> = block.lines().filter_map(key).collect();
    let mut dropping = false;
    let kept = base.lines().filter(|line| {
        let at = line.len() - line.trim_start().len();
        dropping = key(line).map_or(dropping && at > depth, |key| written.contains(&key));
        !dropping
    });
    kept.map(|line| format!("{line}\n")).collect()
}

/// Makes the certificates, keys, authorities, accounts and API keys that a block names.
fn make_files(text: &str, folder: &Path) {
    let url = text.split("public_url:").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
    let host =
        url.trim_matches(['"', '\'']).rsplit("//").next().unwrap_or_default().split(':').next().unwrap_or_default();
    let names = vec!["localhost".to_owned(), host.to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    for word in text.split(|c: char| c.is_whitespace() || "{},\"'".contains(c)) {
        let word = word.strip_prefix("file:").unwrap_or(word);
        let contents = match Path::new(word).extension().and_then(|extension| extension.to_str()) {
            Some("crt" | "pem") => cert.pem(),
            Some("key") if word.ends_with(".db.key") => "k".repeat(44),
            Some("key") => signing_key.serialize_pem(),
            Some("yaml") if word == "accounts.yaml" => ACCOUNTS.to_owned(),
            Some("yaml") if word == "keys.yaml" => "keys: []\n".to_owned(),
            _ => continue,
        };
        let path = folder.join(word);
        if path.starts_with(folder) {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
    }
}

/// The variables that a block's secrets name.
fn variables(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in text.split("env:").skip(1) {
        names.push(rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect());
    }
    names
}

fn check(block: &Block) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    fs::write(&path, &block.text).unwrap();
    make_files(&block.text, folder.path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["check", "--config"]).arg(&path).env_clear();
    for name in variables(&block.text) {
        let url = name.ends_with("_URL").then_some("redis://127.0.0.1:1/0");
        command.env(name, url.unwrap_or("c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2gtZm9yLWEta2V5IQ=="));
    }
    let output = command.output().unwrap();
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    let warnings: Vec<&str> = complained.lines().filter(|line| !is_of_this_machine(line)).collect();
    let is_meant = |line: &&str| block.warns.iter().any(|words| line.contains(words.as_str()));
    let is_told = |words: &String| warnings.iter().any(|line| line.contains(words.as_str()));
    if output.status.code() == Some(0) && warnings.iter().all(is_meant) && block.warns.iter().all(is_told) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout) + complained.as_str();
    Err(format!("{}: code {:?}, meant {:?}\n{said}", block.place, output.status.code(), block.warns))
}

/// Whether a warning is about the machine that runs this test, and not about the file.
fn is_of_this_machine(line: &str) -> bool {
    line.contains(": on this host the gateway could not listen on ")
}

fn all_pass(blocks: &[Block]) {
    let wrong: Vec<String> = blocks.iter().filter_map(|block| check(block).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_yaml_block_of_the_documents_passes_check() {
    let mut all = Vec::new();
    for name in ["README.md", "docs"] {
        for path in documents(&root().join(name)) {
            let text = fs::read_to_string(&path).unwrap();
            all.extend(blocks(&path.strip_prefix(root()).unwrap().display().to_string(), &text));
        }
    }
    all_pass(&all);
    assert!(!all.is_empty() || !root().join("README.md").exists(), "the README shows no YAML");
}

/// The words of a command line: quotes keep a word together, and a comment ends the line.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The arguments of each `portcullis` in the shell blocks of a document.
fn command_lines(document: &str) -> Vec<Vec<String>> {
    let blocks = document.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut all = Vec::new();
    for block in blocks {
        for line in block.replace("\\\n", " ").lines() {
            for command in words(line).split(|word| matches!(word.as_str(), "|" | "&&" | ";" | "||")) {
                let is_ours =
                    command.first().is_some_and(|first| first == "portcullis" || first.ends_with("/portcullis"));
                if is_ours {
                    let ends = |word: &&String| !matches!(word.as_str(), ">" | ">>" | "<" | "2>" | "--" | "&");
                    all.push(command[1..].iter().take_while(ends).cloned().collect());
                }
            }
        }
    }
    all
}

/// With `--help` at its end a command line is parsed up to there, and nothing is done.
#[test]
fn every_command_line_of_the_documents_has_arguments_that_exist() {
    let (mut found, mut wrong) = (0, Vec::new());
    for name in ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs"] {
        for path in documents(&root().join(name)) {
            for arguments in command_lines(&fs::read_to_string(&path).unwrap()) {
                found += 1;
                let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
                let output = command.args(&arguments).arg("--help").env_clear().output().unwrap();
                if output.status.code() != Some(0) {
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    wrong.push(format!("{}: portcullis {}\n{said}", path.display(), arguments.join(" ")));
                }
            }
        }
    }
    assert!(found > 5, "{found} command lines");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn command_lines_are_found_in_blocks_alone() {
    let text = "portcullis no\n```sh\nportcullis key new --name \"a b\"  # c\ncat x | bin/portcullis check - > out\n\
                portcullis run \\\n  F -- x\n```\n";
    let found = command_lines(text);
    assert_eq!(found, [vec!["key", "new", "--name", "a b"], vec!["check", "-"], vec!["run", "F"]]);
}

/// Each configuration that is a file of its own: the starter, and those for deployments and examples.
#[test]
fn first_8_check_the_files_of_the_repository_have_no_warnings() {
    let mut files = vec![root().join("gateway.yaml")];
    for folder in ["deploy", "examples"] {
        files.extend(all_files(&root().join(folder)));
    }
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let mut found = 0;
    for path in files.into_iter().filter(is_yaml) {
        let (place, text) = (path.display().to_string(), fs::read_to_string(&path).unwrap());
        let text = match text.split_once("  gateway.yaml: |\n") {
            Some((_, value)) => held(value),
            None if text.lines().any(|line| line.starts_with("public_url:")) => text,
            None => continue,
        };
        found += 1;
        all_pass(&[Block { place, text, warns: Vec::new() }]);
    }
    assert!(found > 0, "no configuration was found");
}

fn all_files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { all_files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_warning_must_be_meant_and_a_meant_warning_must_come() {
    let server = "<!-- part: server -->\n```yaml\nscopes: [\"mcp:*\"]\n```\n";
    let meant = format!("<!-- warns: without a wildcard -->\n{server}");
    all_pass(&blocks("meant", &meant));
    assert!(check(&blocks("not meant", server)[0]).is_err(), "a warning passed");
    assert!(check(&blocks("absent", &meant.replace("mcp:*", "mcp:a"))[0]).is_err(), "no warning came");
}

#[test]
fn parts_are_completed_and_unknown_keys_still_found() {
    let document =
        "<!-- part: server -->\n```yaml\nscopes: [a]\n```\n<!-- part: top -->\n```yaml\ndrain: {timeout: 5s}\n```\n";
    let good = blocks("good", document);
    assert_eq!(good.len(), 2);
    all_pass(&good);
    let bad = blocks("bad", "<!-- part: server -->\n```yaml\nscopez: [a]\n```\n");
    assert!(check(&bad[0]).is_err(), "an unknown key passed");
}

fn documents(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| documents(&path))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// The reference is written from the table of keys: `UPDATE_DOCS=1` writes it again.
#[test]
fn the_configuration_reference_says_what_the_table_of_keys_says() {
    let (path, page) = (root().join("docs/configuration.md"), portcullis::config::reference::page());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &page).unwrap();
    }
    let command = "UPDATE_DOCS=1 cargo test --locked --test docs configuration";
    assert!(fs::read_to_string(&path).is_ok_and(|now| now == page), "docs/configuration.md is stale: run `{command}`");
}

/// The page is written from the catalogue of faults: `UPDATE_DOCS=1` writes it again.
#[test]
fn first_4_doctor_troubleshooting_says_what_the_catalogue_says() {
    let (path, page) = (root().join("docs/troubleshooting.md"), portcullis::cli::doctor::troubleshooting());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let command = "UPDATE_DOCS=1 cargo test --locked --test docs troubleshooting";
    assert!(
        fs::read_to_string(&path).is_ok_and(|now| now == page),
        "docs/troubleshooting.md is stale: run `{command}`"
    );
}

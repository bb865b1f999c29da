//! What `serve` makes and tells at its start: the key of the store, the folder of certificates, JSON lines.

use std::{fs, path::Path};

use serde_json::Value;

use crate::e2e::world::{Process, command::Portcullis};

const ACCOUNTS: &str = "accounts:
  - {name: ada, password: \"$argon2id$v=19$m=19456,t=2,p=1$kfFdDmif3TWi6ojW7tV2VA$MLCQ39KhZW7z4fWPQhHYFaMye8d9QPSKtv5ZeWpka/A\"}
";
const UPSTREAM: [&str; 3] = ["serve", "--upstream", "http://127.0.0.1:8000/mcp"];
const WITH_ACCOUNTS: [&str; 3] = ["--accounts", "accounts.yaml", "--allow-all"];

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("accounts.yaml"), ACCOUNTS).unwrap();
    folder
}

fn serve(folder: &Path) -> Portcullis {
    Portcullis::at(folder).words(&UPSTREAM)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn first_1_print_config_makes_the_key_that_check_and_run_need_and_tells_how_where_it_cannot() {
    let here = folder();
    let print = || serve(here.path()).words(&WITH_ACCOUNTS).words(&["--print-config"]).run();
    let (code, yaml, told) = print().await;
    assert!(code == Some(0) && told.contains("made ") && told.contains("accounts.db.key"), "{told}");
    assert_eq!(names(here.path()), ["accounts.db.key", "accounts.yaml"]);
    let (code, _, complained) = Portcullis::at(here.path()).words(&["check", "-"]).input(&yaml).run().await;
    assert_eq!(code, Some(0), "{complained}");
    let (code, again, told) = print().await;
    assert_eq!((code, again.as_str(), told.as_str()), (Some(0), yaml.as_str(), ""));

    // A store of another machine: no file can be made here.
    fs::remove_file(here.path().join("accounts.db.key")).unwrap();
    let elsewhere = ["--print-config", "--store", "/proc/self/as.db"];
    let (code, yaml, told) = serve(here.path()).words(&WITH_ACCOUNTS).words(&elsewhere).run().await;
    assert!(code == Some(0) && yaml.contains("/proc/self/as.db"), "{told}");
    let typed = "make it once: (umask 077; openssl rand -hex 32 > /proc/self/as.db.key)";
    assert!(told.contains("/proc/self/as.db.key cannot be made") && told.contains(typed), "{told}");
    assert_eq!(names(here.path()), ["accounts.yaml"]);

    // Other problems show beside the text.
    let (code, _, told) =
        serve(here.path()).words(&WITH_ACCOUNTS).words(&["--print-config", "--log-level", "loud"]).run().await;
    assert!(code == Some(2) && told.contains("--log-level: found \"loud\""), "{told}");
}

#[tokio::test]
async fn first_1_a_start_that_fails_leaves_no_key_and_a_lost_key_is_not_replaced() {
    let here = folder();
    fs::write(here.path().join("wrong.yaml"), "accounts: [{name: ada}]").unwrap();
    for words in [&["--accounts", "wrong.yaml", "--allow-all"][..], &["--accounts", "/dev/null", "--allow-all"]] {
        let (code, _, told) = serve(here.path()).words(words).run().await;
        assert!(code == Some(2) && !told.contains("made "), "{told}");
    }
    let (code, _, told) = serve(here.path()).words(&WITH_ACCOUNTS).words(&["--log-level", "loud"]).run().await;
    assert!(code == Some(2) && told.trim().lines().count() == 1, "the key is no second problem: {told}");
    assert_eq!(names(here.path()), ["accounts.yaml", "wrong.yaml"]);

    fs::write(here.path().join("accounts.db"), "a store").unwrap();
    for more in [&[][..], &["--print-config"]] {
        let (code, _, told) = serve(here.path()).words(&WITH_ACCOUNTS).words(more).run().await;
        assert!(code == Some(1) && told.contains("its key accounts.db.key is not: put the key back"), "{told}");
        assert!(!here.path().join("accounts.db.key").exists());
    }
}

#[tokio::test]
async fn first_1_a_problem_of_the_store_names_the_flag_of_the_store() {
    let here = folder();
    fs::write(here.path().join("key"), "a-seal-of-more-than-thirty-two-bytes").unwrap();
    let (code, _, told) = serve(here.path()).words(&WITH_ACCOUNTS).words(&["--store", "accounts.yaml"]).run().await;
    assert!(code == Some(2) && told.starts_with("--store: found the file of --accounts"), "{told}");
    assert_eq!(names(here.path()), ["accounts.yaml", "key"]);

    fs::write(here.path().join("other"), "not a database, and long enough to be read as one").unwrap();
    let words = ["--store", "other", "--session-key", "file:key"];
    let (code, _, told) = serve(here.path()).words(&WITH_ACCOUNTS).words(&words).run().await;
    assert!(code == Some(2) && told.starts_with("--store: the store failed: "), "{told}");

    fs::write(here.path().join("accounts.db"), "not a database, and long enough to be read as one").unwrap();
    fs::write(here.path().join("accounts.db.key"), "a-seal-of-more-than-thirty-two-bytes").unwrap();
    let (code, _, told) = serve(here.path()).words(&WITH_ACCOUNTS).run().await;
    assert!(code == Some(2) && told.starts_with("--store (its default): the store failed: "), "{told}");
}

#[tokio::test]
async fn first_1_with_json_every_line_on_standard_error_is_json() {
    let here = folder();
    let words = [
        &UPSTREAM[..],
        &WITH_ACCOUNTS,
        &["--listen", "127.0.0.1:0", "--public-url", "http://127.0.0.1:1", "--admin", "127.0.0.1:0"],
        &["--log-format", "json"],
    ];
    let words: Vec<String> = words.concat().iter().map(|word| (*word).to_owned()).collect();
    let mut gateway =
        Process::start_words(here.path(), &words, &[], "").await.unwrap_or_else(|ended| panic!("{}", ended.output));
    gateway.signal("TERM");
    assert_eq!(gateway.exit_code().await, Some(0));
    let output = gateway.output();
    let told: Vec<Value> = output
        .lines()
        .filter(|line| !line.starts_with("listening ") && !line.starts_with("admin ") && *line != "ready")
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let messages: Vec<&str> = told.iter().filter_map(|line| line["message"].as_str()).collect();
    for part in ["protects: http://127.0.0.1:8000/mcp", "clients connect: ", "accounts.db.key: the key that seals"] {
        assert!(messages.iter().any(|message| message.contains(part)), "{part}: {messages:?}");
    }
}

#[tokio::test]
async fn first_6_the_folder_of_certificates_is_a_flag_and_is_told() {
    let here = folder();
    let issuer = ["--issuer", "https://a.example", "--allow-all", "--public-url", "https://mcp.example.com"];
    let of = |words: &[&str]| serve(here.path()).words(&issuer).words(words);
    let acme = ["--acme", "ops@example.com", "--print-config"];
    for (given, cache) in [
        (of(&acme), "acme"),
        (of(&acme).words(&["--acme-cache", "/var/lib/acme"]), "/var/lib/acme"),
        (of(&acme).variable("PORTCULLIS_ACME_CACHE", "kept"), "kept"),
    ] {
        let (code, yaml, told) = given.run().await;
        assert!(code == Some(0) && yaml.contains(&format!("\n        cache: {cache}\n")), "{yaml}{told}");
    }
    let (code, _, told) = of(&["--acme-cache", "kept"]).run().await;
    assert!(code == Some(2) && told.starts_with("--acme-cache: it is the folder of --acme"), "{told}");
    let wrong = ["--acme", "ops@example.com", "--acme-cache", "accounts.yaml"];
    let (_, _, told) = of(&wrong).words(&["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).run().await;
    assert!(told.contains("--acme-cache: "), "{told}");

    let words = [&UPSTREAM[..], &issuer, &["--acme", "ops@example.com", "--acme-cache", "kept"]];
    let words = [&words.concat()[..], &["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]].concat();
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    // No name is looked up, so no CA is asked.
    let nowhere = [("HTTPS_PROXY".to_owned(), "http://127.0.0.1:1".to_owned())];
    let mut gateway = Process::start_words(here.path(), &words, &nowhere, "")
        .await
        .unwrap_or_else(|ended| panic!("{}", ended.output));
    let whole = here.path().join("kept");
    let told = gateway.line(|line| line.starts_with("  certificate ")).await;
    assert!(told.contains(&format!("kept in {}", whole.display())), "{told}");
    gateway.signal("TERM");
    assert_eq!(gateway.exit_code().await, Some(0));
}

//! Does `init` write a configuration that fits the live servers, and overwrite nothing?

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use tempfile::tempdir;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::e2e::{real::Server, world::command::portcullis};

/// What a user types, twice.
const PASSWORD: &str = "a-long-passphrase-of-ada";
/// A hash of "correct horse", cheap to check.
const ACCOUNTS: &str = "accounts:\n  - {name: ada, password: \"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                        F3u7hMEwNOQKIR9z5aM3LsTvRVRqCu1EfGp2BBiQY6I\"}\n";

#[tokio::test]
async fn first_2_init_writes_a_rule_for_each_group_of_the_tools_that_are_there() {
    let (folder, server) = (tempdir().unwrap(), Server::start().await);
    fs::write(folder.path().join("accounts.yaml"), ACCOUNTS).unwrap();
    let upstream = format!("{}/mcp", server.url);
    let words = ["init", "--upstream", &upstream, "--accounts", "accounts.yaml", "--name", "tools"];
    let (code, out, err) = portcullis(folder.path(), &words).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(err.contains("with 3 tools, 0 resources and 0 prompts"), "{err}");
    assert!(out.contains("gateway.yaml: ok, 1 server, 1 authorization server"), "{out}");
    assert!(out.contains("claude mcp add --transport http tools http://127.0.0.1:8080"), "{out}");

    let file = folder.path().join("gateway.yaml");
    let written = fs::read_to_string(&file).unwrap();
    for line in ["- danger", "- progress", "- safe", "\"tools:write\"", "# Tools that may change something."] {
        assert!(written.contains(line), "{line}:\n{written}");
    }
    let explained = ["explain", "--server", "tools", "--tool", "danger", "--scopes", "tools:read"];
    let (code, out, err) = portcullis(folder.path(), &explained).await;
    assert_eq!(code, Some(3), "{out}{err}");

    let (code, _, err) = portcullis(folder.path(), &words).await;
    assert_eq!(code, Some(2));
    assert!(err.contains("gateway.yaml exists, and init overwrites no file"), "{err}");
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

#[tokio::test]
async fn first_2_what_init_prints_is_a_configuration_and_a_wrong_flag_leaves_no_file() {
    let (folder, server) = (tempdir().unwrap(), Server::start().await);
    fs::write(folder.path().join("accounts.yaml"), ACCOUNTS).unwrap();
    let upstream = format!("{}/mcp", server.url);
    let words = ["init", "--upstream", &upstream, "--accounts", "accounts.yaml"];
    let (code, out, err) = portcullis(folder.path(), &[&words[..], &["--name", "a b"]].concat()).await;
    assert_eq!(code, Some(2), "{out}{err}");
    assert!(err.contains("--name") && err.contains("nothing was written"), "{err}");
    assert!(!folder.path().join("gateway.yaml").exists());

    let (code, printed, err) = portcullis(folder.path(), &[&words[..], &["--print-config"]].concat()).await;
    assert_eq!(code, Some(0), "{printed}{err}");
    fs::write(folder.path().join("gateway.yaml"), &printed).unwrap();
    // As the words on standard error say.
    fs::write(folder.path().join("accounts.db.key"), "k".repeat(44)).unwrap();
    let (code, out, err) = portcullis(folder.path(), &["check"]).await;
    assert_eq!(code, Some(0), "{printed}{out}{err}");
}

#[tokio::test]
async fn first_2_a_server_that_does_not_answer_is_named_and_nothing_is_written() {
    let folder = tempdir().unwrap();
    let words = ["init", "--upstream", "http://127.0.0.1:1/mcp", "--issuer", "http://127.0.0.1:1/realms/main"];
    let (code, _, err) = portcullis(folder.path(), &words).await;
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("http://127.0.0.1:1/mcp: no answer") && err.contains("--offline"), "{err}");
    assert!(err.contains("issuer-unreachable"), "{err}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let (code, out, err) = portcullis(folder.path(), &[&words[..], &["--offline"]].concat()).await;
    assert_eq!(code, Some(0), "{out}{err}");
    let written = fs::read_to_string(folder.path().join("gateway.yaml")).unwrap();
    assert!(written.contains("- \"mcp:use\"\n") && written.contains("# All tools: replace `*` by names"), "{written}");
}

#[tokio::test]
async fn first_2_on_a_terminal_init_asks_until_a_server_answers() {
    let (folder, server) = (tempdir().unwrap(), Server::start().await);
    fs::write(folder.path().join("accounts.yaml"), ACCOUNTS).unwrap();
    // No URL, a server that is not there, the public URL, the issuer, and the server that is there.
    let answers = format!("nonsense\nhttp://127.0.0.1:1/wrong\n\n\n{}/mcp\n", server.url);
    let told = on_terminal(folder.path(), "init", &answers).await;
    assert!(told.contains("expected a URL with its path"), "{told}");
    assert!(told.contains("http://127.0.0.1:1/wrong: no answer"), "{told}");
    assert!(told.contains("with 3 tools") && told.contains("gateway.yaml: ok"), "{told}");
    let written = fs::read_to_string(folder.path().join("gateway.yaml")).unwrap();
    assert!(written.contains(&format!("url: {}/mcp", server.url)) && written.contains("path: /mcp\n"), "{written}");
}

#[tokio::test]
async fn first_2_on_a_terminal_init_makes_the_first_account_with_the_file_or_not_at_all() {
    let (folder, server) = (tempdir().unwrap(), Server::start().await);
    let upstream = format!("{}/mcp", server.url);
    let first = format!("{upstream}\nhttps://mcp.example.com\n\nada\n{PASSWORD}\nanother\n{PASSWORD}\n{PASSWORD}\n");
    // The input ends at the question about TLS.
    let told = on_terminal(folder.path(), "init", &format!("{first}\x04")).await;
    assert!(told.contains("the passwords differ") && told.contains("nothing was written"), "{told}");
    assert_eq!(listed(folder.path()), [""; 0], "{told}");
    // A wrong flag is found after all questions.
    let told = on_terminal(folder.path(), "init --log-level loud", &format!("{first}\n")).await;
    assert!(told.contains("--log-level: found \"loud\"") && told.contains("nothing was written"), "{told}");
    assert_eq!(listed(folder.path()), [""; 0], "{told}");
    // Printing makes no account, and asks for none.
    let told = on_terminal(folder.path(), "init --print-config", &format!("{upstream}\n\n\n")).await;
    assert!(told.contains("public_url: http://127.0.0.1:8080") && told.contains("does not exist yet"), "{told}");
    assert!(!told.contains("Password:"), "{told}");
    assert_eq!(listed(folder.path()), [""; 0], "{told}");

    fs::create_dir(folder.path().join("a b")).unwrap();
    let told = on_terminal(folder.path(), "init --out 'a b/g.yaml'", &format!("{first}\n")).await;
    assert!(told.contains("a b/g.yaml: ok") && !told.contains("warning"), "{told}");
    assert!(
        told.contains("`portcullis connect 'a b/g.yaml'`") && told.contains("`portcullis run 'a b/g.yaml'`"),
        "{told}"
    );
    let made = folder.path().join("a b");
    assert_eq!(listed(&made), ["accounts.db.key", "accounts.yaml", "g.yaml"]);
    for (name, mode) in [("accounts.db.key", 0o600), ("accounts.yaml", 0o600), ("g.yaml", 0o644)] {
        assert_eq!(fs::metadata(made.join(name)).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
    let written = fs::read_to_string(made.join("g.yaml")).unwrap();
    for line in
        ["accounts: accounts.yaml", "file: accounts.db", "- \"file:accounts.db.key\"", "- \"127.0.0.1\"", "- \"::1\""]
    {
        assert!(written.contains(line), "{line}: {written}");
    }
}

#[tokio::test]
async fn first_2_files_are_named_in_the_current_folder_and_written_for_the_folder_of_the_file() {
    let folder = tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(vec!["mcp.example.com".to_owned()]).unwrap();
    let of = |name: &str| folder.path().join(name);
    fs::create_dir(of("sub")).unwrap();
    fs::write(of("tls.crt"), certified.cert.pem()).unwrap();
    fs::write(of("sub/tls.key"), certified.signing_key.serialize_pem()).unwrap();
    fs::write(of("sub/accounts.yaml"), ACCOUNTS).unwrap();
    let public = ["--public-url", "https://mcp.example.com", "--upstream", "http://127.0.0.1:1/mcp", "--offline"];
    let files = ["--accounts", "sub/accounts.yaml", "--tls-cert", "./tls.crt", "--tls-key", "sub/tls.key"];
    let words = [&["init", "--out", "sub/gateway.yaml"], &public[..], &files].concat();
    let (code, out, err) = portcullis(folder.path(), &words).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("sub/gateway.yaml: ok") && out.contains("`portcullis connect sub/gateway.yaml`"), "{out}");
    let written = fs::read_to_string(of("sub/gateway.yaml")).unwrap();
    let certificate = format!("certificate: {}", of("tls.crt").display());
    for line in ["accounts: accounts.yaml", "file: accounts.db", "key: tls.key", &certificate] {
        assert!(written.contains(line), "{line}: {written}");
    }
    assert_eq!(listed(folder.path()), ["sub", "tls.crt"]);

    let connect = portcullis(folder.path(), &["connect", "claude-code", "sub/gateway.yaml"]).await;
    assert_eq!(connect.0, Some(0), "{connect:?}");
    let swapped = portcullis(folder.path(), &["connect", "sub/gateway.yaml", "claude-code"]).await;
    assert_eq!(swapped, connect);
    assert!(connect.1.contains("claude mcp add --transport http mcp https://mcp.example.com/mcp"), "{connect:?}");
    let connect = portcullis(folder.path(), &["connect", "sub/gateway.yaml"]).await;
    assert!(connect.0 == Some(0) && connect.1.contains("## Cursor"), "{connect:?}");
    let connect = portcullis(folder.path(), &["connect", "sub/none.yaml"]).await;
    assert!(connect.0 == Some(2) && connect.2.contains("sub/none.yaml"), "{connect:?}");

    let words =
        [&["init", "--out", "no/g.yaml", "--allow-all"], &public[..], &["--issuer", "https://a.example"]].concat();
    let (code, _, err) = portcullis(folder.path(), &words).await;
    assert!(code == Some(2) && err.contains("--out: there is no folder"), "{err}");
}

#[tokio::test]
async fn first_2_what_is_printed_is_the_configuration_alone_and_nothing_is_written() {
    let (folder, server) = (tempdir().unwrap(), Server::start().await);
    fs::write(folder.path().join("accounts.yaml"), ACCOUNTS).unwrap();
    let upstream = format!("{}/mcp", server.url);
    let words = ["init", "--upstream", &upstream, "--accounts", "accounts.yaml", "--print-config"];
    let (code, printed, err) = portcullis(folder.path(), &words).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("accounts.db.key is not there yet"), "{err}");
    assert_eq!(listed(folder.path()), ["accounts.yaml"]);
    let read: serde_json::Value = serde_yaml::from_str(&printed).unwrap_or_else(|fault| panic!("{fault}: {printed}"));
    assert_eq!(read["servers"]["mcp"]["rules"][0]["tools"], serde_json::json!(["danger", "progress", "safe"]));
}

#[tokio::test]
async fn attack_353_init_neither_shows_nor_writes_a_secret_in_place_of_a_reference() {
    let folder = tempdir().unwrap();
    let good = ["--upstream", "http://127.0.0.1:1/mcp", "--issuer", "https://a.example", "--offline"];
    for words in [
        &["--session-key", "hunter2-hunter2-hunter2-hunter2-hunter2"][..],
        &["--session-key", "env:hunter2+hunter2/hunter2="],
        &["--upstream", "http://u:hunter2@127.0.0.1:1/mcp"],
        &["--issuer", "https://u:hunter2@a.example"],
        &["--public-url", "https://u:hunter2@mcp.example.com"],
        &["--tls-cert", "tls.crt", "--tls-key=-----BEGIN PRIVATE KEY-----\nhunter2\n"],
    ] {
        for more in [&[][..], &["--print-config"]] {
            let given = good.chunks(2).filter(|pair| !words.contains(&pair[0])).flatten().copied();
            let all: Vec<&str> =
                ["init"].into_iter().chain(given).chain(words.iter().copied()).chain(more.iter().copied()).collect();
            let (code, out, err) = portcullis(folder.path(), &all).await;
            assert_eq!((code, &*out), (Some(2), ""), "{all:?}: {err}");
            assert!(err.contains("(not shown)") && !err.contains("hunter2"), "{all:?}: {err}");
            assert_eq!(listed(folder.path()), [""; 0]);
        }
    }
    let told = on_terminal(folder.path(), "init", "http://u:hunter3@127.0.0.1:1/mcp\n\x04").await;
    assert!(told.contains("expected a URL without user name and password"), "{told}");
    // The terminal itself shows what is typed.
    assert_eq!(told.matches("hunter3").count(), 1, "{told}");
}

/// What `portcullis WORDS` tells on a terminal, where these answers are typed.
async fn on_terminal(folder: &Path, words: &str, answers: &str) -> String {
    // `script` gives the program a terminal.
    let mut asked = Command::new("script")
        .args(["-qec", &format!("{} {words}", env!("CARGO_BIN_EXE_portcullis")), "/dev/null"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = asked.stdin.take().unwrap();
    input.write_all(answers.as_bytes()).await.unwrap();
    let output = asked.wait_with_output().await.unwrap();
    drop(input);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn listed(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

//! Does `init` write a configuration that fits the live servers, and overwrite nothing?

use std::{fs, process::Stdio};

use tempfile::tempdir;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::e2e::{real::Server, world::command::portcullis};

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
    assert!(
        fs::read_to_string(folder.path().join("gateway.yaml")).unwrap().contains("- mcp:use\n") || out.contains("ok")
    );
}

#[tokio::test]
async fn first_2_on_a_terminal_init_asks_until_a_server_answers() {
    let (folder, server) = (tempdir().unwrap(), Server::start().await);
    fs::write(folder.path().join("accounts.yaml"), ACCOUNTS).unwrap();
    // `script` gives the program a terminal.
    let mut asked = Command::new("script")
        .args(["-qec", concat!(env!("CARGO_BIN_EXE_portcullis"), " init"), "/dev/null"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = asked.stdin.take().unwrap();
    // No URL, a server that is not there, the public URL, the issuer, and the server that is there.
    let answers = format!("nonsense\nhttp://127.0.0.1:1/mcp\n\n\n{}/mcp\n", server.url);
    input.write_all(answers.as_bytes()).await.unwrap();
    let output = asked.wait_with_output().await.unwrap();
    drop(input);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("expected a URL with its path"), "{told}");
    assert!(told.contains("http://127.0.0.1:1/mcp: no answer"), "{told}");
    assert!(told.contains("with 3 tools") && told.contains("gateway.yaml: ok"), "{told}");
    let written = fs::read_to_string(folder.path().join("gateway.yaml")).unwrap();
    assert!(written.contains(&format!("url: {}/mcp", server.url)), "{written}");
}

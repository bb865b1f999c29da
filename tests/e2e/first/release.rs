//! Does what is installed beside the program hold: version, completions, manual pages, the demo?

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    process::Command,
};

use super::super::world::command::portcullis;

/// What a tool says to a file, if the tool is installed: whether it accepts it, and its complaints.
async fn checked(tool: &str, arguments: &[&str], file: &Path) -> Option<(bool, String)> {
    let output = Command::new(tool).args(arguments).arg(file).stdin(Stdio::null()).output().await;
    let output = match output {
        Ok(output) => output,
        Err(missing) => {
            eprintln!("NOT CHECKED with {tool}: {missing}");
            return None;
        }
    };
    Some((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[tokio::test]
async fn first_5_the_version_is_one_line_with_the_commit_if_it_is_known() {
    let folder = tempfile::tempdir().unwrap();
    for flag in ["--version", "-V"] {
        let (code, out, err) = portcullis(folder.path(), &[flag]).await;
        assert_eq!((code, err.as_str()), (Some(0), ""));
        let words: Vec<_> = out.split_whitespace().collect();
        assert_eq!(words[..2], ["portcullis", env!("CARGO_PKG_VERSION")], "{out}");
        if let Some(commit) = words.get(2) {
            let digits = commit.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or_default();
            assert!(digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{out}");
        }
        assert_eq!((out.lines().count(), words.len() <= 3), (1, true), "{out}");
    }
}

#[tokio::test]
async fn first_5_the_completions_of_each_shell_are_read_by_that_shell() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, out, err) = portcullis(folder.path(), &["completions", shell]).await;
        assert_eq!((code, err.as_str()), (Some(0), ""), "{shell}");
        for command in ["run", "check", "explain", "hash-password", "completions"] {
            assert!(out.contains(command), "{shell} completes {command}");
        }
        let file = folder.path().join(shell);
        fs::write(&file, &out).unwrap();
        if ["bash", "zsh", "fish"].contains(&shell)
            && let Some(verdict) = checked(shell, &["-n"], &file).await
        {
            assert_eq!(verdict, (true, String::new()), "{shell}");
        }
    }
    let (code, _, err) = portcullis(folder.path(), &["completions", "csh"]).await;
    assert_eq!(code, Some(2));
    assert!(err.contains("possible values: bash"), "{err}");
}

#[tokio::test]
async fn first_5_bash_completes_the_name_of_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let (_, script, _) = portcullis(folder.path(), &["completions", "bash"]).await;
    let file = folder.path().join("completions");
    fs::write(&file, script).unwrap();
    let typed = "source \"$0\"; COMP_WORDS=(portcullis hash); COMP_CWORD=1; _portcullis portcullis hash portcullis; echo \"${COMPREPLY[*]}\"";
    let output = Command::new("bash").args(["-c", typed]).arg(&file).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "hash-password");
}

#[tokio::test]
async fn first_5_each_command_has_a_manual_page_that_renders_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let (code, page, err) = portcullis(folder.path(), &["man"]).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(page.contains(".TH portcullis 1") && page.contains("Exit codes"), "{page}");

    let (code, out, err) = portcullis(folder.path(), &["man", "--out", "pages/man1"]).await;
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
    let pages = folder.path().join("pages/man1");
    let names: Vec<_> = fs::read_dir(&pages).unwrap().map(|page| page.unwrap().path()).collect();
    for command in ["run", "check", "explain", "schema", "hash-password", "key", "key-new", "demo", "man"] {
        assert!(names.contains(&pages.join(format!("portcullis-{command}.1"))), "{command}: {names:?}");
    }
    assert_eq!(fs::read_to_string(pages.join("portcullis.1")).unwrap().trim_end(), page.trim_end());
    for name in names {
        let Some(verdict) = checked("groff", &["-man", "-Tutf8", "-ww", "-z"], &name).await else { break };
        assert_eq!(verdict, (true, String::new()), "{}", name.display());
    }

    let taken = folder.path().join("taken");
    fs::write(&taken, "").unwrap();
    let (code, _, err) = portcullis(folder.path(), &["man", "--out", "taken"]).await;
    assert_eq!(code, Some(1));
    assert!(err.starts_with("taken: "), "{err}");
}

/// The curl commands that the demo prints, and the server's answers to them, are run by tests/login.
#[tokio::test]
async fn first_10_attack_415_the_demo_needs_no_file_challenges_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["demo", "--port", &port.to_string()])
        .env_clear()
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut hello = String::new();
    while !hello.contains("Every decision") {
        let Some(line) = lines.next_line().await.unwrap() else { panic!("the demo ended after:\n{hello}") };
        hello = hello + &line + "\n";
    }
    for told in [format!("http://127.0.0.1:{port}/mcp"), "Account    demo".to_owned()] {
        assert!(hello.contains(&told), "{told} is missing:\n{hello}");
    }
    assert!(!hello.contains("  log  "), "a warning of the demo about itself:\n{hello}");

    let ask = format!("POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut reply = BufReader::new(stream).lines();
    assert_eq!(reply.next_line().await.unwrap().as_deref(), Some("HTTP/1.1 401 Unauthorized"));
    let mut challenge = String::new();
    while let Some(line) = reply.next_line().await.unwrap().filter(|line| !line.is_empty()) {
        if line.to_lowercase().starts_with("www-authenticate: ") {
            challenge = line;
        }
    }
    let document = format!("resource_metadata=\"http://127.0.0.1:{port}/.well-known/oauth-protected-resource/mcp\"");
    assert!(challenge.contains(&document), "{challenge}");
    assert!(lines.next_line().await.unwrap().is_some_and(|line| line.contains("refused: no_credential")));

    // Its files have the hash of the password, and the configuration: for this user alone.
    let made = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
    assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o700);

    // A second one finds the port taken, and says so in words.
    let second = portcullis(folder.path(), &["demo", "--port", &port.to_string()]).await;
    assert_eq!((second.0, second.1.as_str()), (Some(1), ""));
    assert!(second.2.contains("choose another with `--port`"), "{}", second.2);

    let pid = rustix::process::Pid::from_raw(i32::try_from(demo.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(demo.wait().await.unwrap().code(), Some(0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "its folder is removed");
}

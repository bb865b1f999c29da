//! A terminal that is closed ends what was started in it: `serve`, `run`, and `demo` with all of its parts.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::sleep,
};

const CONFIG: &str = r#"
public_url: http://127.0.0.1:1
listen: [{address: "127.0.0.1:0"}]
admin: {address: "127.0.0.1:0"}
authorization_servers: {corporate: {issuer: "http://127.0.0.1:3"}}
servers: {weather: {path: /weather, upstream: {url: "http://127.0.0.1:2/mcp"}, access: authenticated}}
"#;

/// A program in a terminal of its own, which `script` (util-linux) holds.
struct Terminal {
    holder: Child,
    pid: u32,
    folder: tempfile::TempDir,
}

impl Terminal {
    /// Starts `portcullis` with these words, and waits until `sign` is on the screen.
    async fn start(words: &str, sign: &str) -> Self {
        let binary = env!("CARGO_BIN_EXE_portcullis");
        Self::start_line(&format!("echo $$ > pid; exec {binary} {words} 2> log"), sign).await
    }

    /// As [`Self::start`], with a line for the shell that writes the process id into `pid`.
    async fn start_line(line: &str, sign: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        fs::write(folder.path().join("gateway.yaml"), CONFIG).unwrap();
        let mut command = Command::new("script");
        command.args(["-qfec", line, "screen"]).current_dir(folder.path()).env("TMPDIR", folder.path().join("tmp"));
        let holder = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let mut terminal = Self { holder, pid: 0, folder };
        until(|| terminal.read("screen").contains(sign)).await;
        terminal.pid = terminal.read("pid").trim().parse().unwrap();
        terminal
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    async fn close(&mut self) {
        self.holder.kill().await.unwrap();
    }
}

/// Waits, with a bound.
async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came");
}

/// Whether a process has ended. The parent of an orphan may not have asked yet how.
fn has_ended(pid: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('Z') || rest.is_empty())
}

fn signal(pid: u32, name: &str) {
    assert!(std::process::Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[tokio::test]
async fn first_1_attack_416_a_closed_terminal_stops_serve_and_run() {
    let serve = "serve --upstream http://127.0.0.1:2/mcp --issuer http://127.0.0.1:3 --allow-all \
                 --public-url http://127.0.0.1:1 --listen 127.0.0.1:0 --admin 127.0.0.1:0";
    for words in [serve, "run"] {
        let mut terminal = Terminal::start(words, "ready").await;
        // A signal while the terminal is there: the configuration is read again.
        signal(terminal.pid, "-HUP");
        until(|| terminal.read("log").contains("was read again and has not changed")).await;
        assert!(!has_ended(terminal.pid));
        terminal.close().await;
        until(|| has_ended(terminal.pid)).await;
        let log = terminal.read("log");
        assert!(log.contains("its terminal was closed") && log.contains("stopped"), "{words}: {log}");
    }
}

#[tokio::test]
async fn first_1_a_gateway_that_outlived_its_terminal_reads_its_configuration_at_sighup() {
    let binary = env!("CARGO_BIN_EXE_portcullis");
    let line = format!("setsid {binary} run 2> log & echo $! > pid; wait");
    let mut terminal = Terminal::start_line(&line, "ready").await;
    terminal.close().await;
    until(|| terminal.read("log").contains("the terminal is gone")).await;
    signal(terminal.pid, "-HUP");
    until(|| terminal.read("log").contains("was read again and has not changed")).await;
    assert!(!has_ended(terminal.pid));
    signal(terminal.pid, "-TERM");
    until(|| has_ended(terminal.pid)).await;
}

#[tokio::test]
async fn first_1_attack_416_the_gateway_of_the_demo_never_outlives_it() {
    for end in ["the terminal", "-TERM", "-INT", "-HUP", "-QUIT"] {
        let port = free_port();
        let mut terminal = Terminal::start(&format!("demo --port {port}"), "Every decision").await;
        assert!(!is_free(port) && !is_empty(&terminal.temporary()), "{end}");
        match end {
            "the terminal" => terminal.close().await,
            name => signal(terminal.pid, name),
        }
        until(|| has_ended(terminal.pid)).await;
        assert!(is_free(port) && is_empty(&terminal.temporary()), "{end}: {}", terminal.read("screen"));
        assert_eq!(terminal.read("log"), "", "{end}");
    }
    // It cannot remove its files then.
    let port = free_port();
    let terminal = Terminal::start(&format!("demo --port {port}"), "Every decision").await;
    signal(terminal.pid, "-KILL");
    until(|| is_free(port)).await;
}

#[tokio::test]
async fn first_1_the_demo_tells_why_its_gateway_ended() {
    for _ in 0..5 {
        let demo = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["demo", "--port", &free_port().to_string()])
            .env("HTTP_PROXY", ":::")
            .output()
            .await
            .unwrap();
        let (told, fault) = (String::from_utf8_lossy(&demo.stdout), String::from_utf8_lossy(&demo.stderr));
        assert!(told.contains("HTTP_PROXY: found a URL without a valid host"), "{told}");
        assert_eq!((demo.status.code(), fault.trim()), (Some(1), "the gateway ended with exit status: 1"));
    }
}

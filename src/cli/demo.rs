//! `portcullis demo`: an MCP server without OAuth, the gateway in front of it, and one account.
//!
//! It prints how to connect, and then each decision of the gateway and its embedded authorization
//! server. It needs no network and leaves no files. The gateway ends with it.

use std::{
    env,
    ffi::OsString,
    fs::{self, DirBuilder},
    io,
    net::TcpListener,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    runtime, select,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};

use crate::{
    authorization_server::person::accounts,
    cli::terminal::{FAULT, complain, print},
};

mod notes;
mod server;
mod watch;
mod words;

/// What this run is made with.
struct Demo {
    port: u16,
    password: String,
    secret: String,
}

/// Runs the demo on a port of 127.0.0.1 until Ctrl-C.
pub(super) fn demo(port: u16) -> u8 {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            complain(&format!("the runtime: {cause}"));
            return FAULT;
        }
    };
    match runtime.block_on(serve(port)) {
        Ok(()) => 0,
        Err(fault) => {
            complain(&fault);
            FAULT
        }
    }
}

async fn serve(port: u16) -> Result<(), String> {
    if let Err(cause) = TcpListener::bind(("127.0.0.1", port)) {
        return Err(format!("127.0.0.1:{port}: {cause}. Free that port, or choose another with `--port`."));
    }
    let mut signals = Signals::install().map_err(in_words("signals"))?;
    let mut server = JoinSet::new();
    let upstream = server::start(&mut server).await.map_err(in_words("the MCP server of the demo"))?;
    // Letters and digits alone: a program takes a password that begins with `-` for an option.
    let password = random::<9>()?.replace(['-', '_'], "x");
    let demo = Demo { port, password, secret: random::<24>()? };
    let folder = Folder::new()?;
    let config = demo.write(&folder.0, upstream).map_err(in_words(&folder.0.display().to_string()))?;
    // The gateway is a separate process, started as an operator would start it. It stops when its
    // input ends, so it never outlives the demo, however that ends. In a group of its own, it gets
    // no signal of the terminal, where SIGHUP would mean a reload.
    let mut gateway = Command::new(this_program())
        .args(["run", "--until-input-ends", "--config"])
        .arg(&config)
        .env("DEMO_CLIENT_SECRET", &demo.secret)
        .env("DEMO_SESSION_KEY", random::<32>()?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(in_words("starting the gateway"))?;
    print("Starting the gateway …");
    let ended = demo.follow(&mut gateway, &config, &mut signals).await;
    let status = gateway.wait().await.map_err(in_words("the gateway"))?;
    match ended {
        // The second signal: the gateway was killed.
        Ok(Followed::Cut) => Ok(()),
        _ if !status.success() => Err(format!("the gateway ended with {status}")),
        ended => ended.map(drop).map_err(in_words("reading the gateway's output")),
    }
}

/// How the demo is asked to stop: Ctrl-C, `kill`, or a terminal that is closed.
struct Signals([Signal; 4]);

impl Signals {
    fn install() -> io::Result<Self> {
        let [interrupt, terminate] = [SignalKind::interrupt(), SignalKind::terminate()];
        let [hang_up, quit] = [SignalKind::hangup(), SignalKind::quit()];
        Ok(Self([signal(interrupt)?, signal(terminate)?, signal(hang_up)?, signal(quit)?]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hang_up, quit] = &mut self.0;
        select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
            _ = quit.recv() => {}
        }
    }
}

/// How the output of the gateway ended.
enum Followed {
    /// With the gateway.
    Whole,
    /// A second signal cut it.
    Cut,
}

fn in_words(what: &str) -> impl Fn(io::Error) -> String {
    let what = what.to_owned();
    move |cause| format!("{what}: {cause}")
}

/// The program of this process; the name that it was called by where /proc is not mounted.
fn this_program() -> OsString {
    let called = || env::args_os().next().unwrap_or_else(|| "portcullis".into());
    env::current_exe().map_or_else(|_| called(), PathBuf::into_os_string)
}

/// A folder for this run that only this user can read; removed with its files when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let path = env::temp_dir().join(format!("portcullis-demo-{}", random::<9>()?));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|cause| format!("{}: {cause}; TMPDIR can name another folder", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Demo {
    /// Writes the configuration and the account, as an operator would.
    fn write(&self, folder: &Path, upstream: u16) -> io::Result<PathBuf> {
        let hash = accounts::hash_password(self.password.as_bytes()).map_err(io::Error::other)?;
        let accounts = format!("accounts:\n  - {{name: demo, password: \"{hash}\", groups: [writers]}}\n");
        fs::write(folder.join("accounts.yaml"), accounts)?;
        let config = folder.join("gateway.yaml");
        fs::write(&config, self.config(upstream))?;
        Ok(config)
    }

    /// Shows the output of the gateway until it exits. The first signal lets open streams finish,
    /// the second does not.
    async fn follow(&self, gateway: &mut Child, config: &Path, signals: &mut Signals) -> io::Result<Followed> {
        let (Some(decisions), Some(log)) = (gateway.stdout.take(), gateway.stderr.take()) else {
            return Ok(Followed::Whole);
        };
        let (mut decisions, mut log) = (BufReader::new(decisions).lines(), BufReader::new(log).lines());
        let mut input = gateway.stdin.take();
        let (mut decisions_ended, mut log_ended) = (false, false);
        // The log says last why the gateway ended, so both are read to their ends.
        while !(decisions_ended && log_ended) {
            select! {
                line = decisions.next_line(), if !decisions_ended => match line? {
                    Some(line) if line == "ready" => print(&self.hello(config)),
                    Some(line) => watch::decision(&line),
                    None => decisions_ended = true,
                },
                line = log.next_line(), if !log_ended => match line? {
                    Some(line) => watch::event(&line),
                    None => log_ended = true,
                },
                () = signals.next() => match input.take() {
                    Some(input) => {
                        drop(input);
                        print("\nStopping …");
                    }
                    None => {
                        gateway.start_kill()?;
                        return Ok(Followed::Cut);
                    }
                },
            }
        }
        Ok(Followed::Whole)
    }
}

/// Random characters that need no escape in a URL.
fn random<const N: usize>() -> Result<String, String> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "the system gives no random bytes")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

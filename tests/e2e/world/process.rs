//! The gateway's process: started, listened to, signalled, waited for.

use std::{
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, Command},
    sync::watch,
    time::timeout,
};

/// Longest wait for anything that the gateway should do at once.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// A running gateway.
pub struct Process {
    child: Child,
    pid: u32,
    lines: Arc<Lines>,
    listening: Vec<String>,
    admin: Option<String>,
}

/// All that it printed, both streams in the order of arrival.
struct Lines {
    all: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
}

/// How a start can end otherwise than in `ready`.
pub struct NotStarted {
    pub code: Option<i32>,
    pub output: String,
}

impl Process {
    /// Starts the binary and waits until it serves.
    pub async fn start(config: &Path, environment: &[(String, String)]) -> Result<Self, NotStarted> {
        Self::start_wrapped(config, environment, &[]).await
    }

    /// Starts it by a command that ends in the gateway's, and runs in a process of the same id.
    pub async fn start_wrapped(
        config: &Path,
        environment: &[(String, String)],
        wrapper: &[String],
    ) -> Result<Self, NotStarted> {
        let binary = env!("CARGO_BIN_EXE_portcullis").to_owned();
        let mut words = wrapper.iter().chain([&binary]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["run", "--config"]).arg(config);
        Self::begin(command, environment, "").await
    }

    /// Starts it with these words in `folder`, with this text on its standard input.
    pub async fn start_words(
        folder: &Path,
        words: &[String],
        environment: &[(String, String)],
        input: &str,
    ) -> Result<Self, NotStarted> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(words).current_dir(folder);
        Self::begin(command, environment, input).await
    }

    async fn begin(mut command: Command, environment: &[(String, String)], input: &str) -> Result<Self, NotStarted> {
        command.env_clear().env("RUST_BACKTRACE", "1").envs(environment.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        // It may end before it reads all of it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
        let lines = Arc::new(Lines { all: Mutex::default(), count: watch::Sender::new(0) });
        tokio::spawn(Lines::follow(Arc::clone(&lines), child.stdout.take().unwrap()));
        tokio::spawn(Lines::follow(Arc::clone(&lines), child.stderr.take().unwrap()));
        let pid = child.id().unwrap();
        let mut process = Self { child, pid, lines, listening: Vec::new(), admin: None };

        let ended = tokio::select! {
            () = process.lines.until(|line| line == "ready") => None,
            status = process.child.wait() => Some(status.unwrap()),
            () = tokio::time::sleep(PATIENCE) => panic!("not ready in time:\n{}", process.tail()),
        };
        if let Some(status) = ended {
            // The pipes may still hold what it said last.
            let _ = timeout(Duration::from_millis(200), process.lines.until(|_| false)).await;
            return Err(NotStarted { code: status.code(), output: process.output() });
        }
        for line in process.lines.all.lock().unwrap().iter() {
            if let Some(url) = line.strip_prefix("listening ") {
                process.listening.push(url.to_owned());
            } else if let Some(url) = line.strip_prefix("admin ") {
                process.admin = Some(url.to_owned());
            }
        }
        Ok(process)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where the first public listener is.
    pub fn listening_address(&self) -> SocketAddr {
        address(self.listening.first().expect("a `listening` line"))
    }

    /// Where the admin listener is.
    pub fn admin_address(&self) -> SocketAddr {
        address(self.admin.as_deref().expect("an `admin` line"))
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let status =
            std::process::Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid)]).status().unwrap();
        assert!(status.success(), "the process was gone before SIG{name}");
    }

    /// Waits for the end.
    pub async fn exit_code(&mut self) -> Option<i32> {
        let status: ExitStatus = match timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status.unwrap(),
            Err(_) => panic!("the gateway does not stop:\n{}", self.tail()),
        };
        status.code()
    }

    /// Waits for a line that it prints, whenever that was or will be.
    pub async fn line(&self, wanted: impl Fn(&str) -> bool) -> String {
        match timeout(PATIENCE, self.lines.until(&wanted)).await {
            Ok(()) => self.lines.all.lock().unwrap().iter().find(|line| wanted(line)).cloned().unwrap(),
            Err(_) => panic!("the line never came:\n{}", self.tail()),
        }
    }

    /// All that it printed.
    pub fn output(&self) -> String {
        self.lines.all.lock().unwrap().join("\n")
    }

    /// The last that it printed.
    pub fn tail(&self) -> String {
        let lines = self.lines.all.lock().unwrap();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Its soft and its hard limit on open files.
    pub fn open_files_limits(&self) -> (String, String) {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.pid)).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    }

    /// Threads.
    pub fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.pid)).unwrap().count()
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Lines {
    async fn follow(self: Arc<Self>, pipe: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            self.all.lock().unwrap().push(line);
            self.count.send_modify(|count| *count += 1);
        }
    }

    async fn until(&self, wanted: impl Fn(&str) -> bool) {
        let mut count = self.count.subscribe();
        loop {
            if self.all.lock().unwrap().iter().any(|line| wanted(line)) {
                return;
            }
            if count.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

fn address(url: &str) -> SocketAddr {
    url.rsplit('/').next().unwrap().parse().unwrap()
}

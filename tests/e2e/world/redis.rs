//! A real Redis, which tests stop, restart, empty and configure.

use std::process::{Child, Command, Stdio};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant, sleep},
};

/// A Redis of the test's own, which ends with its value.
pub struct Redis {
    child: Child,
    pub port: u16,
    password: String,
    folder: tempfile::TempDir,
    options: Vec<String>,
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Redis {
    /// None where it is not installed.
    pub async fn start(password: &str) -> Option<Self> {
        Self::start_with(password, &[]).await
    }

    /// With more options, such as `--maxmemory-policy allkeys-lru`.
    pub async fn start_with(password: &str, options: &[&str]) -> Option<Self> {
        // Another process may take the port between the look-up and the bind.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
            let folder = tempfile::tempdir().unwrap();
            let options: Vec<String> = options.iter().map(|one| (*one).to_owned()).collect();
            let child = spawn(&folder, port, password, &options)?;
            let mut redis = Self { child, port, password: password.to_owned(), folder, options };
            if redis.is_up().await {
                return Some(redis);
            }
        }
        panic!("redis-server does not start");
    }

    /// Ends it; what it held is lost.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, empty, on the same port.
    pub async fn start_again(&mut self) {
        self.child = spawn(&self.folder, self.port, &self.password, &self.options).unwrap();
        assert!(self.is_up().await, "redis-server does not start again");
    }

    /// A URL with the password.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}/0", self.password, self.port)
    }

    /// Sends one command; the answer as Redis writes it (RESP).
    pub async fn ask(&self, words: &[&[u8]]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let commands: [&[&[u8]]; 3] = [&[b"AUTH", self.password.as_bytes()], words, &[b"QUIT"]];
        let mut bytes = Vec::new();
        for words in commands {
            bytes.extend(format!("*{}\r\n", words.len()).bytes());
            for word in words {
                bytes.extend(format!("${}\r\n", word.len()).bytes());
                bytes.extend([word, &b"\r\n"[..]].concat());
            }
        }
        stream.write_all(&bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let rest = answer.strip_prefix(b"+OK\r\n").expect("the password is right");
        let rest = rest.strip_suffix(b"+OK\r\n").expect("QUIT is answered");
        rest.to_vec()
    }

    /// The value of a key that holds text or bytes.
    pub async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let answer = self.ask(&[b"GET", key.as_bytes()]).await;
        let end = answer.windows(2).position(|two| two == b"\r\n").unwrap();
        let length: i64 = std::str::from_utf8(&answer[1..end]).unwrap().parse().unwrap();
        let length = usize::try_from(length).ok()?;
        Some(answer[end + 2..end + 2 + length].to_vec())
    }

    /// The keys that match a pattern.
    pub async fn keys(&self, pattern: &str) -> Vec<String> {
        let answer = String::from_utf8(self.ask(&[b"KEYS", pattern.as_bytes()]).await).unwrap();
        answer.split("\r\n").filter(|line| line.starts_with("portcullis:")).map(str::to_owned).collect()
    }

    async fn is_up(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return true;
            }
            sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

fn spawn(folder: &tempfile::TempDir, port: u16, password: &str, options: &[String]) -> Option<Child> {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--requirepass", password])
        .args(["--port", &port.to_string(), "--dir"])
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .ok()
}

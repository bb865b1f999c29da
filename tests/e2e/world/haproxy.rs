//! A real haproxy that passes on TCP connections, each with a PROXY header, or requests.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::{Duration, Instant, sleep},
};

use super::process::PATIENCE;

/// A running haproxy.
pub struct Haproxy {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Haproxy {
    /// Starts one in front of `server`, with these options for it. `None`, and a loud word, where haproxy is not installed.
    pub async fn start(server: SocketAddr, options: &str) -> Option<Self> {
        Self::start_as("tcp", server, options).await
    }

    /// The same, but it reads requests and writes them anew.
    pub async fn start_http(server: SocketAddr, options: &str) -> Option<Self> {
        Self::start_as("http", server, options).await
    }

    async fn start_as(mode: &str, server: SocketAddr, options: &str) -> Option<Self> {
        let probe = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = probe.local_addr().unwrap();
        drop(probe);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("haproxy.cfg");
        let config = format!(
            "global\n  maxconn 500\ndefaults\n  mode {mode}\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n\
             listen gateway\n  bind {address}\n  server one {server} {options}\n"
        );
        std::fs::write(&path, config).unwrap();
        let started =
            Command::new("haproxy").arg("-db").arg("-f").arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let Ok(child) = started else {
            eprintln!("SKIPPED: haproxy is not installed (Debian: haproxy)");
            return None;
        };
        let mut haproxy = Self { child, address, _folder: folder };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            assert!(haproxy.child.try_wait().unwrap().is_none(), "haproxy did not start");
            assert!(Instant::now() < deadline, "haproxy never listens");
            sleep(Duration::from_millis(10)).await;
        }
        Some(haproxy)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

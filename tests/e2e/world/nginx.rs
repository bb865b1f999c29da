//! A real nginx that speaks HTTP/2 over TLS, in front of something or alone.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};

use super::{certificate, process::PATIENCE};

/// A running nginx.
pub struct Nginx {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Nginx {
    /// Starts one whose server has these directives. `None`, and a loud word, where nginx is not installed.
    pub async fn start(directives: &str) -> Option<Self> {
        let probe = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = probe.local_addr().unwrap().port();
        drop(probe);
        let folder = tempfile::tempdir().unwrap();
        certificate::leaf().write(folder.path());
        let user = if std::fs::metadata("/root").is_ok_and(|_| is_root()) { "user root;" } else { "" };
        let config = format!(
            "daemon off; worker_processes 1; pid nginx.pid; error_log stderr; {user}
             events {{ worker_connections 4096; }}
             http {{
               access_log off; default_type application/json; server_tokens off;
               client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
               server {{
                 listen 127.0.0.1:{port} ssl http2;
                 ssl_certificate tls.crt; ssl_certificate_key tls.key;
                 {directives}
               }}
             }}"
        );
        std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let prefix = folder.path().to_str().unwrap().to_owned() + "/";
        let started = Command::new("nginx")
            .args(["-p", &prefix, "-c", "nginx.conf", "-e", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            eprintln!("SKIPPED: nginx is not installed (Debian: nginx-light)");
            return None;
        };
        let mut nginx = Self { child, port, folder };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(nginx.child.try_wait().unwrap().is_none(), "nginx did not start");
            assert!(Instant::now() < deadline, "nginx never listens");
            sleep(Duration::from_millis(10)).await;
        }
        Some(nginx)
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Reads its configuration again: new workers take over, the old ones finish.
    pub fn reload(&self) {
        let pid = std::fs::read_to_string(self.folder.path().join("nginx.pid")).unwrap();
        let told = Command::new("kill").args(["-HUP", pid.trim()]).status().unwrap();
        assert!(told.success(), "nginx is gone");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // TERM, not KILL: the master takes its workers along.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

//! A real ACME server, Let's Encrypt's Pebble, with a name server that leads every name here.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{certificate, process::PATIENCE};

/// A running Pebble, and its name server.
pub struct Pebble {
    pebble: Option<Child>,
    names: Child,
    folder: tempfile::TempDir,
    port: u16,
    management: u16,
    names_port: u16,
    environment: Vec<(&'static str, &'static str)>,
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.stop();
        let _ = self.names.kill();
        let _ = self.names.wait();
    }
}

impl Pebble {
    /// Starts one that validates names at `tls_port`. `None`, and a loud word, where it is not installed.
    pub async fn start(tls_port: u16) -> Option<Self> {
        Self::start_with(tls_port, json!({}), &[]).await
    }

    /// With more settings and variables.
    pub async fn start_with(
        tls_port: u16,
        settings: Value,
        environment: &[(&'static str, &'static str)],
    ) -> Option<Self> {
        let mut pebble = Self::prepare(tls_port, settings, environment).await?;
        pebble.up().await;
        Some(pebble)
    }

    /// One that does not run yet.
    pub async fn prepare(tls_port: u16, settings: Value, environment: &[(&'static str, &'static str)]) -> Option<Self> {
        let (port, management, names_port) = (free_port().await, free_port().await, free_port().await);
        let folder = tempfile::tempdir().unwrap();
        certificate::leaf().write(folder.path());
        let mut all = json!({
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": "tls.crt", "privateKey": "tls.key", "httpPort": 1, "tlsPort": tls_port,
        });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        std::fs::write(folder.path().join("pebble.json"), json!({"pebble": all}).to_string()).unwrap();
        let names = Command::new("pebble-challtestsrv")
            .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""])
            .args(["-dns01", &format!("127.0.0.1:{names_port}")])
            .args(["-management", &format!("127.0.0.1:{}", free_port().await)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(names) = names else {
            eprintln!("SKIPPED: pebble is not installed (Debian: pebble)");
            return None;
        };
        let environment = environment.to_vec();
        Some(Self { pebble: None, names, folder, port, management, names_port, environment })
    }

    /// Starts it, or starts it again: it has forgotten everything then.
    pub async fn up(&mut self) {
        let log = |name: &str| std::fs::File::create(self.folder.path().join(name)).unwrap();
        let child = Command::new("pebble")
            .args(["-config", "pebble.json", "-dnsserver", &format!("127.0.0.1:{}", self.names_port)])
            .current_dir(self.folder.path())
            .env("PEBBLE_VA_NOSLEEP", "1")
            .envs(self.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log("out"))
            .stderr(log("err"))
            .spawn();
        self.pebble = Some(child.expect("pebble is installed (Debian: pebble)"));
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            let ended = self.pebble.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "pebble does not start:\n{}", self.log());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends it.
    pub fn stop(&mut self) {
        if let Some(mut pebble) = self.pebble.take() {
            let _ = pebble.kill();
            let _ = pebble.wait();
        }
    }

    /// The URL of its directory.
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// What it has logged since it started.
    pub fn log(&self) -> String {
        ["out", "err"].map(|name| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()).concat()
    }

    /// How many orders it has had since it started.
    pub fn orders(&self) -> usize {
        self.log().matches("Added order").count()
    }

    /// A client that trusts the certificates that it issues, since it started.
    pub async fn client(&self) -> Arc<ClientConfig> {
        let tls = TlsConnector::from(certificate::client_config());
        let stream = TcpStream::connect(("127.0.0.1", self.management)).await.unwrap();
        let mut stream = tls.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
        stream.write_all(b"GET /roots/0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&answer).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        Arc::new(config.with_no_client_auth())
    }
}

/// A TLS connection to a listener on this machine, as `name`.
pub async fn shake(config: &Arc<ClientConfig>, port: u16, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    TlsConnector::from(Arc::clone(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}

/// A port that is free now.
pub async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// The one file of a folder whose name ends so.
pub fn file_of(folder: &Path, ending: &str) -> std::path::PathBuf {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<_> = names.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    assert_eq!(found.len(), 1, "one file {ending} in {}: {found:?}", folder.display());
    found.into_iter().next().unwrap()
}

//! What a world is to be like before it starts: its YAML, its TLS, its environment.

use std::{net::IpAddr, sync::Arc};

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{
    World,
    certificate::{self, Leaf},
    issuer::Issuer,
    key::HOUSE,
    leak::Captured,
    process::{NotStarted, Process},
    server::Upstream,
};

/// One server with a rule of every kind.
pub const STANDARD: &str = r#"
  main:
    path: /mcp
    upstream: {url: "@UPSTREAM@/inner/mcp", response_timeout: 2s, connect_timeout: 2s}
    scopes: ["mcp:connect"]
    scope_implies: {"mcp:admin": ["mcp:danger", "mcp:one"]}
    identity_headers: {x-auth-subject: sub}
    allowed_origins: ["https://app.example"]
    limits: {request_body: 64KiB}
    rules:
      - {tools: [safe, "get_*", progress]}
      - {tools: [danger], scopes: ["mcp:danger"]}
      - {tools: [both], scopes: ["mcp:one", "mcp:two"]}
      - {tools: [either], any_scope: ["mcp:one", "mcp:two"]}
      - {tools: [forbidden], deny: true}
      - {tools: [engineers], claims: {department: [eng]}}
      - {tools: [watched], scopes: ["mcp:watched"], report_only: true}
      - {resources: ["file:///pub/**"]}
      - {prompts: [hello]}
      - {methods: ["acme/custom"], scopes: [acme]}
"#;

/// How often a port that someone else took in between is chosen anew.
const PORT_ATTEMPTS: usize = 5;

/// A world to be.
#[derive(Clone)]
pub struct Plan {
    servers: String,
    issuers: String,
    top: String,
    listener: String,
    tls: bool,
    upstream_tls: bool,
    environment: Vec<(String, String)>,
    files: Vec<(String, String)>,
    wrapper: Vec<String>,
    words: Vec<String>,
}

impl Plan {
    /// The standard server, over plain HTTP.
    pub fn standard() -> Self {
        Self {
            servers: STANDARD.to_owned(),
            issuers: "  house: {issuer: \"@ISSUER@\", token_types: [at+jwt, JWT]}\n".to_owned(),
            top: String::new(),
            listener: String::new(),
            tls: false,
            upstream_tls: false,
            environment: Vec::new(),
            files: Vec::new(),
            wrapper: Vec::new(),
            words: Vec::new(),
        }
    }

    /// Other servers. `@UPSTREAM@`, `@ISSUER@` and `@PUBLIC@` stand for URLs, `@UPSTREAM_PORT@` and `@ISSUER_PORT@` for their ports,
    /// `@FOLDER@` for the YAML's folder.
    pub fn servers(mut self, yaml: &str) -> Self {
        self.servers = yaml.to_owned();
        self
    }

    /// The standard server with a piece of its YAML replaced.
    pub fn standard_but(from: &str, to: &str) -> Self {
        assert!(STANDARD.contains(from), "the standard server has no {from:?}");
        Self::standard().servers(&STANDARD.replace(from, to))
    }

    /// Other authorization servers; none, if the text is empty.
    pub fn issuers(mut self, yaml: &str) -> Self {
        self.issuers = yaml.to_owned();
        self
    }

    /// More top-level keys.
    pub fn top(mut self, yaml: &str) -> Self {
        self.top.push_str(yaml);
        self.top.push('\n');
        self
    }

    /// More keys of the public listener.
    pub fn listener(mut self, yaml: &str) -> Self {
        self.listener.push_str(", ");
        self.listener.push_str(yaml);
        self
    }

    /// One caller may have as many calls under way as a test wants.
    pub fn crowd(mut self) -> Self {
        let more = "request_body: 64KiB, requests_per_caller: 1000, streams_per_caller: 1000";
        self.servers = self.servers.replace("request_body: 64KiB", more);
        self.top("limits: {requests: 4000, body_bytes: 256MiB}")
    }

    /// The public listener speaks TLS.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// The upstream speaks TLS.
    pub fn upstream_tls(mut self) -> Self {
        self.upstream_tls = true;
        self
    }

    /// An environment variable of the gateway.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// All environment variables of the gateway.
    pub fn whole_environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// The gateway asks this name server, and no other: it gets an `/etc/resolv.conf` of its own, which needs root. A look-up that
    /// hangs does so for longer than any test.
    pub fn name_server(self, address: IpAddr) -> Self {
        const MOUNT: &str = "mount --bind @FOLDER@/resolv.conf /etc/resolv.conf && exec \"$@\"";
        self.file("resolv.conf", &format!("nameserver {address}\noptions timeout:30 attempts:1\n"))
            .environment("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .wrapped(&["unshare", "-m", "sh", "-c", MOUNT, "sh"])
    }

    /// A command that runs the gateway's, which follows as its last words, in a process of the same id. `@FOLDER@` stands for the
    /// YAML's folder.
    pub fn wrapped(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// These words in place of `run` and the YAML, in the YAML's folder, with the same placeholders.
    pub fn words(mut self, words: &[&str]) -> Self {
        self.words = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// A file beside the YAML.
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.into(), text.into()));
        self
    }

    /// Starts everything and waits until the gateway serves.
    pub async fn start(self) -> World {
        match self.try_start().await {
            Ok(world) => world,
            Err(ended) => panic!("the gateway did not start: code {:?}\n{}", ended.code, ended.output),
        }
    }

    /// Starts everything; the gateway may refuse to.
    pub async fn try_start(self) -> Result<World, NotStarted> {
        let captured = Arc::<Captured>::default();
        let issuer = Issuer::start(&HOUSE, Arc::clone(&captured)).await;
        let leaf = certificate::leaf();
        let upstream = Upstream::start(self.upstream_tls.then(|| TlsAcceptor::from(leaf.server_config()))).await;
        let folder = tempfile::tempdir().unwrap();
        self.write_files(folder.path(), &leaf);

        for attempt in 1.. {
            let port = free_port().await;
            let authority = if self.tls { format!("localhost:{port}") } else { format!("127.0.0.1:{port}") };
            let public = format!("{}://{authority}", if self.tls { "https" } else { "http" });
            let fill = |text: &str| {
                text.replace("@PUBLIC@", &public)
                    .replace("@ISSUER@", &issuer.url())
                    .replace("@UPSTREAM@", &upstream.url())
                    .replace("@UPSTREAM_PORT@", &upstream.address().port().to_string())
                    .replace("@ISSUER_PORT@", &issuer.server().address().port().to_string())
                    .replace("@FOLDER@", folder.path().to_str().unwrap())
            };
            let path = folder.path().join("gateway.yaml");
            std::fs::write(&path, fill(&self.yaml(port))).unwrap();
            let filled = |words: &[String]| words.iter().map(|word| fill(word)).collect::<Vec<_>>();
            let started = match self.words.is_empty() {
                true => Process::start_wrapped(&path, &self.environment, &filled(&self.wrapper)).await,
                false => Process::start_words(folder.path(), &filled(&self.words), &self.environment, "").await,
            };
            match started {
                Ok(gateway) => {
                    let tls = self.tls.then(certificate::client_config);
                    return Ok(World {
                        gateway,
                        issuer,
                        upstream,
                        public,
                        authority,
                        folder,
                        captured,
                        tls,
                        closed: false,
                    });
                }
                Err(ended) if attempt < PORT_ATTEMPTS && ended.output.contains("in use") => {}
                Err(ended) => return Err(ended),
            }
        }
        unreachable!("the last attempt returns")
    }

    fn write_files(&self, folder: &std::path::Path, leaf: &Leaf) {
        leaf.write(folder);
        std::fs::write(folder.join("ca.pem"), certificate::authority_pem()).unwrap();
        for (name, text) in &self.files {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }

    fn yaml(&self, port: u16) -> String {
        let issuers = match self.issuers.as_str() {
            "" => String::new(),
            issuers => format!("authorization_servers:\n{issuers}"),
        };
        let tls = if self.tls { ", tls: {certificate: tls.crt, key: tls.key}" } else { "" };
        format!(
            "public_url: @PUBLIC@\nlisten:\n  - {{address: \"127.0.0.1:{port}\"{tls}{}}}\nadmin: {{address: \"127.0.0.1:0\"}}\n\
             {}{issuers}servers:{}",
            self.listener, self.top, self.servers
        )
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

//! One pretend world a test: an issuer, an upstream, and the real gateway between them; what leaks is found when it closes.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

pub mod ask;
pub mod beside;
pub mod certificate;
pub mod client;
pub mod command;
pub mod dns;
pub mod h2;
pub mod haproxy;
pub mod issuer;
pub mod key;
pub mod leak;
pub mod nginx;
pub mod pebble;
pub mod plan;
pub mod process;
#[allow(dead_code, reason = "more tests will ask it")]
pub mod redis;
pub mod server;
pub mod table;
pub mod token;

pub use ask::Ask;
pub use client::{Live, Reply};
pub use issuer::Issuer;
pub use plan::Plan;
pub use process::Process;
pub use redis::Redis;
pub use server::{Seen, Step, Upstream};
pub use table::{Row, Want, call, modern, request, row};

use leak::Captured;
use process::PATIENCE;
use token::Mint;

/// Everything that one test needs, started and listening.
pub struct World {
    /// The gateway.
    pub gateway: Process,
    /// The authorization server that `house` names.
    pub issuer: Issuer,
    /// The MCP server behind the gateway: it records, and answers as told.
    pub upstream: Upstream,
    /// `public_url`.
    pub public: String,
    /// Host and port of `public_url`.
    pub authority: String,
    /// Where the YAML, certificates and secrets are.
    pub folder: tempfile::TempDir,
    captured: Arc<Captured>,
    tls: Option<Arc<rustls::ClientConfig>>,
    closed: bool,
}

impl World {
    /// The world that most tests share: one server with rules of every kind.
    pub async fn standard() -> Self {
        Plan::standard().start().await
    }

    /// The YAML that the gateway reads.
    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("gateway.yaml")
    }

    /// The resource of the standard server.
    pub fn resource(&self) -> String {
        format!("{}/mcp", self.public)
    }

    /// A token of the house issuer for the standard server, not yet signed.
    pub fn mint(&self) -> Mint {
        self.issuer.mint(&self.resource())
    }

    /// A token with the baseline scope.
    pub fn token(&self) -> String {
        self.mint().token()
    }

    /// A token with these scopes.
    pub fn token_with(&self, scope: &str) -> String {
        self.mint().scope(scope).token()
    }

    /// POST to the standard server, with a good token.
    pub fn post(&self, body: impl Into<Vec<u8>>) -> Ask {
        Ask::post("/mcp", body).token(&self.token())
    }

    /// Words that no log, metric or answer may hold, besides the tokens.
    pub fn secret(&self, word: &str) {
        self.captured.secret(word);
    }

    /// A token that the gateway itself has just issued.
    pub fn issued(&self, token: &str) {
        self.captured.issued(token);
    }

    /// Sends and reads the whole answer.
    pub async fn send(&self, ask: &Ask) -> Reply {
        self.open(ask).await.rest().await
    }

    /// Sends and reads the head of the answer.
    pub async fn open(&self, ask: &Ask) -> Live {
        let bytes = ask.bytes(&self.authority);
        let mut live = self.connect().await;
        live.write(&bytes).await;
        live.head(ask.is_head()).await;
        live
    }

    /// Sends, and leaves the answer for later.
    pub async fn connect_and_send(&self, ask: &Ask) -> Live {
        let mut live = self.connect().await;
        live.write(&ask.bytes(&self.authority)).await;
        live
    }

    /// Sends these bytes and reads all there is.
    pub async fn raw(&self, bytes: &[u8]) -> Reply {
        let mut live = self.connect().await;
        live.write(bytes).await;
        live.read_to_close().await
    }

    /// Sends so many times, each on a connection of its own, and reads nothing.
    pub async fn begin(&self, ask: &Ask, times: usize) -> Vec<Live> {
        let bytes = ask.bytes(&self.authority);
        let mut begun = Vec::new();
        for _ in 0..times {
            let mut live = self.connect().await;
            live.write(&bytes).await;
            begun.push(live);
        }
        begun
    }

    /// An open connection to the public listener.
    pub async fn connect(&self) -> Live {
        let address = self.gateway.listening_address();
        Live::connect(address, self.tls_as("localhost"), &[b"http/1.1"], Arc::clone(&self.captured)).await
    }

    /// An open connection to another replica, without TLS.
    pub async fn connect_to(&self, address: std::net::SocketAddr) -> Live {
        Live::connect(address, None, &[], Arc::clone(&self.captured)).await
    }

    /// Sends to the gateway as it is now, perhaps over TLS, and reads the whole answer.
    pub async fn send_over(&self, tls: bool, ask: &Ask) -> Reply {
        let tls = tls.then(|| (certificate::client_config(), "localhost"));
        let address = self.gateway.listening_address();
        let mut live = Live::connect(address, tls, &[b"http/1.1"], Arc::clone(&self.captured)).await;
        live.write(&ask.bytes(&self.authority)).await;
        live.head(ask.is_head()).await;
        live.rest().await
    }

    /// Fails if a secret of this world is in what another replica printed.
    pub fn nothing_leaked_by(&self, other: &Process) {
        leak::nothing_leaked(&self.captured, &other.output());
    }

    /// The same, whose TLS asks for another name; an address asks for none.
    pub async fn connect_as(&self, name: &str, protocol: &[u8]) -> Live {
        let address = self.gateway.listening_address();
        Live::connect(address, self.tls_as(name), &[protocol], Arc::clone(&self.captured)).await
    }

    /// An open connection that agreed on HTTP/2.
    pub async fn connect_h2(&self) -> Live {
        let address = self.gateway.listening_address();
        Live::connect(address, self.tls_as("localhost"), &[b"h2"], Arc::clone(&self.captured)).await
    }

    /// The TLS of a client that trusts the test's authority.
    pub fn client_tls(&self) -> Arc<rustls::ClientConfig> {
        certificate::client_config()
    }

    fn tls_as<'a>(&self, name: &'a str) -> Option<(Arc<rustls::ClientConfig>, &'a str)> {
        Some((Arc::clone(self.tls.as_ref()?), name))
    }

    /// What the admin listener answers to GET.
    pub async fn admin(&self, path: &str) -> Reply {
        let address = self.gateway.admin_address();
        let mut live = Live::connect(address, None, &[], Arc::clone(&self.captured)).await;
        live.write(&Ask::get(path).bytes(&address.to_string())).await;
        live.head(false).await;
        live.rest().await
    }

    /// Waits until the gateway says that it is ready: it has every issuer's keys.
    pub async fn until_ready(&self) -> Reply {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let reply = self.admin("/readyz").await;
            if reply.status == 200 {
                return reply;
            }
            assert!(Instant::now() < deadline, "never ready: {reply:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The sum of a metric's series, by name.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        leak::series(&self.admin("/metrics").await.text()).get(name).copied()
    }

    /// All metrics, each name's series summed.
    pub async fn metrics(&self) -> HashMap<String, f64> {
        leak::series(&self.admin("/metrics").await.text())
    }

    /// Ends the world and fails if anything was left behind or leaked.
    pub async fn close(mut self) {
        self.closed = true;
        leak::nothing_is_open(&self).await;
        self.gateway.signal("TERM");
        let code = self.gateway.exit_code().await;
        assert_eq!(code, Some(0), "exit code after SIGTERM; output:\n{}", self.gateway.tail());
        leak::nothing_leaked(&self.captured, &self.gateway.output());
    }

    /// Ends a world whose gateway was already told to stop.
    pub async fn close_stopped(mut self, code: i32) {
        self.closed = true;
        let got = self.gateway.exit_code().await;
        assert_eq!(got, Some(code), "exit code; output:\n{}", self.gateway.tail());
        leak::nothing_leaked(&self.captured, &self.gateway.output());
    }

    /// Ends a world whose gateway was killed: it could not end by itself.
    pub async fn close_killed(mut self) {
        self.closed = true;
        let got = self.gateway.exit_code().await;
        assert_eq!(got, None, "it ended by itself; output:\n{}", self.gateway.tail());
        leak::nothing_leaked(&self.captured, &self.gateway.output());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the gateway's last words ---\n{}", self.gateway.tail());
        } else {
            assert!(self.closed, "a test must end with world.close().await: only then leaks are found");
        }
    }
}

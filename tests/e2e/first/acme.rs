//! Is a certificate ordered, kept, renewed and shared, with a real ACME server?

use std::{os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, Instant, sleep},
};

use crate::e2e::world::{
    Process, certificate,
    command::portcullis,
    pebble::{Pebble, file_of, free_port, shake},
    process::PATIENCE,
};

/// A gateway that orders its certificates, and the ports of its listeners.
pub(super) struct Ordering {
    pub(super) folder: tempfile::TempDir,
    pub(super) ports: Vec<u16>,
}

impl Ordering {
    /// The settings of one listener for each `acme`, which may name `@DIRECTORY@`.
    pub(super) async fn new(directory: &str, acme: &[&str]) -> Self {
        let mut ports = Vec::new();
        for _ in acme {
            ports.push(free_port().await);
        }
        let ordering = Self { folder: tempfile::tempdir().unwrap(), ports };
        std::fs::write(ordering.path("ca.pem"), certificate::authority_pem()).unwrap();
        std::fs::write(ordering.path("keys.yaml"), "keys: []\n").unwrap();
        ordering.write(directory, acme);
        ordering
    }

    pub(super) fn write(&self, directory: &str, acme: &[&str]) {
        let listeners: String = (self.ports.iter().zip(acme))
            .map(|(port, acme)| format!("  - {{address: \"127.0.0.1:{port}\", tls: {{acme: {{{acme}}}}}}}\n"))
            .collect();
        let yaml = format!(
            "public_url: https://mcp.example.com\nlisten:\n{listeners}admin: {{address: \"127.0.0.1:0\"}}\n\
             keys: {{file: keys.yaml}}\nservers:\n  main: {{path: /mcp, upstream: {{url: \"http://127.0.0.1:9/mcp\"}}, \
             authorization_servers: [], access: authenticated}}\n"
        );
        let yaml =
            yaml.replace("@DIRECTORY@", &format!("email: ops@secret.example, directory: \"{directory}\", ca: ca.pem"));
        std::fs::write(self.path("new.yaml"), yaml).unwrap();
        std::fs::rename(self.path("new.yaml"), self.path("gateway.yaml")).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) async fn start(&self) -> Process {
        match Process::start(&self.path("gateway.yaml"), &[]).await {
            Ok(process) => process,
            Err(ended) => panic!("the gateway did not start: {:?}\n{}", ended.code, ended.output),
        }
    }

    pub(super) async fn readyz(&self, process: &Process) -> String {
        get(process, "/readyz").await
    }
}

pub(super) async fn get(process: &Process, path: &str) -> String {
    let mut stream = TcpStream::connect(process.admin_address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Ends it. Neither a key nor the address of the operator was printed.
pub(super) async fn end(mut process: Process, ordering: &Ordering) {
    process.signal("TERM");
    assert_eq!(process.exit_code().await, Some(0), "{}", process.tail());
    let said = process.output();
    assert!(
        !said.contains("ops@secret.example") && !said.contains("PRIVATE KEY") && !said.contains("panicked"),
        "{said}"
    );
    if let Ok(folder) = std::fs::read_dir(ordering.path("acme")) {
        for file in folder.map(|entry| entry.unwrap().path()).filter(|path| path.to_string_lossy().contains("account-"))
        {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let key = text.split("\"key_pkcs8\": \"").nth(1).and_then(|rest| rest.split('"').next());
            assert!(key.is_none_or(|key| !said.contains(key)), "the key of the account is in the log");
        }
    }
}

pub(super) const ISSUED: &str = "the certificate is issued and in use";
const RENEWED: &str = "a new certificate is in use";

pub(super) async fn until(process: &Process, text: &str, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while process.output().matches(text).count() < count {
        assert!(Instant::now() < deadline, "{text} {count} times never came:\n{}", process.tail());
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn f40_f41_f44_f46_attack_405_the_first_start_orders_and_the_next_does_not() {
    let ordering = Ordering::new("", &[""]).await;
    // A tenth of the nonces is refused.
    let Some(pebble) = Pebble::start_with(ordering.ports[0], json!({}), &[("PEBBLE_WFE_NONCEREJECT", "10")]).await
    else {
        return;
    };
    ordering.write(&pebble.directory(), &["@DIRECTORY@"]);
    let process = ordering.start().await;
    until(&process, ISSUED, 1).await;
    let client = pebble.client().await;
    let stream = shake(&client, ordering.ports[0], "mcp.example.com").await.unwrap();
    let first = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    assert!(shake(&client, ordering.ports[0], "other.example.com").await.is_err(), "it is for one name");
    // The metric follows within seconds.
    let series = format!("portcullis_certificate_not_after_seconds{{listener=\"127.0.0.1:{}\"}}", ordering.ports[0]);
    let deadline = Instant::now() + PATIENCE;
    while !get(&process, "/metrics").await.contains(&series) {
        assert!(Instant::now() < deadline, "{series} never came");
        sleep(Duration::from_millis(50)).await;
    }
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(ordering.path("acme")), 0o700);
    for entry in std::fs::read_dir(ordering.path("acme")).unwrap() {
        assert_eq!(mode(entry.unwrap().path()), 0o600);
    }
    assert!(ordering.readyz(&process).await.contains("\"notes\":[]"));
    end(process, &ordering).await;

    let orders = pebble.orders();
    let process = ordering.start().await;
    let stream = shake(&client, ordering.ports[0], "mcp.example.com").await.unwrap();
    assert_eq!(stream.get_ref().1.peer_certificates().unwrap()[0], first, "the certificate of the cache");
    assert_eq!(pebble.orders(), orders);
    end(process, &ordering).await;

    // A damaged certificate, and a damaged account, are told and replaced.
    for (ending, told) in
        [(".pem", "the certificate in the cache cannot be used"), (".json", "the account in the cache cannot be used")]
    {
        let file = file_of(&ordering.path("acme"), ending);
        std::fs::write(&file, "-----BEGIN nothing").unwrap();
        if ending == ".json" {
            std::fs::remove_file(file_of(&ordering.path("acme"), ".pem")).unwrap();
        }
        let process = ordering.start().await;
        until(&process, told, 1).await;
        until(&process, ISSUED, 1).await;
        shake(&client, ordering.ports[0], "mcp.example.com").await.unwrap();
        end(process, &ordering).await;
    }
}

#[tokio::test]
async fn f43_a_certificate_is_renewed_while_connections_stay() {
    let ordering = Ordering::new("", &[""]).await;
    let settings = json!({"certificateValidityPeriod": 12});
    let Some(pebble) = Pebble::start_with(ordering.ports[0], settings, &[]).await else { return };
    ordering.write(&pebble.directory(), &["@DIRECTORY@"]);
    let process = ordering.start().await;
    until(&process, ISSUED, 1).await;
    let client = pebble.client().await;
    let leaf = async || {
        let stream = shake(&client, ordering.ports[0], "mcp.example.com").await.unwrap();
        (stream.get_ref().1.peer_certificates().unwrap()[0].clone(), stream)
    };
    let (first, mut open) = leaf().await;
    until(&process, RENEWED, 1).await;
    assert_ne!(leaf().await.0, first);
    // The connection of the old certificate is served.
    open.write_all(b"GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    end(process, &ordering).await;
}

#[tokio::test]
async fn f41_f44_listeners_share_a_certificate_and_domains_change_without_a_restart() {
    let ordering = Ordering::new("", &["", ""]).await;
    let Some(pebble) = Pebble::start(ordering.ports[0]).await else { return };
    ordering.write(&pebble.directory(), &["@DIRECTORY@", "@DIRECTORY@"]);
    let process = ordering.start().await;
    until(&process, ISSUED, 1).await;
    let client = pebble.client().await;
    let shown = async |port: u16, name: &str| {
        let stream = shake(&client, port, name).await?;
        std::io::Result::Ok(stream.get_ref().1.peer_certificates().unwrap()[0].clone())
    };
    let first = shown(ordering.ports[0], "mcp.example.com").await.unwrap();
    assert_eq!(shown(ordering.ports[1], "mcp.example.com").await.unwrap(), first);
    assert_eq!(pebble.orders(), 1);

    let more = "@DIRECTORY@, domains: [mcp.example.com, more.example.com]";
    ordering.write(&pebble.directory(), &[more, more]);
    until(&process, "the changed configuration is in force", 1).await;
    until(&process, RENEWED, 1).await;
    for port in &ordering.ports {
        shown(*port, "more.example.com").await.unwrap();
        shown(*port, "mcp.example.com").await.unwrap();
    }
    assert_eq!((pebble.orders(), pebble.log().matches("There are now 2 accounts").count()), (2, 0));

    // A change of the sockets still needs a restart.
    ordering.write(&pebble.directory(), &[more]);
    until(&process, "listen: changed, which needs a restart", 1).await;
    end(process, &ordering).await;
}

#[tokio::test]
async fn f45_an_account_is_bound_to_another_one() {
    const KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let ordering = Ordering::new("", &[""]).await;
    let settings = json!({"externalAccountBindingRequired": true, "externalAccountMACKeys": {"kid-1": KEY}});
    let Some(pebble) = Pebble::start_with(ordering.ports[0], settings, &[]).await else { return };
    ordering.write(&pebble.directory(), &["@DIRECTORY@"]);
    let process = ordering.start().await;
    until(&process, "write `external_account` with the key id and key", 1).await;
    end(process, &ordering).await;

    std::fs::write(ordering.path("eab"), format!("{KEY}\n")).unwrap();
    ordering.write(&pebble.directory(), &["@DIRECTORY@, external_account: {key_id: kid-1, key: \"file:eab\"}"]);
    let process = ordering.start().await;
    until(&process, ISSUED, 1).await;
    assert!(!process.output().contains(KEY));
    let (_, explained, _) = portcullis(ordering.folder.path(), &["explain", "--config", "gateway.yaml"]).await;
    assert!(explained.contains("external_account: {key_id: kid-1") && !explained.contains(KEY), "{explained}");
    end(process, &ordering).await;
}

/// Accepts every certificate, as a CA does that validates a name.
#[derive(Debug)]
struct AcceptsAll;

impl ServerCertVerifier for AcceptsAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn offering(protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().dangerous();
    let mut config = config.with_custom_certificate_verifier(Arc::new(AcceptsAll)).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

#[tokio::test]
async fn f41_attack_401_402_no_request_is_read_from_a_connection_that_validates_a_name() {
    let ordering = Ordering::new("", &[""]).await;
    let Some(pebble) = Pebble::start(ordering.ports[0]).await else { return };
    ordering.write(&pebble.directory(), &["@DIRECTORY@"]);
    let process = ordering.start().await;
    until(&process, ISSUED, 1).await;
    let port = ordering.ports[0];
    // No name is being proven: the handshake fails, for the own name as for others.
    for name in ["mcp.example.com", "other.example.com"] {
        assert!(shake(&offering(&[b"acme-tls/1"]), port, name).await.is_err(), "{name}");
    }
    // Beside others it is as if it were not there.
    for protocols in [[&b"acme-tls/1"[..], b"http/1.1"], [b"http/1.1", b"acme-tls/1"]] {
        let stream = shake(&offering(&protocols), port, "mcp.example.com").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    }

    // Another process with this cache proves the name: its digest is answered, and no request is.
    let digest = [7; 32];
    std::fs::write(ordering.path("acme/challenge-mcp.example.com"), digest).unwrap();
    std::fs::write(ordering.path("acme/challenge-other.example.com"), digest).unwrap();
    let mut stream = shake(&offering(&[b"acme-tls/1"]), port, "MCP.example.com").await.unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    assert!(shown.windows(32).any(|part| part == digest), "the digest of the account is in it");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    let _ = stream
        .write_all(b"GET /.well-known/oauth-protected-resource/mcp HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n")
        .await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{answer:?}");
    assert!(shake(&offering(&[b"acme-tls/1"]), port, "other.example.com").await.is_err(), "a name that is not ours");
    // Clients never see that certificate.
    let client = pebble.client().await;
    let stream = shake(&client, port, "mcp.example.com").await.unwrap();
    assert_ne!(stream.get_ref().1.peer_certificates().unwrap()[0].to_vec(), shown);
    end(process, &ordering).await;
}

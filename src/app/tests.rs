//! The whole process in one test: bound, served, reloaded, drained.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::*;
use crate::{
    app::clock::SystemClock,
    observe::{audit::Audit, metrics::Metrics},
};

const PATIENCE: Duration = Duration::from_secs(30);
const CONFIG: &str = r#"
public_url: https://gw.example
listen:
  - {address: "127.0.0.1:0", plaintext: true}
  - {address: "127.0.0.1:0", plaintext: true}
admin: {address: "127.0.0.1:0"}
authorization_servers:
  corporate: {issuer: "https://idp.example", jwks: {file: keys.json}}
servers:
  weather: {path: /weather, upstream: {url: "http://127.0.0.1:1/mcp"}, access: authenticated}
"#;
/// The public key of RFC 7517, appendix A.1.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1","use":"sig",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

fn bind(folder: &Path) -> Result<App, StartFault> {
    let config = ConfigSource::file(&folder.join("gateway.yaml"));
    let settings = config.load().unwrap_or_else(|problems| panic!("{problems}")).settings;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let metrics = Metrics::new();
    let audit = Audit::start(true, Box::new(io::sink()), metrics.audit_dropped()).unwrap();
    App::bind(config, settings, &Observe::new(metrics, audit, Arc::clone(&clock)), &clock)
}

async fn ask(address: &str, path: &str) -> String {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(format!("GET {path} HTTP/1.1\r\nHost: gw.example\r\nConnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut text = String::new();
    tcp.read_to_string(&mut text).await.unwrap();
    text
}

/// Repeats a request until its answer is as wanted.
async fn until(address: &str, path: &str, wanted: impl Fn(&str) -> bool) -> String {
    let asking = async {
        loop {
            let text = ask(address, path).await;
            if wanted(&text) {
                return text;
            }
        }
    };
    timeout(PATIENCE, asking).await.unwrap()
}

fn body(text: &str) -> Value {
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_it_binds_serves_keeps_the_old_configuration_and_drains() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gateway.yaml");
    fs::write(&config, CONFIG).unwrap();
    fs::write(folder.path().join("keys.json"), KEYS).unwrap();
    let app = bind(folder.path()).unwrap();
    let addresses = app.addresses().unwrap();
    assert_eq!(addresses.len(), 3);
    let address = |index: usize, word: &str| addresses[index].strip_prefix(word).unwrap().to_owned();
    let (public, admin) = (address(0, "listening http://"), address(2, "admin http://"));
    let (drain, reload, gateway) = (app.drain(), app.reload(), Arc::clone(&app.gateway));
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let _ = Box::pin(app.serve(|| ())).await;
    });

    until(&admin, "/readyz", |text| text.starts_with("HTTP/1.1 200 ")).await;
    assert!(ask(&public, "/weather").await.starts_with("HTTP/1.1 401 "));
    assert!(ask(&public, "/readyz").await.starts_with("HTTP/1.1 404 "));
    assert!(ask(&admin, "/weather").await.starts_with("HTTP/1.1 404 "));
    assert!(ask(&admin, "/metrics").await.contains("portcullis_jwks_keys{issuer=\"corporate\"} 1\n"));

    let before = gateway.snapshot.load_full();
    for (change, told) in [
        (format!("{CONFIG}nonsense: 1\n"), "nonsense"),
        (CONFIG.replace("admin: {address: \"127.0.0.1:0\"}", "admin: {address: \"127.0.0.1:1\"}"), "admin: changed"),
        (CONFIG.replace("listen:\n", "log: {level: debug}\nlisten:\n"), "log: changed"),
    ] {
        fs::write(&config, change).unwrap();
        reload.notify_one();
        let text = until(&admin, "/readyz", |text| text.contains(told)).await;
        assert_eq!(body(&text)["ready"], true);
        assert!(Arc::ptr_eq(&before, &gateway.snapshot.load_full()), "{told}");
    }

    fs::write(&config, CONFIG.replace("/weather,", "/sun,")).unwrap();
    reload.notify_one();
    until(&public, "/sun", |text| text.starts_with("HTTP/1.1 401 ")).await;
    assert!(ask(&public, "/weather").await.starts_with("HTTP/1.1 404 "));
    let after = gateway.snapshot.load_full();
    assert!(Arc::ptr_eq(&before.servers[0].issuers[0], &after.servers[0].issuers[0]), "keys outlive a snapshot");
    assert!(Arc::ptr_eq(&before.servers[0].upstream, &after.servers[0].upstream), "so do connections");
    assert_eq!(body(&until(&admin, "/readyz", |text| text.contains("\"notes\":[]")).await)["ready"], true);

    drain.stop();
    timeout(PATIENCE, serving.join_next()).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(&public).await.is_err() && TcpStream::connect(&admin).await.is_err());
    drop((before, after));
    assert_eq!(Arc::strong_count(&gateway), 1, "a task outlived the process");
}

#[tokio::test]
async fn nothing_serves_where_one_address_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fs::write(folder.path().join("keys.json"), KEYS).unwrap();
    for place in ["listen:\n  - {address: \"127.0.0.1:0\"", "admin: {address: \"127.0.0.1:0\""] {
        let changed = CONFIG.replacen(place, &place.replace("127.0.0.1:0", &address), 1);
        fs::write(folder.path().join("gateway.yaml"), changed).unwrap();
        let Err(StartFault::Bind(why)) = bind(folder.path()) else { panic!("{address} is taken") };
        assert!(why.contains(&address), "{why}");
    }
}

#[tokio::test]
async fn a_key_of_another_certificate_is_the_configurations_fault() {
    let folder = tempfile::tempdir().unwrap();
    let pair = || rcgen::generate_simple_self_signed(["gw.example".to_owned()]).unwrap();
    for (name, text) in [
        ("keys.json", KEYS.to_owned()),
        ("tls.crt", pair().cert.pem()),
        ("tls.key", pair().signing_key.serialize_pem()),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let changed = CONFIG.replacen("plaintext: true", "tls: {certificate: tls.crt, key: tls.key}", 1);
    fs::write(folder.path().join("gateway.yaml"), changed).unwrap();
    let Err(StartFault::Config(problems)) = bind(folder.path()) else { panic!("they do not belong together") };
    assert!(problems.len() == 1 && problems[0].starts_with("listen[0].tls: "), "{problems:?}");
}

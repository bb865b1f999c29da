//! The Redis store: Redis stops, restarts, hangs, requires a password, or uses TLS.

use std::{
    io::Read as _,
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use super::*;

const PASSWORD: &str = "correct%2Fhorse";

/// A Redis process, stopped on drop.
pub(crate) struct RedisServer {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
    options: Vec<String>,
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl RedisServer {
    /// `None` if Redis is not installed, with a loud note.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(|_, port| vec!["--port".into(), port.to_string()])
    }

    fn start_with(options: impl Fn(&Path, u16) -> Vec<String>) -> Option<Self> {
        if !is_there("redis-server") {
            say_loudly("redis-server is not installed: the store in Redis is NOT tested");
            return None;
        }
        // Another process may take the port before Redis binds it.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let folder = tempfile::tempdir().unwrap();
            let options = options(folder.path(), port);
            if let Some(child) = run(&folder, &options, port) {
                return Some(Self { child, port, folder, options });
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = run(&self.folder, &self.options, self.port).expect("redis-server starts again");
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    pub(crate) fn settings(&self) -> StoreSettings {
        settings(&format!("redis://:{PASSWORD}@127.0.0.1:{}/3", self.port))
    }
}

fn run(folder: &TempDir, options: &[String], port: u16) -> Option<Child> {
    let mut child = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--requirepass", "correct/horse", "--dir"])
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        if let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) {
            stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            // A TLS server does not answer this, but it is up.
            stream.write_all(b"PING\r\n").unwrap();
            let _ = stream.read(&mut [0; 64]);
            return Some(child);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

fn settings(url: &str) -> StoreSettings {
    StoreSettings::Redis(crate::base::secret::Secret::new(url.as_bytes().to_vec()))
}

fn store(settings: &StoreSettings) -> (Store, Arc<Turned>) {
    let clock = Turned::new();
    (Store::open(settings, Roots::empty(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap(), clock)
}

async fn fails_soon(store: &Store) -> StoreFault {
    let asked = tokio::time::timeout(Duration::from_secs(3), store.get(EntryKind::Code, "k"));
    asked.await.expect("a store that is away says so soon").expect_err("it is away")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_at_once_and_ends_by_itself() {
    let Some(mut server) = RedisServer::start() else { return };
    let (store, clock) = store(&server.settings());
    let until = clock.now().wall + Duration::from_secs(600);
    store.put(EntryKind::Code, "k", b"1".to_vec(), until).await.unwrap();
    server.kill();
    fails_soon(&store).await;
    assert!(store.put(EntryKind::Code, "k", b"2".to_vec(), until).await.is_err());
    assert!(store.list(EntryKind::Revoked).await.is_err());
    server.start_again();
    let told = store.get(EntryKind::Code, "k").await;
    assert!(told.is_err(), "left alone for a while, whatever it does: {told:?}");
    clock.put_forward(STORE_AWAY_AND_MORE);
    assert_eq!(store.get(EntryKind::Code, "k").await.unwrap(), None, "this Redis keeps nothing on disk");
    store.put(EntryKind::Code, "k", b"3".to_vec(), until).await.unwrap();
    assert_eq!(store.get(EntryKind::Code, "k").await.unwrap(), Some(b"3".to_vec()));
    // A restart of Redis between two commands is not noticed.
    server.kill();
    server.start_again();
    let asked = async {
        while store.put(EntryKind::Code, "k", b"4".to_vec(), until).await.is_err() {
            clock.put_forward(STORE_AWAY_AND_MORE);
        }
    };
    tokio::time::timeout(Duration::from_secs(3), asked).await.unwrap();
}

const STORE_AWAY_AND_MORE: Duration = Duration::from_millis(1_100);

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_is_given_up_and_found_again() {
    let Some(server) = RedisServer::start() else { return };
    let (store, clock) = store(&server.settings());
    let store = Arc::new(store);
    let until = clock.now().wall + Duration::from_secs(600);
    store.put(EntryKind::Code, "k", b"1".to_vec(), until).await.unwrap();
    server.signal("-STOP");
    let many: Vec<_> = (0..64).map(|_| Arc::clone(&store)).collect();
    let many: Vec<_> = many.into_iter().map(|store| tokio::spawn(async move { fails_soon(&store).await })).collect();
    for one in many {
        one.await.unwrap();
    }
    // The next connection hangs at the login.
    clock.put_forward(STORE_AWAY_AND_MORE);
    fails_soon(&store).await;
    server.signal("-CONT");
    clock.put_forward(STORE_AWAY_AND_MORE);
    assert_eq!(store.get(EntryKind::Code, "k").await.unwrap(), Some(b"1".to_vec()));
}

#[tokio::test]
async fn without_redis_the_store_opens_all_the_same() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (store, _) = store(&settings(&format!("redis://:hunter2@127.0.0.1:{port}")));
    assert!(!fails_soon(&store).await.to_string().contains("hunter2"));
}

#[tokio::test]
async fn p10_a_wrong_password_is_named_and_not_shown() {
    let Some(server) = RedisServer::start() else { return };
    for (login, expected) in [
        (":hunter2@", "Password authentication failed"),
        ("somebody:hunter2@", "authentication failed"),
        ("", "NOAUTH"),
    ] {
        let (store, _) = store(&settings(&format!("redis://{login}127.0.0.1:{}", server.port)));
        let fault = fails_soon(&store).await.to_string();
        assert!(fault.contains(expected), "{login}: {fault}");
        assert!(!fault.contains("hunter2"), "{fault}");
    }
}

#[test]
fn p10_a_wrong_url_is_explained_and_not_shown() {
    for (url, expected) in [
        ("hunter2", "must begin"),
        ("http://:hunter2@localhost", "must begin"),
        ("redis+unix:///hunter2", "must begin"),
        ("rediss://:hunter2@localhost#insecure", "must end"),
        ("redis://:hunter2@localhost/?protocol=resp3", "must end"),
        ("redis://:hunter2@localhost/one", "cannot be read"),
        ("redis://:hunter2@localhost:99999", "cannot be read"),
        ("redis://:hunter2@", "cannot be read"),
        ("redis://:hunter2@0.0.0.0", "cannot be read"),
        ("redis://hunter2@localhost", "a password alone"),
    ] {
        let fault = Store::open(&settings(url), Roots::empty(), Turned::new()).err().expect("refused").to_string();
        assert!(fault.contains(expected), "{url}: {fault}");
        assert!(!fault.contains("hunter2"), "{fault}");
    }
    for url in ["redis://localhost", "rediss://u:p@[::1]:6380/15", " redis://:p%23@h/ \n"] {
        assert!(Store::open(&settings(url), Roots::empty(), Turned::new()).is_ok(), "{url}");
    }
}

#[tokio::test]
async fn a_full_redis_refuses_what_is_new_and_forgets_nothing() {
    let Some(server) = RedisServer::start_with(|_, port| {
        ["--port", &port.to_string(), "--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]
            .map(str::to_owned)
            .into()
    }) else {
        return;
    };
    let (store, clock) = store(&server.settings());
    let until = clock.now().wall + Duration::from_secs(600);
    store.put(EntryKind::Family, "f", b"1".to_vec(), until).await.unwrap();
    let mut refused = None;
    for n in 0..200 {
        if let Err(fault) = store.create(EntryKind::Flow, &n.to_string(), vec![0; STORE_VALUE_BYTES_MAX], until).await {
            refused = Some(fault);
            break;
        }
    }
    assert!(refused.expect("4 MB are less than 12").to_string().contains("OOM"));
    assert_eq!(store.get(EntryKind::Family, "f").await.unwrap(), Some(b"1".to_vec()), "asked at once: it is not away");
    assert_eq!(store.get(EntryKind::Flow, "0").await.unwrap().map(|value| value.len()), Some(STORE_VALUE_BYTES_MAX));
}

#[tokio::test]
async fn a_sweep_takes_names_of_the_dead_by_the_clock_of_redis() {
    let Some(server) = RedisServer::start() else { return };
    let (store, clock) = store(&server.settings());
    let now = clock.now().wall;
    for (key, until) in [("dead", now), ("lives", now + Duration::from_secs(600))] {
        store.put(EntryKind::Revoked, key, b"1".to_vec(), until).await.unwrap();
    }
    store.put(EntryKind::Family, "f", b"1".to_vec(), now + Duration::from_secs(600)).await.unwrap();
    // The clock of Redis has a resolution of one second here.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    clock.put_forward(Duration::from_secs(24 * 3_600));
    store.sweep().await.unwrap();
    let client = ::redis::Client::open(format!("redis://:{PASSWORD}@127.0.0.1:{}/3", server.port)).unwrap();
    let mut connection = client.get_connection().unwrap();
    let names: Vec<String> =
        ::redis::cmd("ZRANGE").arg("portcullis:as:index:revoked").arg(0).arg(-1).query(&mut connection).unwrap();
    assert_eq!(names, ["lives"]);
    let mut keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    keys.sort();
    assert_eq!(keys, ["portcullis:as:family:f", "portcullis:as:index:revoked", "portcullis:as:revoked:lives"]);
}

#[tokio::test]
async fn rediss_takes_a_certificate_that_we_trust_and_no_other() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let Some(server) = RedisServer::start_with(|folder, port| {
        std::fs::write(folder.join("cert.pem"), &pem).unwrap();
        std::fs::write(folder.join("key.pem"), &key).unwrap();
        let path = |name: &str| folder.join(name).display().to_string();
        let port = port.to_string();
        let options = ["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"];
        let files = ["--tls-cert-file".to_owned(), path("cert.pem"), "--tls-key-file".to_owned(), path("key.pem")];
        options.map(str::to_owned).into_iter().chain(files).collect()
    }) else {
        return;
    };
    let url = |scheme: &str, host: &str| settings(&format!("{scheme}://:{PASSWORD}@{host}:{}", server.port));
    let roots = crate::outbound::fetch::private_roots(&[made.cert.der().clone()]).unwrap();
    let trusting = |settings: &StoreSettings| Store::open(settings, roots.clone(), Turned::new()).unwrap();
    let until = Turned::new().now().wall + Duration::from_secs(600);
    let good = trusting(&url("rediss", "localhost"));
    good.put(EntryKind::Code, "k", b"1".to_vec(), until).await.unwrap();
    assert_eq!(good.get(EntryKind::Code, "k").await.unwrap(), Some(b"1".to_vec()));
    fails_soon(&trusting(&url("rediss", "127.0.0.1"))).await;
    fails_soon(&trusting(&url("redis", "localhost"))).await;
    let (public, _) = store(&url("rediss", "localhost"));
    assert!(fails_soon(&public).await.to_string().contains("(tls_unknown_issuer)"));
}

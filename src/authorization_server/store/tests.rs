//! The same tests for every store: memory, file and Redis.

use std::{
    io::Write as _,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::{Instant, SystemTime},
};

use tempfile::TempDir;

use super::{
    bounds::{KindBound, StoreBounds},
    *,
};
use crate::base::{clock::Now, limits::authorization_server::UNUSED_CLIENT_AGE};

mod file;
mod redis;
mod waiting;

use self::redis::RedisServer;

/// The system's clock, which tests can put forward.
pub(crate) struct Turned {
    began: Instant,
    ahead_millis: AtomicU64,
}

impl Turned {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), ahead_millis: AtomicU64::new(0) })
    }

    fn put_forward(&self, by: Duration) {
        self.ahead_millis.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Turned {
    fn now(&self) -> Now {
        let ahead = Duration::from_millis(self.ahead_millis.load(Ordering::SeqCst));
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + ahead;
        Now { wall, mono: self.began.elapsed() + ahead }
    }
}

/// An empty store of each kind, with the folder or process that it needs.
struct Stand {
    name: &'static str,
    clock: Arc<Turned>,
    store: Arc<Store>,
    _folder: Option<TempDir>,
    server: Option<RedisServer>,
}

impl Stand {
    fn all() -> Vec<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = StoreSettings::File(folder.path().join("as.db"));
        let mut all =
            vec![Self::new("memory", &StoreSettings::Memory, None, None), Self::new("file", &file, Some(folder), None)];
        if let Some(server) = RedisServer::start() {
            all.push(Self::new("redis", &server.settings(), None, Some(server)));
        }
        all
    }

    fn new(name: &'static str, settings: &StoreSettings, folder: Option<TempDir>, server: Option<RedisServer>) -> Self {
        let clock = Turned::new();
        let store = Arc::new(Store::open(settings, Roots::empty(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap());
        Self { name, clock, store, _folder: folder, server }
    }

    fn after(&self, millis: u64) -> Duration {
        self.clock.now().wall + Duration::from_millis(millis)
    }

    /// Redis uses its own clock, which tests cannot set.
    async fn let_pass(&self, millis: u64) {
        match self.server {
            Some(_) => tokio::time::sleep(Duration::from_millis(millis)).await,
            None => self.clock.put_forward(Duration::from_millis(millis)),
        }
    }
}

const HOUR: u64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_there_under_its_kind_and_key_alone() {
    for stand in Stand::all() {
        let (store, name) = (&stand.store, stand.name);
        let until = stand.after(HOUR);
        let bytes = vec![0, 255, b'\n', b'*', 0];
        for key in ["a", "", "a:b", "*", "ключ", "a\0b", "'; DROP TABLE entry"] {
            store.put(EntryKind::Family, key, bytes.clone(), until).await.unwrap();
            assert_eq!(store.get(EntryKind::Family, key).await.unwrap(), Some(bytes.clone()), "{name} {key:?}");
            assert_eq!(store.get(EntryKind::Code, key).await.unwrap(), None, "{name} {key:?}");
            assert_eq!(store.take(EntryKind::Code, key).await.unwrap(), None, "{name} {key:?}");
        }
        assert_eq!(store.get(EntryKind::Family, "A").await.unwrap(), None, "{name}");
        store.put(EntryKind::Family, "a", Vec::new(), until).await.unwrap();
        assert_eq!(store.get(EntryKind::Family, "a").await.unwrap(), Some(Vec::new()), "{name}: put over, empty");
        store.delete(EntryKind::Family, "a").await.unwrap();
        store.delete(EntryKind::Family, "a").await.unwrap();
        assert_eq!(store.get(EntryKind::Family, "a").await.unwrap(), None, "{name}");
        let large = vec![7; STORE_VALUE_BYTES_MAX];
        store.put(EntryKind::Family, "large", large.clone(), until).await.unwrap();
        assert_eq!(store.get(EntryKind::Family, "large").await.unwrap(), Some(large.clone()), "{name}");
        let too_large = [large, vec![7]].concat();
        assert!(store.put(EntryKind::Family, "x", too_large.clone(), until).await.is_err(), "{name}");
        assert!(store.create(EntryKind::Family, "x", too_large.clone(), until).await.is_err(), "{name}");
        assert!(store.replace(EntryKind::Family, "", &bytes, too_large, None).await.is_err(), "{name}");
        assert_eq!(store.get(EntryKind::Family, "").await.unwrap(), Some(bytes.clone()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn create_take_and_replace_ask_what_is_there() {
    for stand in Stand::all() {
        let (store, name) = (&stand.store, stand.name);
        let until = stand.after(HOUR);
        let value = |text: &str| text.as_bytes().to_vec();
        assert!(
            !store.replace(EntryKind::Code, "c", b"", value("1"), Some(until)).await.unwrap(),
            "{name}: nothing there"
        );
        assert!(!store.replace(EntryKind::Code, "c", b"", value("1"), None).await.unwrap(), "{name}: nothing there");
        assert_eq!(store.get(EntryKind::Code, "c").await.unwrap(), None, "{name}");
        assert!(store.create(EntryKind::Code, "c", value("1"), until).await.unwrap(), "{name}");
        assert!(!store.create(EntryKind::Code, "c", value("2"), until).await.unwrap(), "{name}: there already");
        assert_eq!(store.get(EntryKind::Code, "c").await.unwrap(), Some(value("1")), "{name}");
        for other in ["", "11", "2", "1 ", "false", "nil"] {
            assert!(
                !store.replace(EntryKind::Code, "c", other.as_bytes(), value("3"), None).await.unwrap(),
                "{name} {other}"
            );
        }
        assert!(store.replace(EntryKind::Code, "c", b"1", value("3"), Some(until)).await.unwrap(), "{name}");
        assert!(store.replace(EntryKind::Code, "c", b"3", Vec::new(), None).await.unwrap(), "{name}");
        assert!(
            store.replace(EntryKind::Code, "c", b"", value("4"), None).await.unwrap(),
            "{name}: an empty value is one"
        );
        assert_eq!(store.take(EntryKind::Code, "c").await.unwrap(), Some(value("4")), "{name}");
        assert_eq!(store.take(EntryKind::Code, "c").await.unwrap(), None, "{name}");
        assert!(store.create(EntryKind::Code, "c", value("5"), until).await.unwrap(), "{name}: free again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_time_is_not_there() {
    for stand in Stand::all() {
        let (store, name) = (&stand.store, stand.name);
        let (soon, late) = (stand.after(400), stand.after(HOUR));
        let one = || b"1".to_vec();
        for key in ["get", "take", "create", "replace", "kept", "prolonged", "list"] {
            store.put(EntryKind::Revoked, key, one(), soon).await.unwrap();
        }
        store.put(EntryKind::Revoked, "stays", one(), late).await.unwrap();
        store.put(EntryKind::Revoked, "shortened", one(), late).await.unwrap();
        assert!(store.replace(EntryKind::Revoked, "kept", b"1", b"2".to_vec(), None).await.unwrap(), "{name}");
        assert!(store.replace(EntryKind::Revoked, "prolonged", b"1", one(), Some(late)).await.unwrap(), "{name}");
        assert!(store.replace(EntryKind::Revoked, "shortened", b"1", one(), Some(soon)).await.unwrap(), "{name}");
        assert_eq!(store.list(EntryKind::Revoked).await.unwrap().len(), 9, "{name}");
        stand.let_pass(500).await;
        assert_eq!(store.get(EntryKind::Revoked, "get").await.unwrap(), None, "{name}");
        assert_eq!(store.get(EntryKind::Revoked, "kept").await.unwrap(), None, "{name}");
        assert_eq!(store.take(EntryKind::Revoked, "take").await.unwrap(), None, "{name}");
        assert!(!store.replace(EntryKind::Revoked, "replace", b"1", one(), Some(late)).await.unwrap(), "{name}");
        assert!(!store.replace(EntryKind::Revoked, "replace", b"1", one(), None).await.unwrap(), "{name}");
        assert!(store.create(EntryKind::Revoked, "create", b"3".to_vec(), late).await.unwrap(), "{name}");
        assert!(!store.create(EntryKind::Revoked, "create", b"4".to_vec(), late).await.unwrap(), "{name}");
        let mut listed = store.list(EntryKind::Revoked).await.unwrap();
        listed.sort();
        let expected = [("create", b"3"), ("prolonged", b"1"), ("stays", b"1")];
        assert_eq!(listed, expected.map(|(key, value)| (key.to_owned(), value.to_vec())), "{name}");
        store.sweep().await.unwrap();
        assert_eq!(store.list(EntryKind::Revoked).await.unwrap().len(), 3, "{name}: a sweep takes the dead alone");
        assert_eq!(store.get(EntryKind::Revoked, "stays").await.unwrap(), Some(one()), "{name}");
        // Expired from the start.
        let past = stand.clock.now().wall - Duration::from_secs(1);
        for past in [past, Duration::ZERO] {
            store.put(EntryKind::Revoked, "stays", one(), past).await.unwrap();
            assert_eq!(
                store.get(EntryKind::Revoked, "stays").await.unwrap(),
                None,
                "{name}: put over with a time that is past"
            );
            store.create(EntryKind::Revoked, "dead", one(), past).await.unwrap();
            assert_eq!(store.get(EntryKind::Revoked, "dead").await.unwrap(), None, "{name}");
        }
        store.put(EntryKind::Revoked, "for ever", one(), Duration::MAX).await.unwrap();
        assert_eq!(store.get(EntryKind::Revoked, "for ever").await.unwrap(), Some(one()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_kinds_with_few_entries_are_listed() {
    for stand in Stand::all() {
        let (store, name) = (&stand.store, stand.name);
        for kind in EntryKind::ALL {
            store.put(kind, "k", kind.name().into(), stand.after(HOUR)).await.unwrap();
        }
        for kind in EntryKind::ALL {
            let expected = matches!(kind, EntryKind::Keys | EntryKind::Revoked | EntryKind::Store)
                .then(|| vec![("k".to_owned(), kind.name().into())]);
            assert_eq!(store.list(kind).await.ok(), expected, "{name} {kind:?}");
        }
        for n in 0..1_200 {
            store.create(EntryKind::Revoked, &format!("r{n}"), b"1".to_vec(), stand.after(HOUR)).await.unwrap();
        }
        assert_eq!(store.list(EntryKind::Revoked).await.unwrap().len(), 1_201, "{name}: more than one batch");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e15_of_many_at_once_exactly_one_wins() {
    for stand in Stand::all() {
        for round in 0..8 {
            let (until, key) = (stand.after(HOUR), format!("k{round}"));
            let created = at_once(&stand, |store, n| {
                let key = key.clone();
                async move { store.create(EntryKind::Code, &key, vec![n], until).await.unwrap() }
            });
            assert_eq!(created.await, 1, "{}: create", stand.name);
            stand.store.put(EntryKind::Code, &key, b"fresh".to_vec(), until).await.unwrap();
            let replaced = at_once(&stand, |store, n| {
                let key = key.clone();
                async move { store.replace(EntryKind::Code, &key, b"fresh", vec![n], None).await.unwrap() }
            });
            assert_eq!(replaced.await, 1, "{}: replace", stand.name);
            let taken = at_once(&stand, |store, _| {
                let key = key.clone();
                async move { store.take(EntryKind::Code, &key).await.unwrap().is_some() }
            });
            assert_eq!(taken.await, 1, "{}: take", stand.name);
        }
    }
}

/// How many of 64 parallel attempts succeed.
async fn at_once<F: Future<Output = bool> + Send + 'static>(
    stand: &Stand,
    attempt: impl Fn(Arc<Store>, u8) -> F,
) -> usize {
    let tasks: Vec<_> = (0..64).map(|n| tokio::spawn(attempt(Arc::clone(&stand.store), n))).collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap());
    }
    won
}

const FEW: StoreBounds =
    StoreBounds { anyone: KindBound { entries: 3, bytes: 100 }, others: KindBound { entries: 5, bytes: 1_000 } };

#[tokio::test]
async fn entries_that_anyone_can_create_evict_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = File::open(&folder.path().join("as.db"), FEW, Duration::ZERO).unwrap();
    for (name, backend) in [("memory", Backend::Memory(Memory::new(FEW))), ("file", Backend::File(file))] {
        let clock = Turned::new();
        let store = Store { clock: Arc::clone(&clock) as Arc<dyn Clock>, backend, seals: None };
        let (soon, late) = (clock.now().wall + Duration::from_secs(60), clock.now().wall + Duration::from_secs(6_000));
        let ten = || vec![1; 10];
        store.put(EntryKind::Family, "f", ten(), late).await.unwrap();
        for key in ["1", "2", "3"] {
            assert!(store.create(EntryKind::Flow, key, ten(), soon).await.unwrap(), "{name}");
        }
        store.create(EntryKind::Flow, "4", ten(), late).await.unwrap_err();
        store.put(EntryKind::Flow, "4", ten(), late).await.unwrap_err();
        assert_eq!(store.get(EntryKind::Flow, "4").await.unwrap(), None, "{name}: refused is not written");
        assert!(!store.create(EntryKind::Flow, "1", ten(), late).await.unwrap(), "{name}: there already");
        store.put(EntryKind::Flow, "1", ten(), soon).await.unwrap();
        assert!(
            store.replace(EntryKind::Flow, "1", &ten(), vec![2; 60], None).await.unwrap(),
            "{name}: the living go on"
        );
        // 83 bytes with the keys now: 17 more fit, 18 do not.
        store.put(EntryKind::Flow, "2", vec![1; 28], soon).await.unwrap_err();
        store.put(EntryKind::Flow, "2", vec![1; 27], soon).await.unwrap();
        store.delete(EntryKind::Flow, "3").await.unwrap();
        store.create(EntryKind::Flow, "5", vec![1; 11], soon).await.unwrap_err();
        store.create(EntryKind::Flow, "5", vec![1; 10], soon).await.unwrap();
        assert_eq!(store.get(EntryKind::Family, "f").await.unwrap(), Some(ten()), "{name}");
        store.put(EntryKind::Family, "g", ten(), late).await.unwrap();
        // Expired entries are removed to make room.
        clock.put_forward(Duration::from_secs(61));
        for key in ["6", "7", "8"] {
            assert!(store.create(EntryKind::Flow, key, ten(), late).await.unwrap(), "{name}");
        }
        store.create(EntryKind::Flow, "9", ten(), late).await.unwrap_err();
        assert_eq!(store.get(EntryKind::Family, "f").await.unwrap(), Some(ten()), "{name}");
    }
}

#[tokio::test]
async fn e33_documents_of_clients_in_use_are_not_pushed_out() {
    let memory = Backend::Memory(Memory::new(FEW));
    let clock = Turned::new();
    let store = Store { clock: Arc::clone(&clock) as Arc<dyn Clock>, backend: memory, seals: None };
    let (new, used) = (clock.now().wall + UNUSED_CLIENT_AGE, clock.now().wall + 90 * UNUSED_CLIENT_AGE);
    store.create(EntryKind::Document, "used", vec![1], used).await.unwrap();
    store.create(EntryKind::Client, "client", vec![1], used).await.unwrap();
    for count in 0..100 {
        let until = new + Duration::from_millis(count);
        clock.put_forward(Duration::from_millis(1));
        assert!(store.create(EntryKind::Document, &count.to_string(), vec![1], until).await.unwrap());
    }
    assert!(store.get(EntryKind::Document, "used").await.unwrap().is_some());
    assert!(store.get(EntryKind::Client, "client").await.unwrap().is_some());
    assert!(store.get(EntryKind::Document, "99").await.unwrap().is_some());
}

/// Written past the test harness, which hides the output of tests that pass.
fn say_loudly(what: &str) {
    writeln!(std::io::stderr(), "\n!!! {what} !!!\n").unwrap();
}

fn is_there(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| is_file(&folder, program)))
}

fn is_file(folder: &Path, program: &str) -> bool {
    folder.join(program).is_file()
}

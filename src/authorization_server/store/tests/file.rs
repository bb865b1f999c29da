//! The file store: its mode, its lock, and its consistency after a kill at any moment.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::{PermissionsExt as _, symlink},
    process::{Command, Stdio},
};

use super::*;

fn open(path: &Path) -> Result<Store, StoreFault> {
    Store::open(&StoreSettings::File(path.to_owned()), Roots::empty(), Turned::new())
}

fn fault(path: &Path) -> String {
    open(path).err().expect("refused").to_string()
}

fn late() -> Duration {
    Turned::new().now().wall + Duration::from_secs(3_600)
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("as.db");
    let store = open(&path).unwrap();
    store.put(EntryKind::Family, "f", b"1".to_vec(), late()).await.unwrap();
    store.put(EntryKind::Flow, "gone", b"1".to_vec(), late()).await.unwrap();
    store.take(EntryKind::Flow, "gone").await.unwrap();
    drop(store);
    let store = open(&path).unwrap();
    assert_eq!(store.get(EntryKind::Family, "f").await.unwrap(), Some(b"1".to_vec()));
    assert_eq!(store.get(EntryKind::Flow, "gone").await.unwrap(), None);
}

#[tokio::test]
async fn only_the_owner_may_read_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("as.db");
    let modes = || {
        let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
        files.map(|file| file.metadata().unwrap().permissions().mode() & 0o777).collect::<Vec<_>>()
    };
    let store = open(&path).unwrap();
    store.put(EntryKind::Family, "f", b"1".to_vec(), late()).await.unwrap();
    assert!(modes().len() >= 2, "the file and its log");
    assert!(modes().iter().all(|mode| *mode == 0o600), "{:?}", modes());
    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    let store = open(&path).unwrap();
    store.put(EntryKind::Family, "f", b"2".to_vec(), late()).await.unwrap();
    assert!(modes().iter().all(|mode| *mode == 0o600), "{:?}", modes());
}

#[test]
fn what_cannot_be_our_file_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(fault(&at("none/as.db")).contains("its folder"));
    fs::create_dir(at("folder")).unwrap();
    assert!(fault(&at("folder")).contains("not a file"));
    assert!(fault(Path::new("/")).contains("names no file"));
    symlink(at("elsewhere"), at("link")).unwrap();
    assert!(fault(&at("link")).contains("not a file"));
    fs::write(at("text"), "accounts:\n  - name: somebody\n".repeat(100)).unwrap();
    assert!(fault(&at("text")).contains("not a database"), "{}", fault(&at("text")));
    let foreign = rusqlite::Connection::open(at("foreign")).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(foreign);
    assert!(fault(&at("foreign")).contains("another program"));
    drop(open(&at("newer")).unwrap());
    rusqlite::Connection::open(at("newer")).unwrap().pragma_update(None, "user_version", 2).unwrap();
    assert!(fault(&at("newer")).contains("newer version"));
    // Killed between creating the file and the first write.
    fs::write(at("empty"), "").unwrap();
    assert!(open(&at("empty")).is_ok());
    assert!(open(&at(":memory:")).is_ok() && at(":memory:").metadata().unwrap().len() > 0, "a file with an odd name");
}

#[tokio::test]
async fn a_damaged_file_is_noticed_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("as.db");
    let store = open(&path).unwrap();
    for n in 0..200 {
        store.put(EntryKind::Family, &n.to_string(), vec![7; 500], late()).await.unwrap();
    }
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 40_000);
    bytes[8_192..24_576].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    assert!(fault(&path).contains("damaged"), "{}", fault(&path));
}

#[tokio::test]
async fn one_file_is_for_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("as.db");
    let store = open(&path).unwrap();
    assert!(fault(&path).contains("another process"), "in the same process");
    let other =
        child("writes_until_it_is_killed", &path).stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    assert!(!other.status.success(), "from another process");
    assert!(String::from_utf8_lossy(&other.stderr).contains("another process"), "{other:?}");
    store.put(EntryKind::Family, "f", b"1".to_vec(), late()).await.unwrap();
    drop(store);
    assert!(open(&path).is_ok());
}

const PATH: &str = "PORTCULLIS_TEST_STORE";

/// This test program again, running one test as a separate process.
fn child(test: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = format!("authorization_server::store::tests::file::{test}");
    command.args(["--exact", &name, "--ignored", "--nocapture", "--test-threads=1"]).env(PATH, path);
    command
}

/// The value of the n-th entry at a step; a partial write would differ.
fn value(n: usize, step: u8) -> Vec<u8> {
    format!("{n}:{step}:").bytes().chain(std::iter::repeat_n(step, n * 37 % 3_000)).collect()
}

#[tokio::test]
#[ignore = "plays the process that e15_a_kill_loses_nothing_and_halves_nothing kills"]
async fn writes_until_it_is_killed() {
    let path = std::env::var_os(PATH).expect("started by the other test");
    let store = open(Path::new(&path)).unwrap();
    let first = store.get(EntryKind::Family, "next").await.unwrap();
    let first = first.map_or(0, |bytes| String::from_utf8(bytes).unwrap().parse().unwrap());
    let mut out = std::io::stdout();
    for n in first.. {
        let key = n.to_string();
        assert!(store.create(EntryKind::Code, &key, value(n, 1), late()).await.unwrap());
        writeln!(out, "acknowledged {n} 1").unwrap();
        assert!(store.replace(EntryKind::Code, &key, &value(n, 1), value(n, 2), None).await.unwrap());
        writeln!(out, "acknowledged {n} 2").unwrap();
        if n % 3 == 0 {
            assert_eq!(store.take(EntryKind::Code, &key).await.unwrap(), Some(value(n, 2)));
            writeln!(out, "acknowledged {n} 3").unwrap();
        }
    }
}

/// `PORTCULLIS_TEST_KILLS` sets how often; the default is 30.
#[tokio::test]
async fn e15_a_kill_loses_nothing_and_halves_nothing() {
    let kills = std::env::var("PORTCULLIS_TEST_KILLS").map_or(30, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("as.db");
    // The last acknowledged step of each entry: 1 created, 2 replaced, 3 taken.
    let mut told: Vec<u8> = Vec::new();
    for round in 0..kills {
        let mut process = child("writes_until_it_is_killed", &path).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut hear = |line: Option<std::io::Result<String>>| {
            let Some(Ok(line)) = line else { return false };
            if let Some((n, step)) = line.split_once("acknowledged ").and_then(|(_, rest)| rest.split_once(' ')) {
                let n: usize = n.parse().unwrap();
                told.resize(told.len().max(n + 1), 0);
                told[n] = step.parse().unwrap();
            }
            true
        };
        // At any moment from the opening of the file to some hundred writes later.
        let patience = u64::from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos());
        for _ in 0..patience / 7 % 120 {
            assert!(hear(lines.next()), "it went by itself");
        }
        std::thread::sleep(Duration::from_micros(patience / 13 % 2_000));
        process.kill().unwrap();
        while hear(lines.next()) {}
        process.wait().unwrap();

        let store = open(&path).unwrap_or_else(|fault| panic!("round {round}: {fault}"));
        // One step more than acknowledged may have begun.
        told.push(0);
        for (n, step) in told.iter_mut().enumerate() {
            let found = store.get(EntryKind::Code, &n.to_string()).await.unwrap();
            let is = |step: u8| match step {
                0 | 3 => found.is_none(),
                _ => found.as_deref() == Some(&value(n, step)[..]),
            };
            let next = *step + 1;
            assert!(is(*step) || (next <= 3 && is(next)), "round {round}, entry {n}: {step} was told, found {found:?}");
            if !is(*step) {
                *step = next;
            }
        }
        store.put(EntryKind::Family, "next", told.len().to_string().into(), late()).await.unwrap();
    }
    assert!(told.iter().filter(|step| **step == 3).count() > kills / 3, "something was written at all: {}", told.len());
}

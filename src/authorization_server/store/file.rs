//! The file store: one SQLite file, for one replica.
//!
//! Each write is one statement or transaction, and on disk when it returns (write-ahead log,
//! `synchronous=FULL`).
//! The file must be on a local disk: locks on network file systems are not reliable.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use tokio::{sync::Mutex, task::spawn_blocking, time::timeout};

use super::{
    bounds::{StoreBounds, evicts_within},
    fault::StoreFault,
    kind::EntryKind,
    opened_file::OpenedFile,
};
use crate::base::limits::authorization_server::{
    STORE_BUSY_TIMEOUT, STORE_SWEEP_ENTRIES, STORE_WORK_TIMEOUT, UNUSED_CLIENT_AGE,
};

pub(crate) mod census;
mod scan;
pub(crate) mod usable;
mod waiting;

/// SQLite's application id of the file: "Port".
const APPLICATION: i32 = 0x506f_7274;
/// The version of [`SCHEMA`]. A later version needs statements that migrate; never change this one.
const VERSION: i32 = 1;
/// How many entries are evicted at once.
const EVICT_ENTRIES: i64 = 16;
/// Triggers count the entries and bytes of each kind, in the statement that changes them.
const SCHEMA: &str = "
CREATE TABLE entry (
  kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT;
CREATE INDEX entry_by_end ON entry (kind, until);
CREATE TABLE usage (kind TEXT NOT NULL PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
CREATE TRIGGER entry_comes AFTER INSERT ON entry BEGIN
  INSERT INTO usage VALUES (new.kind, 1, octet_length(new.key) + length(new.value))
    ON CONFLICT (kind) DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER entry_changes AFTER UPDATE OF value ON entry BEGIN
  UPDATE usage SET bytes = bytes + length(new.value) - length(old.value) WHERE kind = new.kind;
END;
CREATE TRIGGER entry_goes AFTER DELETE ON entry BEGIN
  UPDATE usage SET entries = entries - 1, bytes = bytes - octet_length(old.key) - length(old.value) WHERE kind = old.kind;
END;
";

const GET: &str = "SELECT value FROM entry WHERE kind = ?1 AND key = ?2 AND until > ?3";
const PUT: &str = "INSERT INTO entry (kind, key, value, until) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, until = excluded.until";
/// An expired entry counts as absent.
const CREATE: &str = "INSERT INTO entry (kind, key, value, until) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, until = excluded.until WHERE entry.until <= ?5";
/// An expired entry is left to the sweep.
const TAKE: &str = "DELETE FROM entry WHERE kind = ?1 AND key = ?2 AND until > ?3 RETURNING value";
const REPLACE: &str = "UPDATE entry SET value = ?4, until = coalesce(?5, until)
  WHERE kind = ?1 AND key = ?2 AND until > ?3 AND value = ?6";
const LIST: &str = "SELECT key, value FROM entry WHERE kind = ?1 AND until > ?2";
const SWEEP: &str =
    "DELETE FROM entry WHERE rowid IN (SELECT rowid FROM entry WHERE kind = ?1 AND until <= ?2 LIMIT ?3)";
/// See [`evicts_within`].
const EVICT: &str = "DELETE FROM entry WHERE rowid IN
  (SELECT rowid FROM entry WHERE kind = ?1 AND until <= ?2 AND key <> ?3 ORDER BY until LIMIT ?4)";
/// The size of an entry, and the usage of its kind.
const USAGE: &str = "SELECT
  coalesce((SELECT length(value) FROM entry WHERE kind = ?1 AND key = ?2), -1),
  coalesce((SELECT entries FROM usage WHERE kind = ?1), 0),
  coalesce((SELECT bytes FROM usage WHERE kind = ?1), 0)";

/// The open file. No other process can open it at the same time.
pub(crate) struct File {
    /// Operations wait for the lock in order; only the operation that holds it uses a thread.
    connection: Arc<Mutex<Connection>>,
    bounds: StoreBounds,
    /// Which file it is.
    pub(super) opened: OpenedFile,
}

impl File {
    /// Opens the file, or creates it.
    pub(crate) fn open(path: &Path, bounds: StoreBounds, now: Duration) -> Result<Self, StoreFault> {
        let fault = |what: String| StoreFault(format!("{}: {what}", path.display()));
        let place = prepare(path).map_err(|error| fault(error.to_string()))?;
        let connection = connect(&place).map_err(|error| fault(explain(&error)))?;
        let found = identify(&connection).map_err(|error| fault(explain(&error)))?;
        match found {
            Found::Nothing => {
                create_schema(&connection).map_err(|error| fault(explain(&error)))?;
                // After a restart this is how the operator learns that the file was lost.
                tracing::info!(
                    target: "portcullis::authorization_server", file = %place.display(),
                    "the store is new and empty: if there was one before, its logins, clients and revocations are lost"
                );
            }
            Found::Ours => {}
            Found::Foreign => return Err(fault("is the database of another program".to_owned())),
            Found::Newer(version) => {
                return Err(fault(format!(
                    "was written by a newer version of this program (schema {version}; this version reads {VERSION})"
                )));
            }
            Found::Broken(how) => return Err(fault(format!("is damaged; restore it or move it away: {how}"))),
        }
        waiting::prepare(&connection, millis(now.saturating_add(UNUSED_CLIENT_AGE)))
            .map_err(|error| fault(explain(&error)))?;
        let opened = OpenedFile::of(place).map_err(|error| fault(error.to_string()))?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), bounds, opened })
    }

    pub(crate) async fn get(&self, now: Duration, kind: EntryKind, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        let key = key.to_owned();
        self.work(move |file| file.query_row(GET, params![kind.name(), key, millis(now)], |row| row.get(0)).optional())
            .await
    }

    pub(crate) async fn put(
        &self,
        now: Duration,
        kind: EntryKind,
        key: &str,
        value: Vec<u8>,
        until: Duration,
    ) -> Result<(), StoreFault> {
        let (key, bounds) = (key.to_owned(), self.bounds);
        let written = self.work(move |file| {
            if !has_room(file, &bounds, now, kind, &key, &value)? {
                return Ok(false);
            }
            file.execute(PUT, params![kind.name(), key, value, millis(until)]).map(|_| true)
        });
        if written.await? { Ok(()) } else { Err(StoreFault::full(kind)) }
    }

    pub(crate) async fn create(
        &self,
        now: Duration,
        kind: EntryKind,
        key: &str,
        value: Vec<u8>,
        until: Duration,
        group: Option<&str>,
    ) -> Result<bool, StoreFault> {
        let (key, group, bounds) = (key.to_owned(), group.map(str::to_owned), self.bounds);
        let created = self.work(move |file| {
            let there: Option<i64> =
                file.query_row(GET, params![kind.name(), key, millis(now)], |_| Ok(1)).optional()?;
            if there.is_some() {
                return Ok(Some(false));
            }
            if !has_room(file, &bounds, now, kind, &key, &value)? {
                return Ok(None);
            }
            let (work, bytes) = (file.unchecked_transaction()?, count(key.len().saturating_add(value.len())));
            let rows = work.execute(CREATE, params![kind.name(), key, value, millis(until), millis(now)])?;
            if let Some(group) = group.filter(|_| rows > 0) {
                waiting::enter(&work, kind, &key, &group, millis(until), bytes)?;
            }
            work.commit().map(|()| Some(rows > 0))
        });
        created.await?.ok_or_else(|| StoreFault::full(kind))
    }

    pub(crate) async fn take(&self, now: Duration, kind: EntryKind, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        let key = key.to_owned();
        self.work(move |file| {
            // Read to the end: only then is the statement done and the deletion final.
            let mut statement = file.prepare(TAKE)?;
            let rows = statement.query_map(params![kind.name(), key, millis(now)], |row| row.get(0))?;
            let mut taken: Vec<Vec<u8>> = rows.collect::<Result<_, _>>()?;
            Ok(taken.pop())
        })
        .await
    }

    /// Not bounded, apart from the size of a value: live entries can change while the store is
    /// full.
    pub(crate) async fn replace(
        &self,
        now: Duration,
        kind: EntryKind,
        key: &str,
        expected: &[u8],
        value: Vec<u8>,
        until: Option<Duration>,
    ) -> Result<bool, StoreFault> {
        let (key, expected) = (key.to_owned(), expected.to_vec());
        self.work(move |file| {
            file.execute(REPLACE, params![kind.name(), key, millis(now), value, until.map(millis), expected])
        })
        .await
        .map(|rows| rows > 0)
    }

    pub(crate) async fn list(&self, now: Duration, kind: EntryKind) -> Result<Vec<(String, Vec<u8>)>, StoreFault> {
        self.work(move |file| {
            let mut statement = file.prepare(LIST)?;
            let rows = statement.query_map(params![kind.name(), millis(now)], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
        .await
    }

    /// In small steps, so that other operations can run in between.
    pub(crate) async fn sweep(&self, now: Duration) -> Result<(), StoreFault> {
        for kind in EntryKind::ALL {
            while self.work(move |file| sweep_some(file, now, kind)).await? >= STORE_SWEEP_ENTRIES {}
        }
        Ok(())
    }

    /// Runs operations on the file one after the other, within [`STORE_WORK_TIMEOUT`]. An operation
    /// that has begun finishes even after its caller gave up: if the disk hangs, the client gets a
    /// 503 and the write may still happen later.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let connection = Arc::clone(&self.connection);
        let done = timeout(STORE_WORK_TIMEOUT, async {
            let connection = connection.lock_owned().await;
            spawn_blocking(move || work(&connection)).await
        });
        match done.await {
            Ok(Ok(done)) => done.map_err(|error| StoreFault(explain(&error))),
            Ok(Err(_)) => Err(StoreFault("the operation was cancelled".to_owned())),
            Err(_) => Err(StoreFault(format!("the disk did not answer within {} s", STORE_WORK_TIMEOUT.as_secs()))),
        }
    }
}

/// Whether `value` may be written; makes room by removing expired and evictable entries.
fn has_room(
    file: &Connection,
    bounds: &StoreBounds,
    now: Duration,
    kind: EntryKind,
    key: &str,
    value: &[u8],
) -> rusqlite::Result<bool> {
    let bound = bounds.of(kind);
    let fits = || -> rusqlite::Result<bool> {
        let (before, entries, bytes): (i64, i64, i64) =
            file.query_row(USAGE, params![kind.name(), key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let (more_entries, less_bytes) = if before < 0 { (1, -count(key.len())) } else { (0, before) };
        let bytes = bytes.saturating_sub(less_bytes).saturating_add(count(value.len()));
        Ok(entries.saturating_add(more_entries) <= count(bound.entries) && bytes <= count(bound.bytes))
    };
    if fits()? || (sweep_some(file, now, kind)? > 0 && fits()?) {
        return Ok(true);
    }
    while waiting::evict(file, kind)? {
        if fits()? {
            return Ok(true);
        }
    }
    let Some(soon) = evicts_within(kind) else { return Ok(false) };
    let last = millis(now.saturating_add(soon));
    while file.execute(EVICT, params![kind.name(), last, key, EVICT_ENTRIES])? > 0 {
        if fits()? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn sweep_some(file: &Connection, now: Duration, kind: EntryKind) -> rusqlite::Result<usize> {
    file.execute(SWEEP, params![kind.name(), millis(now), count(STORE_SWEEP_ENTRIES)])
}

/// Creates the file if it does not exist, with mode 0600 from the start, and returns its absolute
/// path: SQLite gives names such as `:memory:` and `file:…` a special meaning.
fn prepare(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "names no file"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder)
        .map_err(|error| io::Error::new(error.kind(), format!("its folder cannot be used: {error}")))?;
    let place = folder.join(name);
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&place) {
        Ok(made) => {
            made.sync_all()?;
            // Without this, a crash of the machine could lose the file's directory entry.
            fs::File::open(&folder)?.sync_all()?;
            Ok(place)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // Inspected without opening: closing a file that SQLite has open in this process would
            // release SQLite's locks.
            let found = fs::symlink_metadata(&place)?;
            if !found.is_file() {
                return Err(io::Error::new(ErrorKind::InvalidInput, "is not a file: a folder, link or device"));
            }
            if found.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(&place, Permissions::from_mode(0o600)).map_err(|error| {
                    io::Error::new(
                        error.kind(),
                        format!("other users may read it, and its mode cannot be changed: {error}"),
                    )
                })?;
            }
            Ok(place)
        }
        Err(error) => Err(error),
    }
}

fn connect(place: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let file = Connection::open_with_flags(place, flags)?;
    file.busy_timeout(STORE_BUSY_TIMEOUT)?;
    // Before the first read, so that the lock is never released and no memory is shared.
    file.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    file.pragma_update(None, "journal_mode", "WAL")?;
    file.pragma_update(None, "synchronous", "FULL")?;
    file.pragma_update(None, "trusted_schema", false)?;
    file.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
    Ok(file)
}

/// What a file contains.
enum Found {
    Nothing,
    Ours,
    Foreign,
    Newer(i32),
    Broken(String),
}

fn identify(file: &Connection) -> rusqlite::Result<Found> {
    let whole: String = file.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if whole != "ok" {
        return Ok(Found::Broken(whole));
    }
    let objects: i64 = file.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application: i32 = file.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i32 = file.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(match (application, version) {
        (0, 0) if objects == 0 => Found::Nothing,
        (APPLICATION, VERSION) => Found::Ours,
        (APPLICATION, newer) if newer > VERSION => Found::Newer(newer),
        _ => Found::Foreign,
    })
}

fn create_schema(file: &Connection) -> rusqlite::Result<()> {
    file.execute_batch(&format!(
        "BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT"
    ))
}

fn explain(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process has it open; a file store serves one process, Redis serves several".to_owned()
        }
        Some(ErrorCode::NotADatabase) => "is not a database of this program".to_owned(),
        Some(ErrorCode::DatabaseCorrupt) => format!("is damaged; restore it or move it away: {error}"),
        _ => error.to_string(),
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn count(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

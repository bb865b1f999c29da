//! Counts what each key has sealed in a file, for `portcullis check`. It reads only.

use std::{collections::BTreeMap, path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::{APPLICATION, EntryKind, StoreFault, explain, millis};
use crate::decide::authorization_server::stored_value::{self, SealKeyId};

const VALUES: &str = "SELECT value FROM entry WHERE kind = ?1 AND until > ?2";
/// A read must not hold up a gateway that is just starting.
const WAIT: Duration = Duration::from_millis(100);

/// What a file contains.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SealCensus {
    /// How many entries each key has sealed.
    pub(crate) entries: BTreeMap<SealKeyId, usize>,
    /// Entries of a version that did not seal them.
    pub(crate) unsealed: usize,
    /// The signing keys, sealed.
    pub(crate) ring: Option<Vec<u8>>,
}

/// Why there is no census.
#[derive(Debug)]
pub(crate) enum NoCensus {
    /// There is no such file, or nothing in it.
    Empty,
    /// A running gateway has the file open.
    InUse,
    /// It cannot be read.
    Failed(StoreFault),
}

/// Counts the entries of the file at `path` that have not expired.
pub(crate) fn census(path: &Path, now: Duration) -> Result<SealCensus, NoCensus> {
    if std::fs::metadata(path).map_or(true, |found| found.len() == 0) {
        return Err(NoCensus::Empty);
    }
    read(path, now).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => NoCensus::InUse,
        _ => NoCensus::Failed(StoreFault(explain(&error))),
    })
}

fn read(path: &Path, now: Duration) -> rusqlite::Result<SealCensus> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    // SQLite gives names such as `:memory:` a special meaning.
    let file = Connection::open_with_flags(std::path::absolute(path).unwrap_or_else(|_| path.into()), flags)?;
    file.busy_timeout(WAIT)?;
    let application: i32 = file.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if application != APPLICATION {
        return Ok(SealCensus::default());
    }
    let mut census = SealCensus::default();
    let now = millis(now);
    for kind in EntryKind::ALL.into_iter().filter(|kind| kind.is_sealed()) {
        let mut statement = file.prepare(VALUES)?;
        let mut rows = statement.query(params![kind.name(), now])?;
        while let Some(row) = rows.next()? {
            let value: Vec<u8> = row.get(0)?;
            match stored_value::split(&value).seal {
                Some((key, _)) => *census.entries.entry(key).or_default() += 1,
                None => census.unsealed += 1,
            }
        }
    }
    census.ring = file.query_row(VALUES, params![EntryKind::Keys.name(), now], |row| row.get(0)).optional()?;
    Ok(census)
}

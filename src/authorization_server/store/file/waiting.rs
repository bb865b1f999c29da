//! Entries of the file that wait for their first use, in groups: which of them is evicted first.
//!
//! These tables and triggers were added without a new version of the file: an earlier release
//! ignores the tables, and its writes run the triggers.

use rusqlite::{Connection, params};

use crate::authorization_server::store::kind::EntryKind;

/// An entry leaves its group when it is deleted, or gets another expiry.
const TABLES: &str = "
CREATE TABLE waiting (
  kind TEXT NOT NULL, key TEXT NOT NULL, grp TEXT NOT NULL, until INTEGER NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT;
CREATE INDEX waiting_by_group ON waiting (kind, grp, until);
CREATE TABLE waiting_group (
  kind TEXT NOT NULL, grp TEXT NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (kind, grp)
) STRICT;
CREATE INDEX waiting_group_by_bytes ON waiting_group (kind, bytes);
CREATE TRIGGER waiting_comes AFTER INSERT ON waiting BEGIN
  INSERT INTO waiting_group VALUES (new.kind, new.grp, new.bytes)
    ON CONFLICT (kind, grp) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER waiting_goes AFTER DELETE ON waiting BEGIN
  UPDATE waiting_group SET bytes = bytes - old.bytes WHERE kind = old.kind AND grp = old.grp;
  DELETE FROM waiting_group WHERE kind = old.kind AND grp = old.grp AND bytes <= 0;
END;
CREATE TRIGGER entry_waits_no_more AFTER DELETE ON entry BEGIN
  DELETE FROM waiting WHERE kind = old.kind AND key = old.key;
END;
CREATE TRIGGER entry_is_used AFTER UPDATE OF until ON entry WHEN new.until <> old.until BEGIN
  DELETE FROM waiting WHERE kind = new.kind AND key = new.key;
END;
";
/// Registrations of an earlier release that no user has allowed anything become one group.
const ADOPT: &str = "INSERT INTO waiting
  SELECT kind, key, '', until, octet_length(key) + length(value) FROM entry WHERE kind = ?1 AND until <= ?2";
const WAITS: &str = "INSERT INTO waiting (kind, key, grp, until, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
  ON CONFLICT (kind, key) DO NOTHING";
/// The oldest entry of the group with the most bytes.
const EVICT: &str = "DELETE FROM entry WHERE kind = ?1 AND key = (
  SELECT key FROM waiting WHERE kind = ?1 AND grp = (
    SELECT grp FROM waiting_group WHERE kind = ?1 ORDER BY bytes DESC LIMIT 1
  ) ORDER BY until LIMIT 1)";

/// Creates the tables if the file is of an earlier release. Registrations that expire until `soon`
/// wait.
pub(super) fn prepare(file: &Connection, soon: i64) -> rusqlite::Result<()> {
    let tables: i64 =
        file.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'waiting'", [], |row| row.get(0))?;
    if tables > 0 {
        return Ok(());
    }
    let work = file.unchecked_transaction()?;
    work.execute_batch(TABLES)?;
    work.execute(ADOPT, params![EntryKind::Client.name(), soon])?;
    work.commit()
}

/// Puts an entry into a group.
pub(super) fn enter(
    file: &Connection,
    kind: EntryKind,
    key: &str,
    group: &str,
    until: i64,
    bytes: i64,
) -> rusqlite::Result<()> {
    file.execute(WAITS, params![kind.name(), key, group, until, bytes]).map(drop)
}

/// Evicts one entry; returns whether there was one.
pub(super) fn evict(file: &Connection, kind: EntryKind) -> rusqlite::Result<bool> {
    file.execute(EVICT, params![kind.name()]).map(|rows| rows > 0)
}

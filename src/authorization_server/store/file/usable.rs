//! Tells whether a start could use the file of a store, without making or changing it.

use std::{fs, io::ErrorKind, path::Path};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{Access, access};

use super::{Found, VERSION, explain, identify};

/// Checks the file at `path`, or the folder in which a start would make it.
///
/// # Errors
/// Why a start would fail, in words that `open` of the store would use.
pub(crate) fn usable(path: &Path) -> Result<(), String> {
    let wrong = |what: String| Err(format!("{}: {what}", path.display()));
    let Some(name) = path.file_name() else { return wrong("names no file".to_owned()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = match fs::canonicalize(folder) {
        Ok(folder) if folder.is_dir() => folder,
        Ok(_) => return wrong("its folder cannot be used: it is not a folder".to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return wrong(
                "its folder cannot be used: it does not exist; make it for the user of the gateway".to_owned(),
            );
        }
        Err(error) => return wrong(format!("its folder cannot be used: {error}")),
    };
    // SQLite writes its journal beside the file.
    if let Err(error) = access(&folder, Access::WRITE_OK | Access::EXEC_OK) {
        return wrong(format!("its folder cannot be written to: {error}"));
    }
    let place = folder.join(name);
    match fs::symlink_metadata(&place) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return wrong(error.to_string()),
        Ok(found) if !found.is_file() => return wrong("is not a file: a folder, link or device".to_owned()),
        Ok(_) => {}
    }
    if let Err(error) = access(&place, Access::READ_OK | Access::WRITE_OK) {
        return wrong(format!("cannot be read and written: {error}"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    match Connection::open_with_flags(&place, flags).and_then(|file| identify(&file)) {
        Ok(Found::Nothing | Found::Ours) => Ok(()),
        Ok(Found::Foreign) => wrong("is the database of another program".to_owned()),
        Ok(Found::Newer(version)) => wrong(format!(
            "was written by a newer version of this program (schema {version}; this version reads {VERSION})"
        )),
        Ok(Found::Broken(how)) => wrong(format!("is damaged; restore it or move it away: {how}")),
        // A running gateway has it open. This check is often made beside one.
        Err(error)
            if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) =>
        {
            Ok(())
        }
        Err(error) => wrong(explain(&error)),
    }
}

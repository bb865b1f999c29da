//! Reads a file that the configuration names, within a bound.

use std::path::Path;

use zeroize::Zeroizing;

use crate::{
    base::limits::operating::SECRET_FILE_BYTES_MAX,
    config::{reader::Field, secret},
};

/// The bytes of a small file that the configuration names.
pub(super) fn file_bytes(field: &Field<'_>, path: &Path) -> Option<Zeroizing<Vec<u8>>> {
    file_bytes_up_to(SECRET_FILE_BYTES_MAX, field, path)
}

/// The bytes of a file of at most `most` bytes.
pub(super) fn file_bytes_up_to(most: u64, field: &Field<'_>, path: &Path) -> Option<Zeroizing<Vec<u8>>> {
    field.reading.looks_into(path);
    match secret::bounded(path, most) {
        Ok(bytes) => Some(bytes),
        Err(cause) => secret::unreadable(field, "", &path.display().to_string(), &cause),
    }
}

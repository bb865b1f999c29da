//! Notices that an open file was deleted or replaced: its path leads elsewhere.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use tokio::task::spawn_blocking;

use super::fault::StoreFault;

/// Which file was opened: its path, device and inode.
pub(super) struct OpenedFile {
    path: PathBuf,
    id: (u64, u64),
}

impl OpenedFile {
    /// The file that is open at this path.
    pub(super) fn of(path: PathBuf) -> io::Result<Self> {
        let id = id(&path)?;
        Ok(Self { path, id })
    }

    /// What happened to the file, if its path no longer leads to it.
    pub(super) async fn displaced(&self) -> Result<Option<String>, StoreFault> {
        let (path, opened) = (self.path.clone(), self.id);
        let shown = path.display().to_string();
        // The disk may hang.
        match spawn_blocking(move || id(&path)).await {
            Ok(Ok(found)) if found == opened => Ok(None),
            Ok(Ok(_)) => Ok(Some(format!("{shown} was replaced by another file while this process had it open"))),
            Ok(Err(cause)) if cause.kind() == io::ErrorKind::NotFound => {
                Ok(Some(format!("{shown} was deleted while this process had it open")))
            }
            Ok(Err(cause)) => Err(StoreFault(format!("{shown}: {cause}"))),
            Err(_) => Err(StoreFault("the operation was cancelled".to_owned())),
        }
    }
}

fn id(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

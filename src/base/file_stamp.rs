//! Recognises that a file has changed by its inode, length and time.

use std::os::unix::fs::MetadataExt;

/// The state of a file. Kubernetes swaps a symbolic link, which changes the inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// The inode.
    pub inode: u64,
    /// The length in bytes.
    pub bytes: u64,
    /// When it was modified, in seconds and nanoseconds.
    pub modified: (i64, i64),
}

impl FileStamp {
    /// The state in `metadata`.
    #[must_use]
    pub fn of(metadata: &impl MetadataExt) -> Self {
        Self { inode: metadata.ino(), bytes: metadata.size(), modified: (metadata.mtime(), metadata.mtime_nsec()) }
    }
}

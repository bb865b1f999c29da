//! Files of API keys and accounts that are missing or unreadable, and since when.
//!
//! An entry is withdrawn by a file that was read, even an empty one. A file that is away, because
//! it is replaced in two steps or its volume is mounted again, says nothing for a time.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{base::limits::operating::CONFIG_BYTES_MAX, config::secret};

/// The files that are away.
#[derive(Clone, Debug, PartialEq)]
pub struct FilesAway {
    list: Vec<FileAway>,
    /// For how long the entries of such a file stay in force.
    bound: Duration,
}

#[derive(Clone, Debug, PartialEq)]
struct FileAway {
    file: PathBuf,
    cause: String,
    since: Duration,
    /// Its entries have been withdrawn.
    is_over: bool,
}

/// What a file says about its entries.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// This text.
    Text(String),
    /// Nothing yet: it is away.
    Away,
    /// It has been away for too long: none of its entries counts.
    Lost,
}

impl FilesAway {
    /// No file is away.
    #[must_use]
    pub fn new(bound: Duration) -> Self {
        Self { list: Vec::new(), bound }
    }

    /// A configuration was read whole, with all its files.
    pub fn all_read(&mut self) {
        self.list.clear();
    }

    /// Reads the first of `files` that can be read: then none of them is away. Otherwise the last
    /// one is.
    pub(super) fn read<'f>(&mut self, files: impl IntoIterator<Item = &'f Path>, now: Duration) -> (Found, PathBuf) {
        let files: Vec<&Path> = files.into_iter().collect();
        let mut away = None;
        for &file in &files {
            match text(file) {
                Ok(text) => {
                    self.list.retain(|one| !files.contains(&&*one.file));
                    return (Found::Text(text), file.to_owned());
                }
                Err(cause) => away = Some((file, cause)),
            }
        }
        let Some((file, cause)) = away else { return (Found::Away, PathBuf::new()) };
        (self.missed(file, &cause, now), file.to_owned())
    }

    fn missed(&mut self, file: &Path, cause: &io::Error, now: Duration) -> Found {
        let bound = self.bound;
        let is_over = match self.list.iter_mut().find(|one| one.file == file) {
            Some(one) => {
                one.cause = cause.to_string();
                one.is_over = one.is_over || one.has_passed(bound, now);
                one.is_over
            }
            None => {
                let (file, cause) = (file.to_owned(), cause.to_string());
                self.list.push(FileAway { file, cause, since: now, is_over: false });
                false
            }
        };
        if is_over { Found::Lost } else { Found::Away }
    }

    /// Whether the configuration must be read again: the time of a file has passed, or it is back.
    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        self.list.iter().any(|one| (!one.is_over && one.has_passed(self.bound, now)) || text(&one.file).is_ok())
    }

    /// What the operator must know of each.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let secs = self.bound.as_secs();
        let told = |one: &FileAway| {
            let (file, cause) = (one.file.display(), &one.cause);
            match one.is_over {
                false => format!(
                    "{file} cannot be read ({cause}): its API keys or accounts stay in force until it has been away for {secs} s; put it back, or write an empty file to withdraw them at once"
                ),
                true => format!(
                    "{file} cannot be read ({cause}) and has been away for {secs} s: none of its API keys or accounts counts until it is back"
                ),
            }
        };
        self.list.iter().map(told).collect()
    }
}

impl FileAway {
    fn has_passed(&self, bound: Duration, now: Duration) -> bool {
        now.saturating_sub(self.since) >= bound
    }
}

fn text(file: &Path) -> io::Result<String> {
    let bytes = secret::bounded(file, CONFIG_BYTES_MAX)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

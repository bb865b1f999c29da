//! Decides when the files are read again, and which settings need a restart.

use std::{fs, path::PathBuf};

use crate::{
    authorization_server::settings::StoreSettings,
    base::file_stamp::FileStamp,
    config::{ListenSettings, ListenTls, Settings, file::Loaded, problem::Problems, source::ConfigSource},
};

/// The stamp of every file that the settings were read from; `None` if it cannot be read.
pub type Stamps = Vec<Option<FileStamp>>;

/// The stamps of `files` now.
#[must_use]
pub fn stamps(files: &[PathBuf]) -> Stamps {
    files.iter().map(|file| Some(FileStamp::of(&fs::metadata(file).ok()?))).collect()
}

/// A configuration that was read again.
pub struct ReadAgain {
    /// What it says.
    pub loaded: Result<Loaded, Problems>,
    /// The files that it depends on, and those of the configuration in force.
    pub files: Vec<PathBuf>,
    /// Their stamps, taken before they were read.
    pub stamps: Stamps,
}

/// Reads the configuration again; `known` are the files of the one in force. If it names another
/// file, it is read a second time, so that each stamp is older than what was read.
#[must_use]
pub fn read(config: &ConfigSource, known: &[PathBuf]) -> ReadAgain {
    let read = |files: Vec<PathBuf>| {
        let stamps = stamps(&files);
        ReadAgain { loaded: config.load(), files, stamps }
    };
    let mut first = read(known.to_vec());
    let named = match &first.loaded {
        Ok(loaded) => &loaded.settings.files,
        Err(problems) => problems.files(),
    };
    let is_new = |file: &&PathBuf| !known.contains(file);
    let more: Vec<PathBuf> = named.iter().filter(is_new).cloned().collect();
    if more.is_empty() {
        return first;
    }
    first.files.extend(more);
    read(first.files)
}

/// Notices changed files, once a change is complete.
#[derive(Debug)]
pub struct FileWatch {
    files: Vec<PathBuf>,
    read: Stamps,
    moving: Option<Stamps>,
}

impl FileWatch {
    /// `read` are the stamps with which the files were read.
    #[must_use]
    pub fn from(files: Vec<PathBuf>, read: Stamps) -> Self {
        Self { files, read, moving: None }
    }

    /// The files.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Whether a change was noticed that may not be complete.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        self.moving.is_some()
    }

    /// Whether the files have changed and did not change again since the last call: a half-written
    /// file must not cause a failed reload. True once for each change.
    pub fn has_changed(&mut self, seen: Stamps) -> bool {
        if seen == self.read {
            self.moving = None;
            return false;
        }
        if self.moving.as_ref() != Some(&seen) {
            self.moving = Some(seen);
            return false;
        }
        (self.read, self.moving) = (seen, None);
        true
    }
}

/// The changed sections that need a restart: sockets are bound and logs are open. The whole reload
/// is refused then, because half of a file is not the operator's configuration.
#[must_use]
pub fn needs_restart(now: &Settings, wanted: &Settings) -> Vec<String> {
    let sections = [
        ("listen", !same_sockets(&now.listen, &wanted.listen)),
        ("admin", now.admin != wanted.admin),
        ("session_keys", now.session_keys != wanted.session_keys),
        ("log", now.log != wanted.log),
    ];
    let changed = sections.into_iter().filter(|(_, differs)| *differs).map(|(section, _)| section.to_owned());
    // Only one store can open a file, and requests in progress still use the previous store.
    let held = wanted.embedded.iter().filter_map(|embedded| {
        let StoreSettings::File(_) = embedded.store else { return None };
        let holder = now.embedded.iter().find(|holder| holder.store == embedded.store)?;
        let continues = embedded.continues(holder);
        (!continues).then(|| format!("authorization_servers.{}.embedded, on the same store file", embedded.name))
    });
    changed.chain(held).map(|what| format!("{what}: changed, which needs a restart")).collect()
}

/// Whether the listeners of both differ at most in how their certificates are ordered, which needs
/// no other socket.
fn same_sockets(now: &[ListenSettings], wanted: &[ListenSettings]) -> bool {
    let is_same = |(now, wanted): (&ListenSettings, &ListenSettings)| match (&now.tls, &wanted.tls) {
        (Some(ListenTls::Acme(_)), Some(tls @ ListenTls::Acme(_))) => {
            ListenSettings { tls: Some(tls.clone()), ..now.clone() } == *wanted
        }
        _ => now == wanted,
    };
    now.len() == wanted.len() && now.iter().zip(wanted).all(is_same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(inode: u64) -> Stamps {
        vec![Some(FileStamp { inode, bytes: 1, modified: (0, 0) }), None]
    }

    #[test]
    fn a_change_counts_once_and_only_when_it_is_complete() {
        let mut watch = FileWatch::from(Vec::new(), state(1));
        for (seen, changed, why) in [
            (1, false, "nothing happened"),
            (2, false, "the change may be incomplete"),
            (3, false, "it was incomplete"),
            (3, true, "it is complete"),
            (3, false, "each change counts once, even if the file is bad"),
            (4, false, "the next change"),
            (3, false, "it was taken back"),
            (4, false, "it begins again"),
            (4, true, "it is complete"),
        ] {
            assert_eq!(watch.has_changed(state(seen)), changed, "{why}");
        }
    }

    #[test]
    fn a_swapped_link_a_longer_file_and_a_missing_one_show() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "one").unwrap();
        fs::write(path("b"), "one").unwrap();
        let link = path("link");
        std::os::unix::fs::symlink(path("a"), &link).unwrap();
        let files = [link.clone()];
        let before = stamps(&files);
        assert_eq!(stamps(&files), before);
        fs::remove_file(&link).unwrap();
        assert_eq!(stamps(&files), [None]);
        std::os::unix::fs::symlink(path("b"), &link).unwrap();
        let swapped = stamps(&files);
        assert_ne!(swapped, before);
        fs::write(path("b"), "longer").unwrap();
        assert_ne!(stamps(&files), swapped);
    }
}

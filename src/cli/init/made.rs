//! The files that `init` made so far: removed again, unless all of them are there.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Files that this run made. Dropping it removes them.
#[derive(Default)]
pub(super) struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a file, which must not exist.
    pub(super) fn write(&mut self, path: &Path, text: &str, mode: u32) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        self.note(path.to_owned());
        file.write_all(text.as_bytes())
    }

    /// Notes a file that was made elsewhere.
    pub(super) fn note(&mut self, path: PathBuf) {
        self.0.push(path);
    }

    /// All of them are there.
    pub(super) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn first_2_half_of_the_files_is_removed_and_a_file_that_was_there_stays() {
        let folder = tempdir().unwrap();
        let of = |name: &str| folder.path().join(name);
        fs::write(of("there"), "old").unwrap();
        let mut made = Made::default();
        made.write(&of("new"), "text", 0o600).unwrap();
        assert!(made.write(&of("there"), "text", 0o600).is_err());
        drop(made);
        assert!(!of("new").exists());
        assert_eq!(fs::read_to_string(of("there")).unwrap(), "old");

        let mut made = Made::default();
        made.write(&of("new"), "text", 0o600).unwrap();
        made.keep();
        assert_eq!(fs::read_to_string(of("new")).unwrap(), "text");
    }
}

//! Where a configuration is written: in a file, or in a text that came with the command.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::config::{
    file::{self, Loaded},
    problem::Problems,
};

/// A configuration that can be read, and read again.
#[derive(Clone, Debug)]
pub enum ConfigSource {
    /// A file.
    File(PathBuf),
    /// A text. A reload reads the same text again, and the files that it names.
    Text(Arc<GivenText>),
}

/// A configuration that is not in a file.
#[derive(Debug)]
pub struct GivenText {
    /// What problems call it.
    pub name: String,
    /// The YAML.
    pub text: String,
    /// The folder that relative paths are relative to.
    pub folder: PathBuf,
}

impl ConfigSource {
    /// The file at `path`.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self::File(path.to_owned())
    }

    /// Reads it.
    ///
    /// # Errors
    /// Every problem that it has.
    pub fn load(&self) -> Result<Loaded, Problems> {
        match self {
            Self::File(path) => file::load(path),
            Self::Text(of) => file::read(&of.text, &of.name, &of.folder),
        }
    }

    /// `told`, a sentence that begins with a key, with the name of the configuration before it.
    #[must_use]
    pub fn placed(&self, told: &str) -> String {
        format!("{self}: {told}")
    }
}

/// What problems call it.
impl fmt::Display for ConfigSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(out),
            Self::Text(of) => out.write_str(&of.name),
        }
    }
}

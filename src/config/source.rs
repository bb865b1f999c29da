//! Where a configuration is written: in a file, or in a text that came with the command.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::config::{
    demo_account::DemoAccount,
    environment::process_environment,
    file::{self, Loaded, Surroundings},
    flags::places::FlagPlaces,
    problem::{Problem, Problems},
};

/// A configuration that can be read, and read again.
#[derive(Clone, Debug)]
pub struct ConfigSource {
    text: SourceText,
    demo: Arc<DemoAccount>,
}

#[derive(Clone, Debug)]
enum SourceText {
    /// A file.
    File(PathBuf),
    /// A text. A reload reads the same text again, and the files that it names.
    Given(Arc<GivenText>),
}

/// A configuration that is not in a file.
#[derive(Clone, Debug)]
pub struct GivenText {
    /// What messages call it.
    pub name: String,
    /// The YAML.
    pub text: String,
    /// The folder that relative paths are relative to.
    pub folder: PathBuf,
    /// The flags that it was made from, which messages name in place of its lines.
    pub flags: Option<FlagPlaces>,
}

impl ConfigSource {
    /// The file at `path`.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self { text: SourceText::File(path.to_owned()), demo: Arc::default() }
    }

    /// A text.
    #[must_use]
    pub fn given(text: GivenText) -> Self {
        Self { text: SourceText::Given(Arc::new(text)), demo: Arc::default() }
    }

    /// Reads it.
    ///
    /// # Errors
    /// Every problem that it has.
    pub fn load(&self) -> Result<Loaded, Problems> {
        let of = match &self.text {
            SourceText::File(path) => return file::load_for(path, &self.demo),
            SourceText::Given(of) => of,
        };
        let around = Surroundings { folder: &of.folder, lookup: &process_environment, demo: &self.demo };
        let read = file::read_around(&of.text, &of.name, &around);
        let Some(flags) = &of.flags else { return read };
        let placed = |problem: Problem| if problem.file == of.name { flags.placed(problem) } else { problem };
        match read {
            Ok(loaded) => Ok(Loaded { warnings: loaded.warnings.into_iter().map(placed).collect(), ..loaded }),
            Err(problems) => Err(problems.map(placed)),
        }
    }

    /// The demo account, which [`Self::load`] makes if the configuration asks for it.
    #[must_use]
    pub fn demo(&self) -> &DemoAccount {
        &self.demo
    }

    /// `told`, a sentence that begins with a key, with the name of the configuration before it; for
    /// a configuration from flags, with the flag in place of the key.
    #[must_use]
    pub fn placed(&self, told: &str) -> String {
        match &self.text {
            SourceText::Given(of) if let Some(flags) = &of.flags => {
                flags.placed_sentence(told).unwrap_or_else(|| format!("{self}: {told}"))
            }
            SourceText::Given(_) | SourceText::File(_) => format!("{self}: {told}"),
        }
    }
}

/// What messages call it.
impl fmt::Display for ConfigSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            SourceText::File(path) => path.display().fmt(out),
            SourceText::Given(of) => out.write_str(&of.name),
        }
    }
}

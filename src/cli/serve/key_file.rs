//! The key file of `serve`: a start makes it once, and a printed configuration says how to make it.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::{
    authorization_server::keys::random,
    cli::{serve::meant::key_beside, terminal::word},
    config::{
        file::Loaded,
        flags::{Flags, StoreFlag, TokenFlags, places::FlagValue},
        problem::Problems,
        source::ConfigSource,
    },
};

/// A key that was made, and what to tell about it.
#[derive(Debug)]
pub struct MadeKey {
    pub path: PathBuf,
    pub told: String,
}

/// Makes the file of the session key that seals a store, if the flags name none and it is missing.
/// Without the accounts nothing is served, so nothing is made.
///
/// # Errors
/// Why it cannot be made, and what to do.
pub fn make_key(flags: &Flags, folder: &Path) -> Result<Option<MadeKey>, String> {
    match (&flags.tokens, MissingKey::of(flags, folder)) {
        (TokenFlags::Accounts { file, .. }, Some(missing)) if folder.join(&file.text).exists() => {
            missing.make().map(Some)
        }
        _ => Ok(None),
    }
}

/// The key file that the flags stand for by default, which is not there.
#[derive(Debug)]
pub(super) struct MissingKey<'f> {
    store: &'f FlagValue,
    /// What messages call the flag of the key.
    by: &'f str,
    name: String,
    path: PathBuf,
    /// Whether the store is there, which was sealed with that key.
    is_lost: bool,
}

impl<'f> MissingKey<'f> {
    /// `None` if the flags name another key, or none is needed, or it is there.
    pub(super) fn of(flags: &'f Flags, folder: &Path) -> Option<Self> {
        let TokenFlags::Accounts { store: StoreFlag::File(store), .. } = &flags.tokens else { return None };
        let name = key_beside(&store.text);
        let [only] = &*flags.session_keys else { return None };
        let path = folder.join(&name);
        if only.text != format!("file:{name}") || path.exists() {
            return None;
        }
        let database = folder.join(&store.text);
        let is_lost = database.metadata().is_ok_and(|of| of.len() > 0);
        Some(Self { store, by: &only.by, name, path, is_lost })
    }

    /// What to do about it before a start with a file.
    pub(super) fn how_to_make(&self) -> String {
        format!(
            "{}: {} is not there yet. `portcullis serve` makes it at its first start; for `portcullis run`, make it once: \
             (umask 077; openssl rand -hex 32 > {})",
            self.by,
            self.name,
            word(&self.path.display().to_string())
        )
    }

    /// Why no other key may be made.
    pub(super) fn lost(&self) -> Option<String> {
        self.is_lost.then(|| {
            format!(
                "{}: {} is there, and its key {} is not: put the key back; or, to start without these logins, move {} away",
                self.store.by, self.store.text, self.name, self.store.text
            )
        })
    }

    /// `problems` without that of this key.
    fn beside(&self, problems: &Problems) -> Option<Problems> {
        let others: Vec<_> = problems.list().iter().filter(|problem| problem.file != self.by).cloned().collect();
        if others.is_empty() { None } else { Some(Problems::new(others)) }
    }

    /// Makes it: a restart needs the same key.
    ///
    /// # Errors
    /// Why it cannot be made, and what to do.
    fn make(&self) -> Result<MadeKey, String> {
        if let Some(why) = self.lost() {
            return Err(why);
        }
        let failed = |cause: io::Error| {
            format!(
                "{}: {} cannot be made ({cause}): it would hold the key that seals {}. Name another store with --store, or a key \
                 with --session-key",
                self.store.by,
                self.path.display(),
                self.store.text
            )
        };
        let key = random::unguessable().map_err(str::to_owned)?;
        let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path).map_err(failed)?;
        made.write_all(key.as_bytes()).and_then(|()| made.write_all(b"\n")).map_err(failed)?;
        let told =
            format!("made {}: the key that seals the logins in {}; keep both", self.path.display(), self.store.text);
        Ok(MadeKey { path: self.path.clone(), told })
    }
}

/// Why a configuration from flags cannot be used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// It has problems.
    Problems(Problems),
    /// Its key file cannot be made.
    Key(String),
}

/// Reads `config`, which the flags stand for. If all else is right, makes the key file that is
/// missing, so a start that fails leaves none behind.
///
/// # Errors
/// [`Unusable`].
pub(super) fn load_with_key(
    config: &ConfigSource,
    missing: Option<&MissingKey<'_>>,
) -> Result<(Loaded, Option<MadeKey>), Unusable> {
    let problems = match config.load() {
        Ok(loaded) => return Ok((loaded, None)),
        Err(problems) => problems,
    };
    let Some(missing) = missing else { return Err(Unusable::Problems(problems)) };
    if let Some(others) = missing.beside(&problems) {
        return Err(Unusable::Problems(others));
    }
    let made = missing.make().map_err(Unusable::Key)?;
    config.load().map(|loaded| (loaded, Some(made))).map_err(Unusable::Problems)
}

/// The problems of `config` besides the key file that is missing.
pub(super) fn problems_beside(config: &ConfigSource, missing: Option<&MissingKey<'_>>) -> Option<Problems> {
    let problems = config.load().err()?;
    missing.map_or(Some(problems.clone()), |missing| missing.beside(&problems))
}

//! `portcullis serve`: the gateway from flags alone, or the configuration file that they stand for.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, parser::ValueSource};

use crate::{
    authorization_server::keys::random,
    cli::{
        run,
        serve::{arguments::Serve, welcome::welcome},
        terminal::{BAD_CONFIG, FAULT, complain, load, print},
    },
    config::{
        flags::{Flags, StoreFlag, TokenFlags},
        source::ConfigSource,
    },
};

pub(super) mod arguments;
pub(super) mod meant;
mod welcome;

/// How to make a file of accounts.
pub(super) const ACCOUNTS: &str =
    "Make it, for its owner alone (chmod 600), with a hash from `portcullis hash-password` in quotes:

accounts:
  - {name: ada, password: \"$argon2id$…\"}";

/// Serves with the flags; `matches` tell which of them came from variables.
pub(super) fn serve(arguments: &Serve, matches: Option<&ArgMatches>) -> u8 {
    let by_variable = |name: &str| matches.and_then(|of| of.value_source(name)) == Some(ValueSource::EnvVariable);
    let flags = match meant::meant(arguments, &by_variable) {
        Ok(flags) => flags,
        Err(sentences) => {
            for sentence in sentences {
                complain(&sentence);
            }
            complain("`portcullis serve --help` lists every flag and its variable.");
            return BAD_CONFIG;
        }
    };
    let folder = match env::current_dir() {
        Ok(folder) => folder,
        Err(cause) => {
            complain(&format!("the current folder cannot be found: {cause}"));
            return FAULT;
        }
    };
    if let TokenFlags::Accounts { file, .. } = &flags.tokens
        && !arguments.print_config
        && !folder.join(&file.text).exists()
    {
        complain(&format!("{}: {} does not exist. {ACCOUNTS}", file.by, file.text));
        return BAD_CONFIG;
    }
    match make_key(&flags, &folder) {
        Ok(key) => key.iter().for_each(|key| complain(&key.told)),
        Err(why) => {
            complain(&why);
            return FAULT;
        }
    }
    let text = flags.written(&folder);
    let yaml = arguments.print_config.then(|| text.text.clone());
    let config = ConfigSource::given(text);
    match yaml {
        Some(yaml) => {
            print(yaml.trim_end());
            // What is wrong with it shows beside it: files may be missing on this machine alone.
            load(&config).map_or_else(|code| code, |_| 0)
        }
        None => match load(&config) {
            Ok(loaded) => {
                let told = welcome(&flags, &loaded.settings);
                run::run_loaded(&config, loaded, &told)
            }
            Err(code) => code,
        },
    }
}

/// A key that was made, and what to tell about it.
#[derive(Debug)]
pub(super) struct MadeKey {
    pub path: PathBuf,
    pub told: String,
}

/// Makes the file of the session key that seals a store, if the flags name none and it is missing:
/// a restart, and the printed configuration, need the same key.
pub(super) fn make_key(flags: &Flags, folder: &Path) -> Result<Option<MadeKey>, String> {
    let TokenFlags::Accounts { file, store: StoreFlag::File(store) } = &flags.tokens else { return Ok(None) };
    let name = meant::key_beside(&store.text);
    let is_default = matches!(&*flags.session_keys, [only] if only.text == format!("file:{name}"));
    let path = folder.join(&name);
    // With a wrong name of the accounts, nothing is served, so nothing is left behind.
    if !is_default || path.exists() || !folder.join(&file.text).exists() {
        return Ok(None);
    }
    if folder.join(&store.text).exists() {
        return Err(format!(
            "{}: {} is there, and its key {name} is not: put the key back; or, to start without these logins, move {} away",
            store.by, store.text, store.text
        ));
    }
    let failed = |cause: io::Error| {
        format!(
            "{}: {} cannot be made ({cause}): it would hold the key that seals {}. Name another store with --store, or a key \
             with --session-key",
            store.by,
            path.display(),
            store.text
        )
    };
    let key = random::unguessable().map_err(str::to_owned)?;
    let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    made.write_all(key.as_bytes()).and_then(|()| made.write_all(b"\n")).map_err(failed)?;
    let told = format!("made {}: the key that seals the logins in {}; keep both", path.display(), store.text);
    Ok(Some(MadeKey { path, told }))
}

#[cfg(test)]
mod tests;

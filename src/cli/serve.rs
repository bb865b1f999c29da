//! `portcullis serve`: the gateway from flags alone, or the configuration file that they stand for.

use std::{env, path::Path};

use clap::{ArgMatches, parser::ValueSource};

pub(super) use self::key_file::make_key;
use crate::{
    cli::{
        run::{self, Beginning},
        serve::{
            arguments::Serve,
            key_file::{MissingKey, Unusable, load_with_key, problems_beside},
            welcome::welcome,
        },
        terminal::{BAD_CONFIG, FAULT, complain, print},
    },
    config::{
        flags::{Flags, TokenFlags},
        source::ConfigSource,
    },
};

pub(super) mod arguments;
mod key_file;
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
    let text = flags.written(&folder);
    let missing = MissingKey::of(&flags, &folder);
    if arguments.print_config {
        print(text.text.trim_end());
        return ready_to_read(&ConfigSource::given(text), missing.as_ref());
    }
    let config = ConfigSource::given(text);
    match load_with_key(&config, missing.as_ref()) {
        Ok((loaded, made)) => {
            let mut told = welcome(&flags, &loaded.settings);
            if let Some(made) = made {
                match loaded.settings.log.json {
                    true => told.push(("key", made.told)),
                    false => complain(&made.told),
                }
            }
            run::run_loaded(&config, loaded, &Beginning { told, ..Beginning::default() })
        }
        Err(unusable) => tell(&unusable),
    }
}

/// Tells why a configuration cannot be used. Returns the exit code.
fn tell(unusable: &Unusable) -> u8 {
    match unusable {
        Unusable::Problems(problems) => {
            complain(&problems.to_string());
            BAD_CONFIG
        }
        Unusable::Key(why) => {
            complain(why);
            FAULT
        }
    }
}

/// Makes the key file that the printed configuration needs, as a start without a file would, so
/// that `check` and `run` take it. Tells what is wrong: files may be missing on this machine alone.
fn ready_to_read(config: &ConfigSource, missing: Option<&MissingKey<'_>>) -> u8 {
    match load_with_key(config, missing) {
        Ok((_, made)) => {
            made.iter().for_each(|made| complain(&made.told));
            0
        }
        Err(unusable) => {
            let code = tell(&unusable);
            match missing.filter(|missing| matches!(unusable, Unusable::Key(_)) && missing.lost().is_none()) {
                Some(missing) => {
                    complain(&missing.how_to_make());
                    0
                }
                None => code,
            }
        }
    }
}

/// Tells what is wrong with a configuration that was printed: files may be missing on this machine
/// alone. Nothing is written.
pub(super) fn judged(flags: &Flags, folder: &Path) -> u8 {
    let missing = MissingKey::of(flags, folder);
    let lost = missing.as_ref().and_then(MissingKey::lost);
    if let Some(missing) = &missing {
        complain(&lost.clone().unwrap_or_else(|| missing.how_to_make()));
    }
    match problems_beside(&ConfigSource::given(flags.written(folder)), missing.as_ref()) {
        Some(problems) => {
            complain(&problems.to_string());
            BAD_CONFIG
        }
        None if lost.is_some() => FAULT,
        None => 0,
    }
}

#[cfg(test)]
mod tests;

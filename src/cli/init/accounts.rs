//! Asks for the first account of the embedded authorization server, and writes it to a file.

use std::{
    io::{self, Write},
    path::Path,
};

use serde_json::Value;

use crate::{
    authorization_server::person::accounts::hash_password,
    cli::{
        hash_password::{DIFFERENT, ask as ask_password},
        init::{made::Made, questions::Questions},
        serve::ACCOUNTS,
    },
};

/// The file, beside the configuration.
const FILE: &str = "accounts.yaml";

/// Where the accounts are, and whether they may be made.
pub(super) struct AccountsPlace<'a> {
    pub folder: &'a Path,
    pub is_made: bool,
}

/// A file of accounts that is to be made.
pub(super) struct NewAccounts {
    file: String,
    text: String,
}

/// Asks for the first user, unless there are accounts already. Returns the file's name, as a flag
/// would name it, and the accounts, if they are new.
pub(super) fn ask<R: FnMut(&mut String) -> io::Result<usize>, O: Write>(
    person: &mut Questions<R, O>,
    place: &AccountsPlace<'_>,
) -> Result<(String, Option<NewAccounts>), String> {
    let path = place.folder.join(FILE);
    let file = path.to_str().ok_or("the folder of --out has a name that is not UTF-8")?.to_owned();
    if path.exists() {
        person.say(&format!("  users log in with the accounts of {file}"));
        return Ok((file, None));
    }
    if !place.is_made {
        person.say(&format!("  users log in with the accounts of {file}, which does not exist yet. {ACCOUNTS}"));
        return Ok((file, None));
    }
    let judge = |answer: Option<&str>| match answer {
        Some(name) if !name.chars().any(char::is_control) => Ok(()),
        _ => Err("expected a name, such as ada".to_owned()),
    };
    let name = person.ask_until("Name of the first user:", judge)?.unwrap_or_default();
    let hash = loop {
        match ask_password() {
            Ok(password) => match hash_password(&password) {
                Ok(hash) => break hash,
                Err(why) => person.say(&format!("  {why}")),
            },
            Err(why) if why == DIFFERENT => person.say(&format!("  {why}")),
            Err(why) => {
                return Err(format!(
                    "{why}; nothing was written. Make a file of accounts with a hash from `portcullis hash-password`, and give \
                     it with --accounts"
                ));
            }
        }
    };
    let text = format!("accounts:\n  - {{name: {}, password: {}}}\n", Value::from(name), Value::from(hash));
    Ok((file.clone(), Some(NewAccounts { file, text })))
}

impl NewAccounts {
    /// Writes the file, for its owner alone.
    pub(super) fn write(&self, made: &mut Made) -> io::Result<()> {
        made.write(Path::new(&self.file), &self.text, 0o600)
    }

    /// What to tell when it is there.
    pub(super) fn told(&self) -> String {
        format!("{}: written; `portcullis hash-password` hashes passwords of more users", self.file)
    }

    /// The name of the file.
    pub(super) fn file(&self) -> &str {
        &self.file
    }
}

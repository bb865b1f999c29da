//! Makes the file of accounts, with one user, for the embedded authorization server.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde_json::Value;

use crate::{
    authorization_server::person::accounts::hash_password,
    cli::{
        hash_password::{DIFFERENT, ask as ask_password},
        init::questions::Questions,
    },
};

/// The file, beside the configuration.
const FILE: &str = "accounts.yaml";

/// Asks for the first user, unless there are accounts already. Returns the file's name.
pub(super) fn ask<R: FnMut(&mut String) -> io::Result<usize>, O: Write>(
    person: &mut Questions<R, O>,
    folder: &Path,
) -> Result<String, String> {
    let path = folder.join(FILE);
    if path.exists() {
        person.say(&format!("  users log in with the accounts of {}", path.display()));
        return Ok(FILE.to_owned());
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
    let failed = |cause: io::Error| format!("{} cannot be written: {cause}", path.display());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    let text = format!("accounts:\n  - {{name: {}, password: {}}}\n", Value::from(name), Value::from(hash));
    file.write_all(text.as_bytes()).map_err(failed)?;
    person.say(&format!("  written to {}; `portcullis hash-password` hashes passwords of more users", path.display()));
    Ok(FILE.to_owned())
}

//! `portcullis key new`: makes an API key, and prints it once with the line for the file of keys.

use crate::{
    authorization_server::keys::random,
    base::{date, names::Scope},
    cli::{
        arguments::NewKey,
        terminal::{BAD_CONFIG, FAULT, complain, print},
    },
    decide::token::api_key,
};

/// Prints two lines to standard output: the key, and its entry. The words around them go to
/// standard error, so that a script reads only the two lines.
pub(super) fn new(arguments: &NewKey) -> u8 {
    if let Err(why) = check(arguments) {
        complain(&why);
        return BAD_CONFIG;
    }
    let key = match random::bytes() {
        Ok(bytes) => api_key::write(&bytes),
        Err(cause) => {
            complain(cause);
            return FAULT;
        }
    };
    complain("The key, which is shown only now. Clients send it as `Authorization: Bearer`:");
    print(&key);
    complain("Its entry for the list `keys` in the file that `keys: {file: …}` names:");
    print(&entry(arguments, &key));
    if arguments.servers.is_none() {
        complain("Write into `servers` which servers take the key: without one, `check` refuses the entry.");
    }
    0
}

fn check(arguments: &NewKey) -> Result<(), String> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_name = |text: &str| (1..=64).contains(&text.len()) && plain(text);
    if !is_name(&arguments.name) {
        return Err("--name: at most 64 letters, digits, dots, dashes and underscores".to_owned());
    }
    if let Some(bad) = words(arguments.servers.as_deref()).find(|name| !is_name(name)) {
        return Err(format!("--servers: {bad:?} is not the name of a server"));
    }
    if let Some(bad) = words(arguments.scopes.as_deref()).find(|scope| !Scope::is_valid(scope)) {
        return Err(format!("--scopes: {bad:?} is not a scope (RFC 6749 §3.3)"));
    }
    if let Some(bad) = arguments.not_after.as_deref().filter(|text| date::end_of(text).is_none()) {
        return Err(format!(
            "--not-after: {bad:?} is neither a day such as 2027-01-31 nor a time such as 2027-01-31T12:00:00Z"
        ));
    }
    Ok(())
}

fn words(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(|c: char| c.is_ascii_whitespace() || c == ',').filter(|word| !word.is_empty())
}

fn entry(arguments: &NewKey, key: &str) -> String {
    let list = |text: Option<&str>| words(text).map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
    let mut entry = format!("  - {{name: {:?}, sha256: \"{}\"", arguments.name, api_key::digest_text(key));
    entry.push_str(&format!(", servers: [{}]", list(arguments.servers.as_deref())));
    if arguments.scopes.is_some() {
        entry.push_str(&format!(", scopes: [{}]", list(arguments.scopes.as_deref())));
    }
    if let Some(end) = &arguments.not_after {
        entry.push_str(&format!(", not_after: {end}"));
    }
    entry.push('}');
    entry
}

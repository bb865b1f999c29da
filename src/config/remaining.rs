//! Which API keys and accounts stay in force while the configuration as a whole is refused.
//!
//! A removed key or account must stop working, whatever else is wrong (attack 316). So the keys and
//! accounts in force are compared with their files as far as these can be read; nothing is added or
//! widened.

use std::path::Path;

use self::written::{Entries, written};
use crate::{
    authorization_server::{
        person::accounts::{Account, Accounts},
        settings::{EmbeddedSettings, Login},
    },
    config::{Settings, accounts, api_keys, reader::Fields},
    decide::token::api_key::{ApiKeyEntry, hex_of},
};

mod written;

/// The settings in force, without what the refused configuration no longer has.
#[derive(Debug, PartialEq)]
pub struct Remaining {
    /// The settings that stay.
    pub settings: Settings,
    /// What is withdrawn, such as `API key ci`.
    pub gone: Vec<String>,
    /// What stays with fewer rights, or with another password.
    pub narrowed: Vec<String>,
}

/// Compares the settings in force with `wanted`, or with the files of keys and accounts where the
/// refused configuration could not be read.
#[must_use]
pub fn remaining(in_force: &Settings, wanted: Option<&Settings>) -> Remaining {
    let mut left = Remaining { settings: in_force.clone(), gone: Vec::new(), narrowed: Vec::new() };
    let kept = match (wanted, &in_force.provenance.api_keys) {
        (Some(wanted), _) => common(&in_force.api_keys, &wanted.api_keys),
        (None, Some(file)) => remaining_keys(&in_force.api_keys, file),
        (None, None) => in_force.api_keys.clone(),
    };
    for key in &in_force.api_keys {
        let now = kept.iter().find(|now| now.name == key.name);
        left.tell(|| format!("API key {}", key.name), now.map(|now| now == key));
    }
    left.settings.api_keys = kept;
    for (index, embedded) in in_force.embedded.iter().enumerate() {
        let Login::Accounts(before) = &embedded.login else { continue };
        let file = in_force.provenance.embedded.get(index).and_then(|kept| kept.accounts.as_deref());
        let Some(kept) = kept_accounts(before, embedded, file, wanted) else { continue };
        for account in &before.accounts {
            let now = kept.iter().find(|now| now.name == account.name);
            left.tell(|| format!("account {:?}", account.name), now.map(|now| now == account));
        }
        if let Some(embedded) = left.settings.embedded.get_mut(index) {
            embedded.login = Login::Accounts(Accounts { accounts: kept });
        }
    }
    left
}

impl Remaining {
    /// Notes one entry: `None` if it is withdrawn, otherwise whether it is unchanged.
    fn tell(&mut self, name: impl Fn() -> String, is_same: Option<bool>) {
        match is_same {
            None => self.gone.push(name()),
            Some(false) => self.narrowed.push(name()),
            Some(true) => {}
        }
    }
}

/// `None` if nothing says which accounts there should be.
fn kept_accounts(
    before: &Accounts,
    embedded: &EmbeddedSettings,
    file: Option<&Path>,
    wanted: Option<&Settings>,
) -> Option<Vec<Account>> {
    match wanted {
        Some(wanted) => {
            let same = wanted.embedded.iter().find(|one| one.name == embedded.name)?;
            let Login::Accounts(after) = &same.login else { return None };
            Some(common_accounts(&before.accounts, &after.accounts))
        }
        None => Some(remaining_accounts(&before.accounts, file?)),
    }
}

/// The keys in force that the file still has. A file that cannot be read has none.
fn remaining_keys(in_force: &[ApiKeyEntry], file: &Path) -> Vec<ApiKeyEntry> {
    let read = |text: &str| keys_in(in_force, text);
    written::read(file).as_deref().map(read).unwrap_or_default()
}

/// The accounts in force that the file still has. A file that cannot be read has none.
fn remaining_accounts(in_force: &[Account], file: &Path) -> Vec<Account> {
    let read = |text: &str| accounts_in(in_force, text);
    written::read(file).as_deref().map(read).unwrap_or_default()
}

/// Where the text is not YAML with a list of keys, those stay whose digest is in it.
fn keys_in(in_force: &[ApiKeyEntry], text: &str) -> Vec<ApiKeyEntry> {
    fn entry(fields: &mut Fields<'_>) -> Option<ApiKeyEntry> {
        api_keys::entry(fields, None).map(|(entry, _)| entry)
    }
    match written(text, ["keys file", "keys", "keys file[]"], entry) {
        Entries::Read(wanted) => common(in_force, &wanted),
        Entries::Words(words) => {
            let is_there =
                |key: &&ApiKeyEntry| words.iter().any(|word| word.eq_ignore_ascii_case(&hex_of(&key.sha256)));
            in_force.iter().filter(is_there).cloned().collect()
        }
    }
}

/// Where the text is not YAML with a list of accounts, those stay whose hash is in it.
fn accounts_in(in_force: &[Account], text: &str) -> Vec<Account> {
    fn entry(fields: &mut Fields<'_>) -> Option<Account> {
        accounts::account(fields).map(|(account, ..)| account)
    }
    match written(text, ["accounts file", "accounts", "accounts file[]"], entry) {
        Entries::Read(wanted) => common_accounts(in_force, &wanted),
        Entries::Words(words) => {
            let is_there = |account: &&Account| words.iter().any(|word| *word == *account.hash);
            in_force.iter().filter(is_there).cloned().collect()
        }
    }
}

/// The keys that are in both, each with the rights that both give it.
fn common(in_force: &[ApiKeyEntry], wanted: &[ApiKeyEntry]) -> Vec<ApiKeyEntry> {
    let narrowed = |key: &ApiKeyEntry| {
        let mut same = wanted.iter().filter(|other| key.sha256 == other.sha256 && key.name == other.name).peekable();
        same.peek()?;
        let common = same.fold(key.clone(), narrow);
        (!common.servers.is_empty()).then_some(common)
    };
    in_force.iter().filter_map(narrowed).collect()
}

/// `key` with only the rights that `other` also gives it.
fn narrow(mut key: ApiKeyEntry, other: &ApiKeyEntry) -> ApiKeyEntry {
    key.servers.retain(|server| other.servers.contains(server));
    key.scopes.retain(|scope| other.scopes.contains(scope));
    key.claims.retain(|name, value| other.claims.get(name) == Some(value));
    key.not_after = key.not_after.into_iter().chain(other.not_after).min();
    key
}

/// The accounts that are in both, each with the groups that both give it, and with the new
/// password: perhaps an attacker knows the old one.
fn common_accounts(in_force: &[Account], wanted: &[Account]) -> Vec<Account> {
    let narrowed = |account: &Account| {
        let is_same = |other: &&Account| other.name == account.name && other.subject == account.subject;
        let other = wanted.iter().find(is_same)?;
        let mut common = Account { hash: other.hash.clone(), ..account.clone() };
        common.groups.retain(|group| other.groups.contains(group));
        Some(common)
    };
    in_force.iter().filter_map(narrowed).collect()
}

#[cfg(test)]
mod tests;

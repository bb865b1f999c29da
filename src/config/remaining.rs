//! Which API keys and accounts stay in force while the configuration as a whole is refused.
//!
//! A removed key or account must stop working, whatever else is wrong (attack 316). So the keys and
//! accounts in force are compared with their files as far as these can be read; nothing is added or
//! widened.

use std::{path::Path, time::Duration};

use self::{
    away::{FilesAway, Found},
    written::{Entries, written},
};
use crate::{
    authorization_server::{
        person::accounts::{Account, Accounts},
        settings::{EmbeddedSettings, Login},
    },
    base::names::ServerName,
    config::{Settings, accounts, api_keys, problem::EntryFiles, reader::Fields},
    decide::token::api_key::{ApiKeyEntry, hex_of},
};

pub mod away;
mod written;

/// What the settings in force are compared with.
#[derive(Debug)]
pub enum RefusedConfig {
    /// A configuration that can be read, but not be taken.
    Settings(Box<Settings>),
    /// One that cannot be read. These are the files that it names.
    Files(EntryFiles),
}

/// The settings in force, without what the refused configuration no longer has.
#[derive(Debug, PartialEq)]
pub struct Remaining {
    /// The settings that stay.
    pub settings: Settings,
    /// What is withdrawn, such as `API key ci`.
    pub gone: Vec<String>,
    /// What stays with fewer rights, or with another password.
    pub narrowed: Vec<String>,
    /// Why.
    pub why: Vec<String>,
}

/// Compares the settings in force with `wanted`; `now` is the time for files that are away.
#[must_use]
pub fn remaining(in_force: &Settings, wanted: &RefusedConfig, away: &mut FilesAway, now: Duration) -> Remaining {
    let mut left = Remaining { settings: in_force.clone(), gone: Vec::new(), narrowed: Vec::new(), why: Vec::new() };
    left.keys(in_force, wanted, away, now);
    for (index, embedded) in in_force.embedded.iter().enumerate() {
        let Login::Accounts(before) = &embedded.login else { continue };
        let file = in_force.provenance.embedded.get(index).and_then(|kept| kept.accounts.as_deref());
        let Some((kept, why)) = kept_accounts(before, embedded, file, wanted, away, now) else { continue };
        let mut unsettled = before.unsettled.clone();
        let mut told = false;
        for account in &before.accounts {
            let after = kept.iter().find(|after| after.name == account.name);
            if left.tell(|| format!("account {:?}", account.name), after.map(|after| after == account)) {
                unsettled.push(account.name.clone());
                told = true;
            }
        }
        left.why.extend(told.then_some(why));
        if let Some(embedded) = left.settings.embedded.get_mut(index) {
            embedded.login = Login::Accounts(Accounts { accounts: kept, unsettled });
        }
    }
    left
}

/// Names of servers.
#[derive(Clone, Copy)]
struct NamesOfServers<'a> {
    in_force: &'a [&'a str],
    /// Those of the refused configuration; empty if they are not known.
    wanted: &'a [&'a str],
}

impl NamesOfServers<'_> {
    /// Whether the entry of a key that names `entry` may call `server` by another name: the refused
    /// configuration no longer has `server`, and the entry names one that is new there.
    fn may_have_renamed(self, server: &ServerName, entry: &[ServerName]) -> bool {
        let is_new = |name: &ServerName| self.has(name) && !self.in_force.contains(&name.as_str());
        !self.wanted.is_empty() && !self.has(server) && entry.iter().any(is_new)
    }

    fn has(self, name: &ServerName) -> bool {
        self.wanted.contains(&name.as_str())
    }
}

impl Remaining {
    fn keys(&mut self, in_force: &Settings, wanted: &RefusedConfig, away: &mut FilesAway, now: Duration) {
        let before = &*in_force.api_keys;
        let of_before: Vec<&str> = in_force.servers.iter().map(|server| server.name.as_str()).collect();
        let (kept, why) = match (wanted, &in_force.provenance.api_keys) {
            (RefusedConfig::Settings(wanted), _) => {
                let of_wanted: Vec<&str> = wanted.servers.iter().map(|server| server.name.as_str()).collect();
                let servers = NamesOfServers { in_force: &of_before, wanted: &of_wanted };
                (common(before, &wanted.api_keys, servers), REFUSED.to_owned())
            }
            (RefusedConfig::Files(_), None) => return,
            (RefusedConfig::Files(named), Some(file)) => {
                // The file may have moved.
                let (found, file) = away.read(named.api_keys.as_deref().into_iter().chain([&**file]), now);
                match found {
                    Found::Away => return,
                    Found::Lost => (Vec::new(), lost(&file)),
                    Found::Text(text) => {
                        let of_wanted: Vec<&str> = named.servers.iter().map(AsRef::as_ref).collect();
                        let servers = NamesOfServers { in_force: &of_before, wanted: &of_wanted };
                        (keys_in(before, &text, servers), not_in(&file))
                    }
                }
            }
        };
        let mut told = false;
        for key in before {
            let after = kept.iter().find(|after| after.name == key.name);
            told |= self.tell(|| format!("API key {}", key.name), after.map(|after| after == key));
        }
        self.why.extend(told.then_some(why));
        self.settings.api_keys = kept;
    }

    /// Notes one entry: `None` if it is withdrawn, otherwise whether it is unchanged. Returns
    /// whether anything changes.
    fn tell(&mut self, name: impl Fn() -> String, is_same: Option<bool>) -> bool {
        match is_same {
            None => self.gone.push(name()),
            Some(false) => self.narrowed.push(name()),
            Some(true) => return false,
        }
        true
    }
}

const REFUSED: &str = "the refused configuration no longer has them";

fn lost(file: &Path) -> String {
    format!("{} has been away for too long", file.display())
}

fn not_in(file: &Path) -> String {
    format!("{} no longer has their entries as they were, or the entries have mistakes", file.display())
}

/// The accounts that stay, and why others do not; `None` if nothing says which there should be.
fn kept_accounts(
    before: &Accounts,
    embedded: &EmbeddedSettings,
    file: Option<&Path>,
    wanted: &RefusedConfig,
    away: &mut FilesAway,
    now: Duration,
) -> Option<(Vec<Account>, String)> {
    match wanted {
        RefusedConfig::Settings(wanted) => {
            let same = wanted.embedded.iter().find(|one| one.name == embedded.name)?;
            let Login::Accounts(after) = &same.login else { return None };
            Some((common_accounts(&before.accounts, &after.accounts), REFUSED.to_owned()))
        }
        RefusedConfig::Files(named) => {
            let moved = named.accounts.iter().find(|(name, _)| **name == *embedded.name.as_str());
            let files = moved.map(|(_, file)| &**file).into_iter().chain([file?]);
            match away.read(files, now) {
                (Found::Away, _) => None,
                (Found::Lost, file) => Some((Vec::new(), lost(&file))),
                (Found::Text(text), file) => Some((accounts_in(&before.accounts, &text), not_in(&file))),
            }
        }
    }
}

/// Where the text is not YAML with a list of keys, those stay whose digest is in it.
fn keys_in(in_force: &[ApiKeyEntry], text: &str, servers: NamesOfServers<'_>) -> Vec<ApiKeyEntry> {
    fn entry(fields: &mut Fields<'_>) -> Option<ApiKeyEntry> {
        api_keys::entry(fields, None).map(|(entry, _)| entry)
    }
    match written(text, ["keys file", "keys", "keys file[]"], entry) {
        Entries::Read(wanted) => common(in_force, &wanted, servers),
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
fn common(in_force: &[ApiKeyEntry], wanted: &[ApiKeyEntry], servers: NamesOfServers<'_>) -> Vec<ApiKeyEntry> {
    let narrowed = |key: &ApiKeyEntry| {
        let mut same = wanted.iter().filter(|other| key.sha256 == other.sha256 && key.name == other.name).peekable();
        same.peek()?;
        let common = same.fold(key.clone(), |key, other| narrow(key, other, servers));
        (!common.servers.is_empty()).then_some(common)
    };
    in_force.iter().filter_map(narrowed).collect()
}

/// `key` with only the rights that `other` also gives it. It keeps a server that may have another
/// name now: the one of before is still in force.
fn narrow(mut key: ApiKeyEntry, other: &ApiKeyEntry, servers: NamesOfServers<'_>) -> ApiKeyEntry {
    let named = &*other.servers;
    key.servers.retain(|server| named.contains(server) || servers.may_have_renamed(server, named));
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

//! Who may get which scopes: `grants:` of the configuration, and what of a request is granted (SPEC E-16, E-45).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    base::{
        limits::{SCOPE_BYTES_MAX, SCOPES_MAX},
        names::Scope,
    },
    decide::policy::{evaluate::claim_fits, glob::Glob},
};

#[cfg(test)]
mod tests;

/// Somebody who has logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// `sub` of their tokens: stable, never given to anybody else.
    pub subject: Box<str>,
    /// What they are called on the consent page.
    pub name: Box<str>,
    /// The local account; `None` for who came by the company's IdP.
    pub account: Option<Box<str>>,
    /// Groups of the local account.
    pub groups: Vec<Box<str>>,
    /// Claims of the IdP's ID token; empty for a local account.
    pub claims: Map<String, Value>,
}

/// One entry of `grants:`. What it names, all must hold; without any of them it is for everybody who can log in.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantRule {
    /// Any of these accounts.
    pub accounts: Vec<Box<str>>,
    /// Any of these groups of a local account.
    pub groups: Vec<Box<str>>,
    /// Claims of the IdP, each of which must have (or hold, where it is a list) one of the values.
    pub claims: Vec<(Box<str>, Vec<Value>)>,
    /// Any of these pre-registered clients, for `client_credentials`: there is no person then.
    pub clients: Vec<Box<str>>,
    /// What may be granted.
    pub scopes: Vec<Glob>,
}

/// For whom.
#[derive(Clone, Copy, Debug)]
pub enum Grantee<'a> {
    /// Somebody who has logged in.
    Person(&'a Person),
    /// A client that acts for itself.
    Client(&'a str),
}

/// Which of `asked` may be granted, in their order, each once. Nothing that no rule names.
#[must_use]
pub fn allowed(rules: &[GrantRule], grantee: Grantee<'_>, asked: &[Scope]) -> Vec<Scope> {
    let rules: Vec<&GrantRule> = rules.iter().filter(|rule| rule.is_for(grantee)).collect();
    let names = |scope: &Scope| rules.iter().any(|rule| rule.scopes.iter().any(|glob| glob.matches(scope)));
    let mut allowed = Vec::new();
    for scope in asked.iter().filter(|scope| names(scope)) {
        if !allowed.contains(scope) {
            allowed.push(scope.clone());
        }
    }
    allowed
}

/// Whether somebody may have access without any scope, which is all there is where servers know none: some rule must be for them
/// (promise P3). Who can log in at the company's IdP may be everybody.
#[must_use]
pub fn is_named(rules: &[GrantRule], grantee: Grantee<'_>) -> bool {
    rules.iter().any(|rule| rule.is_for(grantee))
}

impl GrantRule {
    fn is_for(&self, grantee: Grantee<'_>) -> bool {
        match grantee {
            Grantee::Person(person) => self.clients.is_empty() && self.fits(person),
            // A rule that names people as well, or nobody, says nothing about a client on its own.
            Grantee::Client(id) => {
                let names_people = !(self.accounts.is_empty() && self.groups.is_empty() && self.claims.is_empty());
                !names_people && self.clients.iter().any(|client| **client == *id)
            }
        }
    }

    fn fits(&self, person: &Person) -> bool {
        let account = person.account.as_ref();
        let is_account = self.accounts.is_empty() || account.is_some_and(|account| self.accounts.contains(account));
        // Groups are ours to give: what the IdP calls a group is a claim (SPEC E-45).
        let is_member = self.groups.is_empty()
            || account.is_some() && self.groups.iter().any(|group| person.groups.contains(group));
        let claim_fits = |(name, values): &(Box<str>, Vec<Value>)| {
            person.claims.get(&**name).is_some_and(|claim| claim_fits(claim, values))
        };
        is_account && is_member && self.claims.iter().all(claim_fits)
    }
}

/// Reads `scope`: words between single spaces (RFC 6749 §3.3), each kept once. An empty text names none.
///
/// # Errors
/// What is wrong with it.
pub fn read_scope(text: &str) -> Result<Vec<Scope>, &'static str> {
    if text.len() > SCOPE_BYTES_MAX {
        return Err("scope is too long");
    }
    let mut scopes: Vec<Scope> = Vec::new();
    for word in text.split(' ').filter(|_| !text.is_empty()) {
        if !Scope::is_valid(word) {
            return Err("scope must be words of plain ASCII characters between single spaces");
        }
        if scopes.iter().any(|scope| scope.as_str() == word) {
            continue;
        }
        if scopes.len() == SCOPES_MAX {
            return Err("scope has too many words");
        }
        scopes.push(Scope::from(word));
    }
    Ok(scopes)
}

//! Decides which scopes a user or a client may get, by `grants:` (SPEC E-16, E-45).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    base::{
        limits::authorization_server::{SCOPE_BYTES_MAX, SCOPES_MAX},
        names::Scope,
    },
    decide::{
        json::pointer,
        policy::{
            claims::{self, ClaimValue},
            email::has_verified_email,
            glob::Glob,
        },
    },
};

#[cfg(test)]
mod tests;

/// A user who has logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// `sub` of their tokens: stable, and never given to another user.
    pub subject: Box<str>,
    /// Their name on the consent page.
    pub name: Box<str>,
    /// The local account; `None` for a user of the upstream IdP.
    pub account: Option<Box<str>>,
    /// Groups of the local account.
    pub groups: Vec<Box<str>>,
    /// Claims of the IdP's ID token; empty for a local account.
    pub claims: Map<String, Value>,
}

/// One entry of `grants:`. All its conditions must be met; without conditions it applies to every
/// user who can log in.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantRule {
    /// Any of these accounts.
    pub accounts: Vec<Box<str>>,
    /// Any of these groups of a local account.
    pub groups: Vec<Box<str>>,
    /// Claims of the IdP. Each must equal one of the values, or be a list with such a value.
    pub claims: Vec<(Box<str>, Vec<ClaimValue>)>,
    /// Whether an `email` counts of which the IdP does not say whether it is verified.
    pub trusts_email: bool,
    /// Any of these configured clients, for `client_credentials`, which has no user.
    pub clients: Vec<Box<str>>,
    /// Clients that registered themselves, for `client_credentials`.
    pub registered: Option<RegisteredBy>,
    /// The scopes that may be granted.
    pub scopes: Vec<Glob>,
}

/// Who registered a client, or which registered clients are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisteredBy {
    /// Those with the operator's initial access token.
    Token,
    /// Anyone: all clients.
    Anyone,
}

/// A user or a client.
#[derive(Clone, Copy, Debug)]
pub enum Grantee<'a> {
    /// A user who has logged in.
    Person(&'a Person),
    /// A configured client that acts for itself.
    Client(&'a str),
    /// A registered client that acts for itself, and whether it registered with the operator's
    /// initial access token.
    Registered {
        /// Whether it did.
        with_token: bool,
    },
}

/// The scopes of `asked` that a rule grants, in the same order, each once.
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

/// Whether a user or a client may get a token without scopes, for servers that name no scopes. A
/// rule must match them (promise P3): the upstream IdP may let any user log in.
///
/// A client that registered itself never may: its rule gives scopes to clients that the operator
/// does not know, and says nothing of servers that have none.
#[must_use]
pub fn is_named(rules: &[GrantRule], grantee: Grantee<'_>) -> bool {
    !matches!(grantee, Grantee::Registered { .. }) && rules.iter().any(|rule| rule.is_for(grantee))
}

/// The claims that the rules name.
pub fn named_claims(rules: &[GrantRule]) -> impl Iterator<Item = &str> {
    rules.iter().flat_map(|rule| rule.claims.iter().map(|(name, _)| &**name))
}

impl GrantRule {
    fn is_for(&self, grantee: Grantee<'_>) -> bool {
        match grantee {
            Grantee::Person(person) => self.clients.is_empty() && self.registered.is_none() && self.matches(person),
            // A rule that also names users, or names no client, grants nothing to a client itself.
            Grantee::Client(id) => {
                !self.names_people() && self.registered.is_none() && self.clients.iter().any(|client| **client == *id)
            }
            Grantee::Registered { with_token } => {
                let is_one = match self.registered {
                    None => false,
                    Some(RegisteredBy::Token) => with_token,
                    Some(RegisteredBy::Anyone) => true,
                };
                is_one && !self.names_people() && self.clients.is_empty()
            }
        }
    }

    fn names_people(&self) -> bool {
        !(self.accounts.is_empty() && self.groups.is_empty() && self.claims.is_empty())
    }

    fn matches(&self, person: &Person) -> bool {
        let account = person.account.as_ref();
        let is_account = self.accounts.is_empty() || account.is_some_and(|account| self.accounts.contains(account));
        // Groups belong to local accounts only: a group of the IdP is a claim (SPEC E-45).
        let is_member = self.groups.is_empty()
            || account.is_some() && self.groups.iter().any(|group| person.groups.contains(group));
        let has_claim = |(name, values): &(Box<str>, Vec<ClaimValue>)| {
            // Anyone can type another user's address at an IdP that does not verify it.
            (pointer::root(name) != "email" || has_verified_email(&person.claims, self.trusts_email))
                && pointer::find(&person.claims, name).is_some_and(|claim| claims::matches(claim, values))
        };
        is_account && is_member && self.claims.iter().all(has_claim)
    }
}

/// Reads `scope`: words between spaces (RFC 6749 §3.3), each kept once. Clients that join words
/// leave stray spaces, which mean nothing. An empty text has no scope.
///
/// # Errors
/// What is wrong with the text.
pub fn read_scope(text: &str) -> Result<Vec<Scope>, &'static str> {
    if text.len() > SCOPE_BYTES_MAX {
        return Err("scope is too long");
    }
    let mut scopes: Vec<Scope> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !Scope::is_valid(word) {
            return Err("scope must be words of plain ASCII characters between spaces");
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

//! Who may get which scopes: `grants:` of the configuration, and what of a request is granted (SPEC E-16, E-45).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{base::names::Scope, decide::policy::glob::Glob};

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
pub fn allowed(_rules: &[GrantRule], _grantee: Grantee<'_>, _asked: &[Scope]) -> Vec<Scope> {
    todo!()
}

/// Reads `scope`: words between single spaces (RFC 6749 §3.3).
///
/// # Errors
/// What is wrong with it.
pub fn read_scope(_text: &str) -> Result<Vec<Scope>, &'static str> {
    todo!()
}

/// Scopes as `scope` has them.
#[must_use]
pub fn join(_scopes: &[Scope]) -> String {
    todo!()
}

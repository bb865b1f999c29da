//! A server's rules as they are meant: compiled, in order, first match decides.

use serde_json::Value;

use crate::{base::names::Scope, decide::policy::glob::Glob};

/// All that one server's policy says.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What every request needs (`scopes:`).
    pub connect: Vec<Scope>,
    /// `access: authenticated` or `rules:`.
    pub access: Access,
    /// `scope_implies`: a broader scope, and the patterns of those it stands for.
    pub implies: Vec<(Scope, Vec<Glob>)>,
}

/// Exactly one of the two.
#[derive(Clone, Debug, PartialEq)]
pub enum Access {
    /// Any valid token may use everything.
    Authenticated,
    /// First match decides; no match refuses.
    Rules(Vec<Rule>),
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What it is about.
    pub subject: Subject,
    /// Scopes that are all needed.
    pub scopes: Vec<Scope>,
    /// Scopes of which one is needed, where there are any.
    pub any_scope: Vec<Scope>,
    /// Claims that must have one of these values; no scope makes up for them.
    pub claims: Vec<(Box<str>, Vec<Value>)>,
    /// Refuse whatever the scope.
    pub deny: bool,
    /// Log what would be refused, and let it pass.
    pub report_only: bool,
}

/// What a rule is about: exactly one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// Tool names.
    Tools(Vec<Glob>),
    /// Raw resource URIs.
    Resources(Vec<Glob>),
    /// Prompt names.
    Prompts(Vec<Glob>),
    /// Methods that touch no tool, resource or prompt.
    Methods(Vec<Glob>),
}

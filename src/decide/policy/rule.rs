//! The rules of a server, compiled and in order: the first match decides.

use crate::{
    base::names::Scope,
    decide::{
        policy::{claims::ClaimValue, glob::Glob, pattern::Pattern},
        refusal::Refusal,
    },
};

/// The policy of one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The scopes that every request needs (`scopes:`).
    pub connect: Vec<Scope>,
    /// `access: authenticated` or `rules:`.
    pub access: Access,
    /// `scope_implies`: a broader scope, and patterns of the scopes that it implies.
    pub implies: Vec<(Scope, Vec<Glob>)>,
}

impl Policy {
    /// Every scope that the policy names, each once: first those of `connect`, then those of the
    /// rules in order, then the scopes of `scope_implies`.
    #[must_use]
    pub fn scopes(&self) -> Vec<Scope> {
        let rules: &[Rule] = match &self.access {
            Access::Authenticated => &[],
            Access::Rules(rules) => rules,
        };
        let of_rules = rules.iter().flat_map(|rule| rule.scopes.iter().chain(&rule.any_scope));
        let broader = self.implies.iter().map(|(scope, _)| scope);
        let mut named: Vec<Scope> = Vec::new();
        for scope in self.connect.iter().chain(of_rules).chain(broader) {
            if !named.contains(scope) {
                named.push(scope.clone());
            }
        }
        named
    }
}

/// How a server decides about tools, resources, prompts and methods.
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
    /// What the rule is about.
    pub subject: Subject,
    /// Scopes that are all needed.
    pub scopes: Vec<Scope>,
    /// If not empty, one of these scopes is needed.
    pub any_scope: Vec<Scope>,
    /// Claims that must have one of these values; a scope cannot replace them.
    pub claims: Vec<(Box<str>, Vec<ClaimValue>)>,
    /// Refuse, with any scope.
    pub deny: bool,
    /// Log what the rule would refuse, and permit it.
    pub report_only: bool,
    /// Permit it to everyone, also without a token.
    pub public: bool,
}

impl Policy {
    /// The public rules, with their indexes. Only where there is one, a request without a token is
    /// read at all.
    pub fn public(&self) -> impl Iterator<Item = (usize, &Rule)> {
        let rules: &[Rule] = match &self.access {
            Access::Authenticated => &[],
            Access::Rules(rules) => rules,
        };
        rules.iter().enumerate().filter(|(_, rule)| rule.public)
    }
}

impl Rule {
    /// Whether the rule permits only some callers.
    #[must_use]
    pub fn has_conditions(&self) -> bool {
        !(self.scopes.is_empty() && self.any_scope.is_empty() && self.claims.is_empty())
    }
}

/// Called for each rule that decides, with its index.
pub(super) type Visit<'v, 'p> = &'v mut dyn FnMut(usize, &'p Rule) -> Result<(), Refusal>;

/// What a rule is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// Tool names.
    Tools(Vec<Glob>),
    /// Resource URIs.
    Resources(Vec<Pattern>),
    /// Prompt names.
    Prompts(Vec<Glob>),
    /// Methods that touch no tool, resource or prompt.
    Methods(Vec<Glob>),
}

impl Subject {
    /// Resource URIs.
    #[must_use]
    pub fn resources<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Self {
        Self::Resources(patterns.into_iter().map(Pattern::new).collect())
    }

    /// The patterns as written.
    #[must_use]
    pub fn patterns(&self) -> Vec<&str> {
        match self {
            Self::Tools(globs) | Self::Prompts(globs) | Self::Methods(globs) => {
                globs.iter().map(Glob::as_str).collect()
            }
            Self::Resources(patterns) => patterns.iter().map(Pattern::as_str).collect(),
        }
    }

    /// The key of this subject in the configuration.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Tools(_) => "tools",
            Self::Resources(_) => "resources",
            Self::Prompts(_) => "prompts",
            Self::Methods(_) => "methods",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Policy, Subject};
    use crate::decide::policy::{
        evaluate::tests::{policy, rule, scopes},
        glob::Glob,
    };

    #[test]
    fn a09_a52_the_scopes_named_are_listed_once_in_order() {
        let rules =
            vec![rule(Subject::Tools, "*").needs("z a").needs_any("b mcp"), rule(Subject::Prompts, "*").needs("z")];
        let implies = vec![("admin".into(), vec![Glob::new("*")]), ("a".into(), Vec::new())];
        let ruled = Policy { implies, ..policy("mcp", rules) };
        assert_eq!(ruled.scopes(), scopes("mcp z a b admin"));
        let open = Policy { access: Access::Authenticated, ..policy("mcp", Vec::new()) };
        assert_eq!(open.scopes(), scopes("mcp"));
    }
}

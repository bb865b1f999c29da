//! Decides whether a caller may touch a target, and names the rule that decided.

use crate::{
    base::names::Scope,
    decide::{mcp::target::Target, policy::rule::Policy, refusal::Refusal, token::claims::Caller},
};

/// Proof that policy allowed one request. Only [`evaluate`] makes one; `upstream::send` consumes it.
///
/// ```compile_fail
/// let forged = portcullis::decide::policy::evaluate::Permit { rule: None, reported: None };
/// ```
#[derive(Debug, PartialEq)]
#[must_use]
pub struct Permit {
    rule: Option<usize>,
    reported: Option<Refusal>,
}

impl Permit {
    /// Index of the deciding rule; `None` where connecting was enough.
    #[must_use]
    pub fn rule(&self) -> Option<usize> {
        self.rule
    }

    /// What a `report_only` rule would have refused.
    #[must_use]
    pub fn reported(&self) -> Option<&Refusal> {
        self.reported.as_ref()
    }
}

/// Decides.
///
/// # Errors
/// [`Refusal::Scope`], [`Refusal::Forbidden`], [`Refusal::NoRule`], [`Refusal::UnsafeUri`].
pub fn evaluate(policy: &Policy, caller: &Caller, target: &Target) -> Result<Permit, Refusal> {
    let _ = (policy, caller, target);
    Err(Refusal::NoRule)
}

/// Whether `granted` covers `needed`, itself or by `scope_implies`.
#[must_use]
pub fn covers(policy: &Policy, granted: &[Scope], needed: &Scope) -> bool {
    let _ = policy;
    granted.contains(needed)
}

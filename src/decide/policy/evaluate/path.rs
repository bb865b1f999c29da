//! Decides whether a request may use a path beside the MCP endpoint.

use super::{Permit, Ruling, evaluate};
use crate::decide::{
    mcp::request::target::Target,
    pass_through::{PassedPath, PathAccess},
    policy::rule::Policy,
    refusal::Refusal,
    token::caller::Caller,
};

/// Decides whether `caller` may use `path`. A public path needs no caller; any other needs one that
/// has the scopes of `connect`. Rules are about MCP, and do not decide here.
///
/// # Errors
/// [`Refusal::NoCredential`], [`Refusal::Scope`].
pub fn evaluate_path(policy: &Policy, caller: Option<&Caller>, path: &PassedPath) -> Result<Permit, Refusal> {
    match (path.access(), caller) {
        (PathAccess::Public, _) => Ok(Permit { ruling: Ruling { rule: None, reported: None } }),
        (PathAccess::Authenticated, Some(caller)) => evaluate(policy, caller, &Target::Path(path.name())),
        (PathAccess::Authenticated, None) => Err(Refusal::NoCredential),
    }
}

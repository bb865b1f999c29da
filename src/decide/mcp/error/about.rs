//! The facts from which the body of a refusal is written.

use crate::{
    base::{names::Scope, text::Text},
    decide::{mcp::request::target::Target, refusal::Refusal, token::caller::Caller},
};

/// The facts from which the body of a refusal is written.
pub struct About<'a> {
    /// The refusal.
    pub refusal: &'a Refusal,
    /// Raw JSON of the request's id, if known.
    pub id: Option<&'a Text>,
    /// The method, if the body was read.
    pub method: Option<&'a str>,
    /// The target of the request, if known.
    pub target: Option<&'a Target>,
    /// The caller, if verified.
    pub caller: Option<&'a Caller>,
    /// All scopes that the operation needs, as in the challenge.
    pub required_scopes: &'a [Scope],
    /// Whether the server takes API keys alone.
    pub takes_keys_alone: bool,
}

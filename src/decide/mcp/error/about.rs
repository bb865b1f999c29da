//! What a refusal's body is written from.

use crate::{
    base::{names::Scope, text::Text},
    decide::{mcp::request::target::Target, refusal::Refusal, token::caller::Caller},
};

/// What a refusal's body is written from.
pub struct About<'a> {
    /// Why.
    pub refusal: &'a Refusal,
    /// Raw JSON of the request's id, if known.
    pub id: Option<&'a Text>,
    /// The method, where the body was read.
    pub method: Option<&'a str>,
    /// What it would have touched.
    pub target: Option<&'a Target>,
    /// The caller, if verified.
    pub caller: Option<&'a Caller>,
    /// All scopes that the operation needs, as in the challenge.
    pub required_scopes: &'a [Scope],
}

//! The JSON body of a refusal: a JSON-RPC error with the request's id and machine-readable `data`.

use crate::{
    base::{names::Scope, text::Text},
    decide::{mcp::target::Target, refusal::Refusal, token::claims::Caller},
};

/// What a refusal's body is written from.
pub struct About<'a> {
    /// Why.
    pub refusal: &'a Refusal,
    /// Raw JSON of the request's id, where it is known.
    pub id: Option<&'a Text>,
    /// The method, where the body was read.
    pub method: Option<&'a str>,
    /// What it would have touched.
    pub target: Option<&'a Target>,
    /// Who asked, where that is proved.
    pub caller: Option<&'a Caller>,
    /// All scopes the operation needs, as challenged.
    pub required_scopes: &'a [Scope],
}

/// The sentence that a person or a model can act on: "tools/call admin_reset needs scope mcp:tools:admin; the token has mcp:tools".
#[must_use]
pub fn sentence(about: &About<'_>) -> String {
    let _ = about;
    String::new()
}

/// The JSON-RPC error body.
#[must_use]
pub fn body(about: &About<'_>) -> Vec<u8> {
    let _ = about;
    Vec::new()
}

/// A `tools/call` result with `isError: true` that says the same, for `deny_as: tool_error`.
#[must_use]
pub fn tool_result(about: &About<'_>) -> Vec<u8> {
    let _ = about;
    Vec::new()
}

//! Writes the JSON-RPC error body of a refusal.

pub mod about;
pub mod asked;
pub mod sentence;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::value::RawValue;

use self::{about::About, sentence::sentence};
use crate::{base::names::Scope, decide::mcp::version::Era};

/// The JSON-RPC error body.
#[must_use]
pub fn body(about: &About<'_>) -> Vec<u8> {
    let row = about.refusal.row();
    let error = Error { code: row.code, message: &sentence(about), data: Data::of(about) };
    written(&Answer { jsonrpc: "2.0", id: id_of(about), outcome: Outcome::Error(error) })
}

/// A `tools/call` result with `isError: true` and the same sentence, for `deny_as: tool_error`.
///
/// `challenge`: what a `WWW-Authenticate` field would say. ChatGPT begins a sign-in when it finds
/// it in `_meta`.
///
/// A modern result has `resultType: complete`; legacy schemas do not know that member.
#[must_use]
pub fn tool_result(about: &About<'_>, era: Era, challenge: Option<&str>) -> Vec<u8> {
    let result = ToolResult {
        meta: challenge.map(|challenge| ResultMeta { www_authenticate: [challenge] }),
        result_type: (era == Era::Modern).then_some("complete"),
        content: [Content { kind: "text", text: &sentence(about) }],
        is_error: true,
    };
    written(&Answer { jsonrpc: "2.0", id: id_of(about), outcome: Outcome::Result(result) })
}

/// The id with its exact type; left out if it is unknown, as in the schemas since 2025-11-25 (SPEC
/// C-66). It is parsed again, because text that is not a JSON value would break the body.
fn id_of<'a>(about: &About<'a>) -> Option<&'a RawValue> {
    about.id.and_then(|id| serde_json::from_str(id.as_str()).ok())
}

fn written(answer: &Answer<'_>) -> Vec<u8> {
    // Strings and numbers always have a JSON form.
    serde_json::to_vec(answer).unwrap_or_default()
}

#[derive(Serialize)]
struct Answer<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome<'a> {
    Error(Error<'a>),
    Result(ToolResult<'a>),
}

#[derive(Serialize)]
struct Error<'a> {
    code: i32,
    message: &'a str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    reason: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    required_scopes: Vec<&'a str>,
}

impl<'a> Data<'a> {
    fn of(about: &About<'a>) -> Self {
        let row = about.refusal.row();
        let needed = row.needed().filter(|_| about.required_scopes.is_empty());
        let scopes = needed.unwrap_or(about.required_scopes);
        Self { reason: row.reason, required_scopes: scopes.iter().map(Scope::as_str).collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult<'a> {
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<ResultMeta<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    content: [Content<'a>; 1],
    is_error: bool,
}

#[derive(Serialize)]
struct ResultMeta<'a> {
    #[serde(rename = "mcp/www_authenticate")]
    www_authenticate: [&'a str; 1],
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

//! Documents of the operator, and paths beside the MCP endpoint (B4).

mod covered;
mod documents;
mod escape;
mod passed;
mod redirect_uris;
mod refused_uploads;
mod streamed;
mod versions;

use crate::e2e::world::{Plan, Seen, Step, plan::STANDARD, server};

/// The standard server with paths of every kind.
fn plan() -> Plan {
    Plan::standard().servers(&servers())
}

/// The standard server with paths of every kind.
fn servers() -> String {
    let paths = "
    paths:
      - {path: /icon.png, access: public, methods: [GET]}
      - {path: \"/files/public/**\", access: public}
      - {path: \"/files/**\"}
      - {path: \"/files/**\", methods: [POST, PUT, DELETE]}
    scopes: [\"mcp:connect\"]";
    let (from, to) = ("connect_timeout: 2s}", "connect_timeout: 2s, aliases: [\"http://mcp.internal:8000\"]}");
    STANDARD.replace(from, to).replace("\n    scopes: [\"mcp:connect\"]", paths)
}

/// What the upstream answers to each request: its target, as text.
fn echo(seen: &Seen) -> Vec<Step> {
    server::full(
        200,
        &[("Content-Type", "text/plain"), ("X-Seen", &seen.target)],
        format!("{} {}", seen.method, seen.target),
    )
}

//! Callers without a token, clients that cannot step up, and lists that name the scopes (D1 to D3).

mod advertised;
mod check;
mod denied_as;
mod gate;
mod mutated;
mod session;
mod shared;

use crate::e2e::world::Plan;

/// A server with public rules of each kind, and rules that need a token.
pub(super) const SHOP: &str = r#"
  main:
    path: /mcp
    upstream: {url: "@UPSTREAM@/inner/mcp", response_timeout: 2s, connect_timeout: 2s}
    scopes: ["mcp:connect"]
    identity_headers: {x-auth-subject: sub}
    batches: 2025-03-26
    rules:
      - {tools: [admin], deny: true}
      - {tools: [search, "get_*"], public: true}
      - {tools: [pay], scopes: ["pay"]}
      - {tools: [profile]}
      - {resources: ["file:///pub/secret/**"], scopes: ["secret"]}
      - {resources: ["file:///pub/**"], public: true}
      - {resources: ["file:///**"], scopes: ["files"]}
      - {prompts: [hello], public: true}
      - {prompts: [mine]}
      - {methods: ["acme/custom"]}
"#;

/// The shop.
pub(super) fn shop() -> Plan {
    Plan::standard().servers(SHOP)
}

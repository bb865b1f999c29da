//! Redirects, queries, names, addresses and certificates of MCP servers (A8, C1, C2, C6, C7).

mod addresses;
mod certificates;
mod host_checks;
mod names;
mod proxies;
mod query;
mod redirects;

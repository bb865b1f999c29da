//! OAuth 2.1 in front of any MCP server.

pub mod app;
pub mod base;
pub mod cli;
pub mod config;
pub mod decide;
pub mod inbound;
pub mod observe;
pub mod outbound;

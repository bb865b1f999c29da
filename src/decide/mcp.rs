//! MCP messages: what a request touches, and what an answer may show (P2).

pub mod answer;
pub mod error;
pub mod method;
pub mod request;
pub mod session_seal;
pub mod version;

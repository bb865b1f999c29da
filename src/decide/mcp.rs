//! Reads MCP messages: finds the target of a request, and filters answers (P2).

pub mod answer;
pub mod denial;
pub mod error;
pub mod method;
pub mod request;
pub mod session_seal;
pub mod version;

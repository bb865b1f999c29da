//! What an MCP message is and touches, read from its bytes with one meaning or none (P2).

pub mod error;
pub mod headers;
pub mod peek;
pub mod target;
pub mod version;

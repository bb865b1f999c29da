//! What an MCP message is and touches, read from its bytes with one meaning or none (P2).

pub mod batch;
pub mod endpoint;
pub mod error;
pub mod headers;
pub mod list;
pub mod peek;
pub mod sse;
pub mod target;
pub mod task;
pub mod version;

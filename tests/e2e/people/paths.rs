//! Documents of the operator, and paths beside the MCP endpoint (B4).

mod documents;

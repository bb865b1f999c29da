//! Every decision, as pure functions of bytes and values: nothing here reads a clock, a file or a socket.

pub mod event_stream;
pub mod framing;
pub mod grant;
pub mod header_names;
pub mod hop;
pub mod mcp;
pub mod oauth;
pub mod origin;
pub mod policy;
pub mod refusal;
pub mod route;
pub mod session;
pub mod token;

//! All decisions, as pure functions of bytes and values: no clock, no file, no socket.

pub mod acme;
pub mod authorization_server;
pub mod fields;
pub mod json;
pub mod mcp;
pub mod pass_through;
pub mod policy;
pub mod refusal;
pub mod resource_server;
pub mod routing;
pub mod token;

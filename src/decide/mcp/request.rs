//! Requests: the message in a body, the header fields that repeat it, and its target.

pub mod batch;
pub mod headers;
pub mod message;
pub mod parse;
pub mod target;
pub mod without_token;

//! Requests: the message in a body, the headers that repeat it, and what it touches.

pub mod batch;
pub mod headers;
pub mod message;
pub mod parse;
pub mod target;

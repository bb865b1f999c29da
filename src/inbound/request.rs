//! Reads a request: head, body, message, session; and answers the paths that need no upstream.

pub(in crate::inbound) mod anonymous;
pub(in crate::inbound) mod arrival;
pub(in crate::inbound) mod body;
pub(in crate::inbound) mod context;
pub(in crate::inbound) mod document;
pub(in crate::inbound) mod drain;
pub(in crate::inbound) mod embedded;
pub(in crate::inbound) mod head;
pub(in crate::inbound) mod message;
pub(in crate::inbound) mod metadata;
mod root;
pub(in crate::inbound) mod service;
pub(in crate::inbound) mod session;
pub(in crate::inbound) mod streamed;
pub(in crate::inbound) mod upload;

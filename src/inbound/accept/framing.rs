//! The watch over HTTP framing: what a peer breaks is counted, logged and answered.

pub(in crate::inbound) mod breach;
pub(in crate::inbound) mod inlet;

//! Watches HTTP framing: violations are counted, logged and answered.

pub(in crate::inbound) mod breach;
pub(in crate::inbound) mod h2_watch;
pub(in crate::inbound) mod inlet;

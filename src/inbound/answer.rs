//! An answer on its way out: asked for, read or watched, relayed, ended; or a refusal.

pub(in crate::inbound) mod event_ids;
pub(in crate::inbound) mod filter;
pub(in crate::inbound) mod forward;
pub(in crate::inbound) mod keep_alive;
pub(in crate::inbound) mod lease;
pub(in crate::inbound) mod relay;
pub(in crate::inbound) mod reply;
pub(in crate::inbound) mod stall;
pub(in crate::inbound) mod task_watch;

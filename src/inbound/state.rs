//! What outlives a request: the configuration in force, and what each caller holds.

pub mod events;
pub mod server;
pub mod sessions;
pub mod tasks;
pub mod usage;

pub(in crate::inbound) mod per_caller;

//! What outlives a request: the configuration in force, and what is kept or counted of each caller.

pub mod events;
pub mod gateway;
pub mod server;
pub mod sessions;
pub mod tasks;
pub mod usage;

pub(in crate::inbound) mod per_caller;

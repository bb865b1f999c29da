//! State beyond one request: the snapshot in force, and the stores and counts for each caller.

pub mod anonymous;
pub mod documents;
pub mod events;
pub mod gateway;
pub mod server;
pub mod sessions;
pub mod tasks;
mod told;
pub mod usage;

pub(in crate::inbound) mod per_caller;

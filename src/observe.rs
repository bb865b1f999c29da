//! What happened, for those who operate the gateway: logs, metrics, audit lines. Fire and forget.

pub mod audit;
pub mod log;
pub mod metrics;
pub mod record;

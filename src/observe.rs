//! Logs, metrics and audit lines for operators. A request never waits for them.

pub use observer::Observe;

pub mod accept;
pub mod audit;
pub mod end;
mod facts;
pub mod lines;
pub mod log;
pub mod metrics;
mod misfit;
pub mod observer;
pub mod overdue;
pub mod record;
mod refusals;
pub mod request_id;
pub mod sampled;
mod untold;
pub mod upstream;
mod upstream_errors;
pub mod violations;

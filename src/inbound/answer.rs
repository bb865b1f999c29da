//! Asks the upstream, filters and relays its answer, and ends streams; or answers with a refusal.

pub(in crate::inbound) mod broken;
pub(in crate::inbound) mod event_watch;
pub(in crate::inbound) mod filter;
pub(in crate::inbound) mod forward;
mod introspected;
pub(in crate::inbound) mod keep_alive;
pub(in crate::inbound) mod lease;
pub(in crate::inbound) mod long_fields;
pub(in crate::inbound) mod outgoing;
pub(in crate::inbound) mod relay;
pub(in crate::inbound) mod reply;
pub(in crate::inbound) mod reply_body;
pub(in crate::inbound) mod session;
pub(in crate::inbound) mod source;
pub(in crate::inbound) mod stall;
pub(in crate::inbound) mod task_watch;
mod tls_port;
pub(in crate::inbound) mod upstream_error;
pub(in crate::inbound) mod upstream_request;
pub(in crate::inbound) mod watch;

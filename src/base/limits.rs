//! Bounds on time, bytes and counts, each with the reason for its size: one file a topic.

pub mod authorization_server;
pub mod connections;
pub mod fetch;
pub mod held;
pub mod messages;
pub mod operating;
pub mod tokens;
pub mod upstreams;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

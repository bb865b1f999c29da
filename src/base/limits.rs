//! Bounds on time, bytes and counts, one file for each topic.

pub mod authorization_server;
pub mod connections;
pub mod fetch;
pub mod heads;
pub mod held;
pub mod messages;
pub mod operating;
pub mod tokens;
pub mod upstreams;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

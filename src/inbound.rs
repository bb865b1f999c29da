//! Listeners, and the path of a request from accept to the last byte.

pub mod listener;
pub mod snapshot;
pub mod tls;

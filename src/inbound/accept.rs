//! Client connections: listener, PROXY header, TLS, framing, their number, and the drain.

pub mod listener;
pub mod phase;
mod preface;
pub mod room;
pub mod tls;

pub(in crate::inbound) mod connection;
pub(in crate::inbound) mod framing;
pub(in crate::inbound) mod handshake;
pub(in crate::inbound) mod proxied;

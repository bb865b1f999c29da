//! Gets certificates from a CA by ACME (RFC 8555), proves names by TLS-ALPN-01, and renews them.

mod account;
mod cache;
mod challenge;
mod client;
mod failure;
pub mod held;
pub mod keep;
mod order;
mod rests;
pub mod settings;
mod suggestion;

#[cfg(test)]
mod tests;

//! Connections from the gateway to issuers and upstreams; the keys of issuers.

pub mod acme;
pub mod address;
pub mod ask;
pub mod basic;
pub mod certificate_dates;
pub mod client_certificate;
pub mod credential;
pub mod dial;
pub mod discover;
pub mod fault;
pub mod fetch;
pub mod introspect;
pub mod keys;
pub mod proxy;
pub mod reach;
pub mod resolve;
pub mod upstream;
pub mod vanished;
pub mod verify;

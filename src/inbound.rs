//! Listeners, and the path of a request from accept to the last byte. Open `gate` first.

pub mod gate;
pub mod listener;
pub mod resume;
pub mod room;
pub mod session;
pub mod snapshot;
pub mod tasks;
pub mod tls;
pub mod usage;

mod alive;
mod body;
mod breach;
mod connection;
mod filter;
mod forward;
mod handshake;
mod inlet;
mod issuing;
mod leash;
mod legacy;
mod metadata;
mod relay;
mod reply;
mod request;
mod service;
mod shelf;
mod stall;
mod upload;

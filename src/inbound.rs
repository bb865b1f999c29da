//! Listeners, and the path of a request from accept to the last byte. Open `gate` first.

pub mod gate;
pub mod leash;
pub mod listener;
pub mod snapshot;
pub mod tls;

mod body;
mod connection;
mod forward;

mod metadata;
mod reply;
mod request;
mod service;

//! Listeners, and the path of a request from accept to the last byte. Open `gate` first.

pub mod accept;
pub mod gate;
pub mod state;

mod answer;
mod legacy_sse;
mod path_gate;
mod request;
#[cfg(test)]
mod testing;

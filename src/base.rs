//! The shared words of every layer: names, secrets, limits, and time as a value. Pure.

pub mod clock;
pub mod limits;
pub mod names;
pub mod secret;
pub mod text;

//! Keys of the embedded authorization server: those that sign tokens, and those that seal what the store keeps.

pub mod seal;
pub mod signing;

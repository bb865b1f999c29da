//! Keys that sign tokens, keys that seal secrets in the store, and random values.

mod own_store;
pub mod random;
pub mod seal;
pub mod signing;
mod signing_key;
mod unopened;

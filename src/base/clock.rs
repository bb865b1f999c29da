//! Time as a value: read once when a request arrives, then passed down.

#[cfg(test)]
pub(crate) mod testing;

use std::time::Duration;

/// The time of both clocks, read once for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Time since 1970-01-01T00:00:00Z. May jump when the system's clock is set.
    pub wall: Duration,
    /// Time since a fixed moment of this process. Never goes back.
    pub mono: Duration,
}

impl Now {
    /// Whole seconds since 1970, like NumericDate of a JWT (RFC 7519 §2).
    #[must_use]
    pub fn unix_secs(self) -> u64 {
        self.wall.as_secs()
    }
}

/// Reads the time: the system's in the product, a set time in tests.
pub trait Clock: Send + Sync {
    /// Reads both clocks.
    fn now(&self) -> Now;
}

//! Warns when connections cannot be accepted, at most once in ten seconds.

use std::{
    io,
    time::{Duration, Instant},
};

use crate::observe::sampled::Sampled;

/// The first failure is logged at once, the next failure after this time.
const WARNING_EVERY: Duration = Duration::from_secs(10);

/// Failed accepts of one listener.
#[derive(Debug)]
pub struct RefusedAccepts {
    listener: Box<str>,
    sampled: Sampled<()>,
}

impl RefusedAccepts {
    /// A counter for the listener with this name or address.
    #[must_use]
    pub fn new(listener: impl Into<Box<str>>) -> Self {
        Self { listener: listener.into(), sampled: Sampled::new(WARNING_EVERY, 1) }
    }

    /// Reports a failure.
    pub fn tell(&self, cause: &io::Error) {
        if let Some(left_out) = self.sampled.admit((), Instant::now()) {
            tracing::warn!(
                listener = %self.listener,
                %cause,
                left_out,
                "a connection could not be accepted; if no descriptor is left, raise the limit on open files (ulimit -n, LimitNOFILE=)"
            );
        }
    }
}

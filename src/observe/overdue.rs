//! Writes audit lines of slow requests before they end, and the numbers of left-out lines.

use std::time::Duration;

use crate::observe::{observer::Observe, record, violations};

/// How often [`write_lines`] is called.
pub const EVERY: Duration = Duration::from_millis(250);

/// Writes the decisions about slow requests, and how many violations had no line.
pub fn write_lines(observe: &Observe) {
    record::tell_older(observe);
    violations::tell_suppressed(observe);
}

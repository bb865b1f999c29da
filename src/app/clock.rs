//! The system's clock.

use std::time::{Duration, Instant, SystemTime};

use crate::base::clock::{Clock, Now};

/// 9999-12-31T23:59:59Z, used if the system's clock is before 1970: every token is expired then.
/// With 1970 no token would be.
const NO_TIME: Duration = Duration::from_secs(253_402_300_799);

/// Reads the system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Monotonic time starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(NO_TIME);
        Now { wall, mono: self.started.elapsed() }
    }
}

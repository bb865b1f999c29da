//! A clock that a test sets.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::base::clock::{Clock, Now};

/// Returns one time until the test changes it.
pub(crate) struct HandClock(Mutex<Now>);

impl HandClock {
    pub(crate) fn at(now: Now) -> Arc<Self> {
        Arc::new(Self(Mutex::new(now)))
    }

    /// Advances both clocks.
    pub(crate) fn turn(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = Now { wall: now.wall + by, mono: now.mono + by };
    }

    /// Sets the system's clock.
    pub(crate) fn set_wall(&self, wall: Duration) {
        self.0.lock().unwrap().wall = wall;
    }
}

impl Clock for HandClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

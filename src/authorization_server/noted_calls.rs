//! Which refused calls this replica has noted in the store lately (login B8).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::base::{
    clock::Now,
    limits::authorization_server::{STEP_UP_NOTED_EVERY, STEP_UP_NOTES_MAX},
};

/// What this replica has noted lately, so that a client that calls again and again costs the store
/// nothing.
#[derive(Default)]
pub(crate) struct NotedCalls(Mutex<HashMap<String, Duration>>);

impl NotedCalls {
    /// Forgets what was noted.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether `call` is to be noted now.
    pub(crate) fn is_due(&self, call: String, now: Now) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Duration| now.mono.saturating_sub(*at) < STEP_UP_NOTED_EVERY;
        if noted.get(&call).is_some_and(is_recent) {
            return false;
        }
        if noted.len() >= STEP_UP_NOTES_MAX {
            noted.retain(|_, at| is_recent(at));
        }
        if noted.len() >= STEP_UP_NOTES_MAX {
            return false;
        }
        noted.insert(call, now.mono);
        true
    }
}

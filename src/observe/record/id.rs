//! Names each request, so that its lines are found together.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// A request: a prefix of its process and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    process: u64,
    number: u64,
}

impl RequestId {
    pub(super) fn number(self) -> u64 {
        self.number
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}-{:x}", self.process, self.number)
    }
}

/// Gives each request of a process its id.
pub(in crate::observe) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// With a prefix of this process: different in each, and nothing that anybody must not know.
    pub(in crate::observe) fn new() -> Self {
        Self { process: RandomState::new().hash_one("request"), next: AtomicU64::new(1) }
    }

    pub(in crate::observe) fn next(&self) -> RequestId {
        RequestId { process: self.process, number: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_in_a_process_and_between_processes() {
        let (one, other) = (RequestIds::new(), RequestIds::new());
        let ids = [one.next(), one.next(), other.next()].map(|id| id.to_string());
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2], "{ids:?}");
        assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')), "{ids:?}");
    }
}

//! Which upkeep tasks fail at the moment; logged when a failure begins and when it ends.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tracing::{info, warn};

use crate::authorization_server::store::fault::StoreFault;

/// The tasks that fail, each with its last error.
#[derive(Default)]
pub(crate) struct FailingTasks {
    now: Mutex<Vec<(&'static str, String)>>,
    count: AtomicU64,
}

impl FailingTasks {
    /// Records the result of `task`.
    pub(crate) fn record(&self, task: &'static str, result: Result<(), StoreFault>) {
        let mut failing = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let known = failing.iter().position(|(name, _)| *name == task);
        self.count.fetch_add(result.is_err().into(), Ordering::Relaxed);
        match (result, known) {
            (Ok(()), None) => {}
            (Ok(()), Some(at)) => {
                failing.swap_remove(at);
                info!(task, "the embedded authorization server's store works again");
            }
            (Err(fault), None) => {
                warn!(task, %fault, "upkeep of the embedded authorization server failed; it continues with the keys and revocations in memory");
                failing.push((task, fault.to_string()));
            }
            (Err(fault), Some(at)) => {
                if let Some((_, text)) = failing.get_mut(at) {
                    *text = fault.to_string();
                }
            }
        }
    }

    /// How often a task failed.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The first task that fails, and why.
    pub(crate) fn first(&self) -> Option<String> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).first().map(|(task, text)| format!("{task}: {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_until_it_is_over() {
        let failing = FailingTasks::default();
        assert_eq!(failing.first(), None);
        failing.record("keys", Err(StoreFault("refused".to_owned())));
        failing.record("sweep", Err(StoreFault("refused".to_owned())));
        failing.record("keys", Err(StoreFault("slow".to_owned())));
        assert!(failing.first().unwrap().contains("slow"));
        failing.record("keys", Ok(()));
        assert!(failing.first().unwrap().starts_with("sweep"));
        failing.record("sweep", Ok(()));
        assert_eq!(failing.first(), None);
        assert_eq!(failing.count(), 3);
    }
}

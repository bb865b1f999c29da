//! The task that drains a refused upload: at most one for each connection, and stopped with it.

use std::sync::{Mutex, PoisonError};

use tokio::task::AbortHandle;

/// The drain of one connection.
#[derive(Default)]
pub(in crate::inbound) struct UploadDrain {
    task: Mutex<Option<AbortHandle>>,
}

impl UploadDrain {
    /// Keeps the handle of a new task, and stops the previous task.
    pub(in crate::inbound) fn replace(&self, task: AbortHandle) {
        let before = self.task.lock().unwrap_or_else(PoisonError::into_inner).replace(task);
        if let Some(before) = before {
            before.abort();
        }
    }
}

impl Drop for UploadDrain {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

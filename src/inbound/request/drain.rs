//! The tasks that drain the refused uploads of one connection, which end with the connection.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::task::AbortHandle;

use crate::base::limits::connections::REFUSED_UPLOADS_MAX;

/// The drains of one connection: one on HTTP/1.1, and several on HTTP/2.
#[derive(Default)]
pub(in crate::inbound) struct UploadDrain {
    tasks: Arc<DrainTasks>,
}

/// The drains of a connection that may have ended.
pub(in crate::inbound) struct WeakDrain(Weak<DrainTasks>);

type DrainTasks = Mutex<VecDeque<AbortHandle>>;

impl UploadDrain {
    /// Keeps the handle of a new task. If there are too many, the oldest one is stopped.
    pub(in crate::inbound) fn keep(&self, task: AbortHandle) {
        keep(&self.tasks, task);
    }

    /// The drains for an upload that may outlive the connection.
    pub(in crate::inbound) fn weak(&self) -> WeakDrain {
        WeakDrain(Arc::downgrade(&self.tasks))
    }
}

impl WeakDrain {
    /// As [`UploadDrain::keep`]. If the connection has ended, the new task is stopped.
    pub(in crate::inbound) fn keep(&self, task: AbortHandle) {
        match self.0.upgrade() {
            Some(tasks) => keep(&tasks, task),
            None => task.abort(),
        }
    }
}

fn keep(tasks: &DrainTasks, task: AbortHandle) {
    let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
    tasks.retain(|task| !task.is_finished());
    if tasks.len() >= REFUSED_UPLOADS_MAX
        && let Some(oldest) = tasks.pop_front()
    {
        oldest.abort();
    }
    tasks.push_back(task);
}

impl Drop for UploadDrain {
    fn drop(&mut self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn attack_325_the_oldest_of_too_many_drains_is_stopped_and_all_end_with_the_connection() {
        let drain = UploadDrain::default();
        let mut tasks: Vec<_> = (0..=REFUSED_UPLOADS_MAX).map(|_| tokio::spawn(pending::<()>())).collect();
        for task in &tasks {
            drain.keep(task.abort_handle());
        }
        assert!(tasks.remove(0).await.unwrap_err().is_cancelled());
        tokio::task::yield_now().await;
        assert!(tasks.iter().all(|task| !task.is_finished()));
        drop(drain);
        for task in tasks {
            assert!(task.await.unwrap_err().is_cancelled());
        }
    }

    #[tokio::test]
    async fn attack_325_a_drain_that_has_ended_makes_room() {
        let drain = UploadDrain::default();
        let first = tokio::spawn(pending::<()>());
        drain.keep(first.abort_handle());
        for _ in 0..2 * REFUSED_UPLOADS_MAX {
            let task = tokio::spawn(async {});
            let handle = task.abort_handle();
            task.await.unwrap();
            drain.keep(handle);
        }
        tokio::task::yield_now().await;
        assert!(!first.is_finished());
    }
}

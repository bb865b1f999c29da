//! Lets calls to MCP servers go on while many requests reach the authorization server at once.

use std::thread;

use tokio::{sync::Semaphore, task};

#[cfg(test)]
mod tests;

/// Requests take turns. Without them, fifty that arrive together are answered one after the other,
/// each in its own task, and a call that arrives next waits for all of them, at each of its steps.
pub struct Turns(Semaphore);

impl Default for Turns {
    fn default() -> Self {
        Self::of(thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Turns {
    /// It is the turn of one request for each core but one, which is left to calls.
    fn of(cores: usize) -> Self {
        Self(Semaphore::new(cores.saturating_sub(1).max(1)))
    }

    /// Waits for a turn, in order of arrival, and then until all that could go on has done so. The
    /// turn is over when this returns: a request that then waits for a password, the store or an
    /// IdP holds up no other.
    pub async fn next(&self) {
        // The semaphore is never closed; if it were, requests would go on without turns.
        let _turn = self.0.acquire().await;
        // The runtime looks for calls that have come in before it resumes this task.
        task::yield_now().await;
    }
}

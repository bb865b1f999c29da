//! Bounds how long an upstream takes, without the time that a client takes to send its upload.

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

/// What the sender of a streamed body notes.
pub(super) struct UploadClock {
    start: Instant,
    /// When the client last sent something, in milliseconds after `start`.
    moved: AtomicU64,
    /// Whether the client has to send the next piece.
    waits_for_client: AtomicBool,
}

impl UploadClock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), moved: AtomicU64::new(0), waits_for_client: AtomicBool::new(false) }
    }

    /// The upstream takes more, and the client has sent nothing yet.
    pub(super) fn waits(&self) {
        self.waits_for_client.store(true, Ordering::Relaxed);
    }

    /// The client has sent a piece, or all.
    pub(super) fn moves(&self) {
        let after = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(after, Ordering::Relaxed);
        self.waits_for_client.store(false, Ordering::Relaxed);
    }

    /// When the gateway began to wait for the upstream.
    fn since(&self) -> Instant {
        match self.waits_for_client.load(Ordering::Relaxed) {
            true => Instant::now(),
            false => self.start + Duration::from_millis(self.moved.load(Ordering::Relaxed)),
        }
    }
}

/// The outcome of `work`; `None` if it takes longer than `limit` after the last piece of the upload
/// of `clock`. The client that sends the upload has bounds of its own.
pub(super) async fn in_time<T>(
    limit: Duration,
    clock: Option<&UploadClock>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    let mut deadline = Instant::now() + limit;
    loop {
        if let Ok(done) = timeout_at(deadline, work.as_mut()).await {
            return Some(done);
        }
        let later = clock?.since() + limit;
        if later <= deadline {
            return None;
        }
        deadline = later;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);

    /// After how many seconds an upstream that never answers is given up.
    async fn given_up(clock: Option<&UploadClock>, upload: impl Future<Output = ()>) -> u64 {
        let start = Instant::now();
        let (outcome, ()) = tokio::join!(in_time(LIMIT, clock, pending::<()>()), upload);
        assert_eq!(outcome, None);
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn people_b4_only_the_time_of_the_upstream_counts() {
        let sleeps = |secs| sleep(Duration::from_secs(secs));
        assert_eq!(given_up(None, async {}).await, 2);
        let clock = UploadClock::new();
        assert_eq!(given_up(Some(&clock), async {}).await, 2, "before the first piece");
        let clock = UploadClock::new();
        let slow_client = async {
            for _ in 0..3 {
                clock.waits();
                sleeps(7).await;
                clock.moves();
            }
        };
        assert_eq!(given_up(Some(&clock), slow_client).await, 23, "two seconds after the last piece");
        let clock = UploadClock::new();
        let slow_upstream = async {
            for _ in 0..10 {
                sleeps(1).await;
                clock.moves();
            }
        };
        assert_eq!(given_up(Some(&clock), slow_upstream).await, 12, "it takes a piece each second");
    }
}

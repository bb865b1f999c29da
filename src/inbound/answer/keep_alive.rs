//! Keeps a silent event stream open by comments between its events (SPEC C-54).

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep};

/// A comment and a blank line: every reader ignores them.
const COMMENT: &[u8] = b":\n\n";

/// The timer of one stream.
pub(in crate::inbound) struct KeepAlive {
    every: Duration,
    silent: Pin<Box<Sleep>>,
    /// The last bytes that passed, newest last. The start of a stream counts as a blank line.
    tail: [u8; 3],
}

impl KeepAlive {
    /// A timer that asks for a comment after each `every` of silence.
    pub(in crate::inbound) fn new(every: Duration) -> Self {
        Self { every, silent: Box::pin(sleep(every)), tail: *b" \n\n" }
    }

    /// Notes a piece of the stream.
    pub(in crate::inbound) fn passed(&mut self, piece: &[u8]) {
        for byte in piece.get(piece.len().saturating_sub(3)..).unwrap_or_default() {
            let [_, before, last] = self.tail;
            self.tail = [before, last, *byte];
        }
        self.restart();
    }

    /// Ready with a comment when the stream has been silent for long enough and is between two
    /// events.
    pub(in crate::inbound) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        while self.silent.as_mut().poll(cx).is_ready() {
            self.restart();
            if self.is_between_events() {
                return Poll::Ready(Bytes::from_static(COMMENT));
            }
        }
        Poll::Pending
    }

    fn restart(&mut self) {
        self.silent.as_mut().reset(Instant::now() + self.every);
    }

    /// Whether the last line was blank. A lone CR may be half of a CRLF, so a stream that ends its
    /// lines with CR gets no comments.
    fn is_between_events(&self) -> bool {
        matches!(self.tail, [_, b'\n', b'\n'] | [b'\n', b'\r', b'\n'])
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn due(alive: &mut KeepAlive) -> bool {
        alive.poll_due(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test(start_paused = true)]
    async fn c54_a_comment_comes_after_silence_and_between_events_alone() {
        let every = Duration::from_secs(15);
        for (pieces, between) in [
            (&[][..], true),
            (&["data: x\n\n"], true),
            (&["data: x\r\n\r\n"], true),
            (&["data: x\n", "\n"], true),
            (&["data: x\r\n\r", "\n"], true),
            (&[":c\n\n", ""], true),
            (&["data: x"], false),
            (&["data: x\n"], false),
            (&["data: x\r\n"], false),
            (&["data: x\r\n\r"], false),
            (&["data: x\r\r"], false),
            (&["data: x\n\nd"], false),
            (&["data: x\n\n", "id: 1\n"], false),
            (&["\n"], true),
        ] {
            let mut alive = KeepAlive::new(every);
            for piece in pieces {
                alive.passed(piece.as_bytes());
            }
            assert!(!due(&mut alive), "not before its time: {pieces:?}");
            tokio::time::advance(every).await;
            assert_eq!(due(&mut alive), between, "{pieces:?}");
            assert!(!due(&mut alive), "once for each silence: {pieces:?}");
            tokio::time::advance(every).await;
            assert_eq!(due(&mut alive), between, "and again: {pieces:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn c54_traffic_puts_it_off() {
        let mut alive = KeepAlive::new(Duration::from_secs(15));
        for _ in 0..3 {
            tokio::time::advance(Duration::from_secs(14)).await;
            alive.passed(b"data: x\n\n");
            assert!(!due(&mut alive));
        }
    }
}

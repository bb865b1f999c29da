//! Ends an answer that its client does not read: after a stall, or when its permit ends.
//!
//! hyper asks a body for its next frame only when it has room for it. A client that gives an
//! HTTP/2 stream no window therefore stops the body, and with it the lease (attack 171). So the
//! task of each stream watches its body from outside: while hyper holds a frame, the task polls the
//! lease and a clock. Dropping the stream resets it, and drops the body with the upstream's
//! connection.
//!
//! HTTP/1.1 has one answer at a time, and a blocked write shows in the connection itself, which
//! polls the lease there.

use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    sync::{Mutex, OnceLock, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::rt::Executor;
use tokio::{
    task_local,
    time::{Instant, Sleep, sleep},
};

use crate::{
    base::limits::connections::{H2_PIECE_BYTES_MAX, WRITE_STALL_TIMEOUT},
    inbound::answer::lease::{Lease, WeakLease},
    observe::record::End,
};

task_local! {
    /// The HTTP/2 stream whose task is running.
    static STREAM: Stream;
}

/// What the body of a stream tells the task of the stream.
#[derive(Default)]
struct Stream {
    /// The number of frames that the body has handed out.
    frames: Cell<u32>,
    /// Whether hyper holds the last frame. Otherwise the body waits for its upstream, or has ended.
    is_held: Cell<bool>,
    lease: RefCell<WeakLease>,
    ended: Cell<Option<End>>,
}

/// Runs the streams of an HTTP/2 connection, each in a task that can end it.
#[derive(Clone)]
pub(in crate::inbound) struct StreamTasks;

impl<F> Executor<F> for StreamTasks
where
    F: Future<Output = ()> + Send + Unpin + 'static,
{
    #[expect(clippy::disallowed_methods, reason = "hyper hands over each stream; it ends with its connection")]
    fn execute(&self, stream: F) {
        tokio::spawn(STREAM.scope(Stream::default(), Task { stream: Some(stream), clock: None, seen: 0 }));
    }
}

/// One stream and the clock over it.
struct Task<F> {
    stream: Option<F>,
    /// Runs since the first poll after which hyper held a frame.
    clock: Option<Pin<Box<Sleep>>>,
    /// Frames that were handed out when the clock was set.
    seen: u32,
}

impl<F: Future<Output = ()> + Unpin> Future for Task<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let task = &mut *self;
        let Some(stream) = &mut task.stream else { return Poll::Ready(()) };
        if Pin::new(stream).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let held = STREAM.try_with(|stream| stream.is_held.get().then(|| stream.frames.get())).ok().flatten();
        let Some(frames) = held else { return Poll::Pending };
        let end = match STREAM.try_with(|stream| stream.lease.borrow().poll_ended(cx).is_ready()) {
            Ok(true) => End::PermitExpired,
            _ if task.is_stalled(frames, cx) => End::ClientStalled,
            _ => return Poll::Pending,
        };
        // Set before the body is dropped, so that its record names the reason.
        let _ = STREAM.try_with(|stream| stream.ended.set(Some(end)));
        task.stream = None;
        Poll::Ready(())
    }
}

impl<F> Task<F> {
    /// Whether one frame has been held for [`WRITE_STALL_TIMEOUT`]. The clock is not reset at each
    /// frame, so a client that stops after a few frames has up to twice that time.
    fn is_stalled(&mut self, frames: u32, cx: &mut Context<'_>) -> bool {
        let clock = self.clock.get_or_insert_with(|| {
            self.seen = frames;
            Box::pin(sleep(WRITE_STALL_TIMEOUT))
        });
        while clock.as_mut().poll(cx).is_ready() {
            if self.seen == frames {
                return true;
            }
            self.seen = frames;
            clock.as_mut().reset(Instant::now() + WRITE_STALL_TIMEOUT);
        }
        false
    }
}

/// Notes what a body has just returned to hyper.
pub(in crate::inbound) fn note<T, E>(frame: &Poll<Option<Result<T, E>>>) {
    let is_frame = matches!(frame, Poll::Ready(Some(Ok(_))));
    // On HTTP/1.1 there is nothing to note.
    let _ = STREAM.try_with(|stream| {
        stream.is_held.set(is_frame);
        if is_frame {
            stream.frames.set(stream.frames.get().wrapping_add(1));
        }
    });
}

/// Takes the next piece of `bytes`. On HTTP/2 hyper holds a frame until the client opens its
/// window. Small frames show the progress of a slow client, and hold little memory for a client
/// that stops.
pub(in crate::inbound) fn take_piece(bytes: &mut Option<Bytes>) -> Option<Bytes> {
    match bytes {
        Some(whole) if whole.len() > H2_PIECE_BYTES_MAX && STREAM.try_with(|_| ()).is_ok() => {
            Some(whole.split_to(H2_PIECE_BYTES_MAX))
        }
        _ => bytes.take(),
    }
}

/// The one answer under way of an HTTP/1.1 connection.
#[derive(Default)]
pub(in crate::inbound) struct OnlyAnswer {
    lease: Mutex<WeakLease>,
    ended: OnceLock<End>,
}

impl OnlyAnswer {
    /// Whether the answer must end now, while a write is blocked.
    pub(in crate::inbound) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        let ended = self.lease.lock().unwrap_or_else(PoisonError::into_inner).poll_ended(cx);
        ended.map(|()| self.ends(End::PermitExpired))
    }

    /// Notes why the connection ends. The first reason stands.
    pub(in crate::inbound) fn ends(&self, end: End) {
        let _ = self.ended.set(end);
    }
}

/// Lets the task of the stream, or the HTTP/1.1 connection, end the answer by `lease`.
pub(in crate::inbound) fn tie(lease: &Lease, only: &OnlyAnswer) {
    if STREAM.try_with(|stream| stream.lease.replace(lease.weak())).is_err() {
        *only.lease.lock().unwrap_or_else(PoisonError::into_inner) = lease.weak();
    }
}

/// Why the answer was ended from outside; `None` if its body is dropped for another reason.
pub(in crate::inbound) fn ended(only: &OnlyAnswer) -> Option<End> {
    STREAM.try_with(|stream| stream.ended.get()).unwrap_or_else(|_| only.ended.get().copied())
}

#[cfg(test)]
mod tests;

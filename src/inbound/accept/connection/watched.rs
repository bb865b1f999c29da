//! Shows the bytes of one client connection to the framing watch, and ends stalled writes.

use std::{
    io, iter,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use crate::{
    base::limits::connections::WRITE_STALL_TIMEOUT,
    inbound::{
        accept::framing::{h2_watch::H2Watch, inlet::Inlet},
        request::arrival::Load,
    },
    observe::record::End,
};

/// A stream that is watched for violations of HTTP.
pub(super) struct WatchedStream<S> {
    stream: S,
    side: Side,
    /// Runs while the client does not read.
    write_deadline: Option<Pin<Box<Sleep>>>,
    load: Arc<Load>,
}

/// The watch for the HTTP version of the connection.
pub(super) enum Side {
    /// Incoming bytes pass the inlet before hyper reads them.
    Http1(Inlet),
    /// Both directions are watched.
    Http2(H2Watch),
}

impl<S> WatchedStream<S> {
    pub(super) fn new(stream: S, side: Side, load: &Arc<Load>) -> Self {
        Self { stream, side, write_deadline: None, load: Arc::clone(load) }
    }

    /// Passes on the result of a write. A write that waits for too long fails. So does a write
    /// whose answer must end: hyper does not poll a body while a write is blocked, so a stream that
    /// its client does not read would outlive its permit (attack 171).
    fn watch_write<T>(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.write_deadline = None;
            return wrote;
        }
        let deadline = self.write_deadline.get_or_insert_with(|| Box::pin(sleep(WRITE_STALL_TIMEOUT)));
        let is_stalled = deadline.as_mut().poll(cx).is_ready();
        if is_stalled {
            self.load.answer.ends(End::ClientStalled);
        }
        if is_stalled || self.load.answer.poll_ended(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }

    /// Shows the sent bytes of `pieces` to the watch.
    fn watch_sent<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>, wrote: &Poll<io::Result<usize>>) {
        let (Side::Http2(watch), Poll::Ready(Ok(bytes))) = (&mut self.side, wrote) else { return };
        let mut left = *bytes;
        for piece in pieces {
            let here = left.min(piece.len());
            watch.sent(piece.get(..here).unwrap_or_default());
            left -= here;
            if left == 0 {
                return;
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, side, .. } = &mut *self;
        match side {
            Side::Http1(inlet) => inlet.poll_read(stream, cx, buffer),
            Side::Http2(watch) => {
                let before = buffer.filled().len();
                ready!(Pin::new(stream).poll_read(cx, buffer))?;
                Poll::Ready(watch.came(buffer.filled_mut().get_mut(before..).unwrap_or_default()))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch_sent(iter::once(bytes), &wrote);
        self.watch_write(cx, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.watch_sent(pieces.iter().map(|piece| &**piece), &wrote);
        self.watch_write(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, side, .. } = &mut *self;
        ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
        match side {
            Side::Http1(inlet) => inlet.poll_linger(stream, cx).map(Ok),
            Side::Http2(_) => Poll::Ready(Ok(())),
        }
    }
}

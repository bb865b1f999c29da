//! The bytes of a shared HTTP/2 connection: notes that some came, and survives a peer that leaves.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
};

use crate::outbound::dial::{Stream, is_own_refused};

/// The state of a connection, shared by driver and pool.
pub(super) struct LinkState {
    /// The peer's limit on open streams; unknown at first.
    pub(super) streams_max: AtomicUsize,
    /// Open streams, counted by slots.
    pub(super) streams: AtomicUsize,
    /// Whether the connection accepts no more streams.
    pub(super) is_closed: AtomicBool,
    /// Whether a byte was read since the driver's last check.
    pub(super) heard: AtomicBool,
    /// Why the peer refuses the gateway's certificate, if it does.
    pub(super) refused: OnceLock<String>,
    /// Notified when the connection ends or `streams_max` changes.
    pub(super) changed: Notify,
}

/// A stream that notes when the peer sends a byte.
///
/// A peer that closes its connection under our writes has often said why: a GOAWAY and answers lie
/// unread in the socket. The library would fail every stream at the failed write. So what can no
/// longer be written is dropped without an error, and the connection ends when its input does.
pub(super) struct Heard {
    stream: Stream,
    state: Arc<LinkState>,
    /// Whether the peer takes no more bytes.
    is_write_lost: bool,
}

impl Heard {
    /// Notes what comes over `stream` in `state`.
    pub(super) fn over(stream: Stream, state: &Arc<LinkState>) -> Self {
        Self { stream, state: Arc::clone(state), is_write_lost: false }
    }

    /// The result of a write of `length` bytes.
    fn written(&mut self, written: Poll<io::Result<usize>>, length: usize) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Err(cause)) if is_closed_by_peer(&cause) => {
                self.is_write_lost = true;
                self.state.is_closed.store(true, Ordering::Release);
                Poll::Ready(Ok(length))
            }
            written => written,
        }
    }

    /// The result of a flush or of a shutdown.
    fn flushed(&mut self, flushed: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        self.written(flushed.map_ok(|()| 0), 0).map_ok(|_| ())
    }
}

fn is_closed_by_peer(cause: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(cause.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
}

impl AsyncRead for Heard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Poll::Ready(read) = &read {
            self.state.heard.store(true, Ordering::Release);
            if let Err(cause) = read {
                let told = cause.to_string();
                if is_own_refused(&told) {
                    // Only the first time counts.
                    let _ = self.state.refused.set(told);
                }
            }
        }
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_write_lost {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(written, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if self.is_write_lost {
            return Poll::Ready(Ok(length));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.written(written, length)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_write_lost {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.flushed(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_write_lost {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

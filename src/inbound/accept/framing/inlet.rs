//! Passes well-framed HTTP/1.1 input to hyper, and replaces the rest by a refused request.

use std::{
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    time::{Sleep, sleep},
};

use crate::{
    base::limits::{
        connections::{HEADER_READ_TIMEOUT, REFUSED_BODY_TIMEOUT},
        heads::HeadBounds,
        messages::IGNORED_BODY_BYTES_MAX,
    },
    decide::fields::framing::{Framing, Halt, violation::Violation},
    inbound::accept::framing::breach::Breach,
};

/// Replaces a head that may not pass. The service recognises it, and no client can send it, because
/// the watch passes no HTTP/1.1 request without a `Host`. The service answers it after all earlier
/// requests, so answers stay in order.
const REFUSED_REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
/// Not a valid chunk: the body of the request under way fails.
const BROKEN_CHUNK: &[u8] = &[0];

/// The watch over incoming bytes.
pub(in crate::inbound) struct Inlet {
    framing: Framing,
    breach: Arc<Breach>,
    /// The beginning of an incomplete head.
    held: Vec<u8>,
    /// Bytes that may pass but did not fit into the buffer yet.
    passing: Vec<u8>,
    /// Set by a violation: the bytes read and discarded since then.
    refused: Option<u64>,
    /// Whether the violation was in a body: the next read reports the end of the input.
    broke_body: bool,
    /// Runs while a head is incomplete (slowloris).
    head_deadline: Option<Pin<Box<Sleep>>>,
    /// Runs while a refused connection is given time to read its answer.
    linger: Option<Pin<Box<Sleep>>>,
}

impl Inlet {
    /// The watch over a new connection.
    pub(in crate::inbound) fn new(breach: Arc<Breach>, bounds: HeadBounds) -> Self {
        Self {
            framing: Framing::new(bounds),
            breach,
            held: Vec::new(),
            passing: Vec::new(),
            refused: None,
            broke_body: false,
            head_deadline: None,
            linger: None,
        }
    }

    /// Reads the bytes of `stream` that may pass.
    pub(in crate::inbound) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if !self.passing.is_empty() {
                self.pass(buffer);
                return Poll::Ready(Ok(()));
            }
            if self.broke_body {
                return Poll::Ready(Ok(()));
            }
            if self.refused.is_some() {
                // A client that closed only its sending side still gets the answer.
                ready!(self.poll_discard(stream, cx))?;
                return self.poll_linger_over(cx).map(Ok);
            }
            let before = buffer.filled().len();
            match Pin::new(&mut *stream).poll_read(cx, buffer) {
                Poll::Ready(Ok(())) => {
                    let is_end = buffer.filled().len() == before;
                    self.watch(buffer, before);
                    if is_end || buffer.filled().len() > before {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Pending => {
                    let Some(deadline) = self.head_deadline.as_mut() else { return Poll::Pending };
                    ready!(deadline.as_mut().poll(cx));
                    self.held.clear();
                    self.refuse(REFUSED_REQUEST, Violation::HeadTimeout, "");
                }
                failed => return failed,
            }
        }
    }

    /// After the answer to a refused request, reads on for a while: otherwise a reset of the
    /// connection could overtake the answer.
    pub(in crate::inbound) fn poll_linger<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if self.refused.is_none() {
            return Poll::Ready(());
        }
        if self.poll_linger_over(cx).is_ready() {
            return Poll::Ready(());
        }
        self.poll_discard(stream, cx).map(drop)
    }

    fn poll_linger_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.linger.get_or_insert_with(|| Box::pin(sleep(REFUSED_BODY_TIMEOUT))).as_mut().poll(cx)
    }

    /// Holds back the bytes that may not pass.
    fn watch(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        let watched = self.framing.watch(fresh);
        if !self.framing.is_in_head() {
            self.head_deadline = None;
        } else if self.head_deadline.is_none() {
            self.head_deadline = Some(Box::pin(sleep(HEADER_READ_TIMEOUT)));
        }
        let passes = match watched {
            Ok(passes) if passes == fresh.len() && self.held.is_empty() => return,
            Ok(passes) => passes,
            Err(Halt { at, .. }) => at,
        };
        let (passing, kept) = fresh.split_at_checked(passes).unwrap_or((fresh, &[]));
        if self.held.is_empty() {
            self.held.extend_from_slice(kept);
            buffer.set_filled(before + passes);
        } else {
            self.held.extend_from_slice(passing);
            if passes > 0 {
                self.passing = mem::take(&mut self.held);
            }
            self.held.extend_from_slice(kept);
            buffer.set_filled(before);
        }
        if let Err(Halt { in_body, violation, what, .. }) = watched {
            self.held = Vec::new();
            self.broke_body = in_body;
            self.refuse(if in_body { BROKEN_CHUNK } else { REFUSED_REQUEST }, violation, what);
        }
    }

    fn refuse(&mut self, instead: &[u8], violation: Violation, what: &'static str) {
        self.passing.extend_from_slice(instead);
        self.refused = Some(0);
        self.head_deadline = None;
        self.breach.refuse(violation, what);
    }

    fn pass(&mut self, buffer: &mut ReadBuf<'_>) {
        let here = self.passing.len().min(buffer.remaining());
        buffer.put_slice(self.passing.get(..here).unwrap_or_default());
        self.passing.drain(..here);
    }

    /// Reads and discards the bytes after a violation. Ready at their end, or when there are too
    /// many.
    fn poll_discard<S: AsyncRead + Unpin>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut room = [0; 4096];
        loop {
            let mut scrap = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut scrap))?;
            let bytes = scrap.filled().len() as u64;
            let discarded = self.refused.unwrap_or_default() + bytes;
            self.refused = Some(discarded);
            if bytes == 0 || discarded > IGNORED_BODY_BYTES_MAX {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests;

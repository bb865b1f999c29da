//! Queues lines for a sink that may be slow; adding a line never waits.

use std::{
    io::{self, Write},
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::Duration,
};

/// How long the writer gathers lines for one write.
const GATHER: Duration = Duration::from_millis(5);
/// The capacity that is kept between two writes.
const BUFFER_KEPT_BYTES: usize = 1024 * 1024;

/// A queue of lines. Its thread writes them to the sink.
pub struct Lines {
    queue: Arc<Queue>,
    lines_max: usize,
    finished: Mutex<Receiver<()>>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    stirred: Condvar,
}

#[derive(Default)]
struct Waiting {
    text: String,
    lines: usize,
    closed: bool,
}

impl Lines {
    /// Starts the writer. It calls `lost` with the number of lines that the sink did not take, and
    /// whether this is the first failure in a row.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(
        name: &str,
        lines_max: usize,
        sink: Box<dyn Write + Send>,
        lost: impl Fn(usize, &io::Error, bool) + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let (finish, finished) = sync_channel(1);
        let lines = Arc::clone(&queue);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            lines.drain(sink, &lost);
            // `close` may not be waiting.
            let _ = finish.try_send(());
        })?;
        Ok(Self { queue, lines_max, finished: Mutex::new(finished) })
    }

    /// Queues one line, with its line end. Never waits for the sink: `false` if too many lines
    /// wait.
    #[must_use]
    pub fn push(&self, line: &str) -> bool {
        let mut waiting = self.queue.lock();
        if waiting.lines >= self.lines_max || waiting.closed {
            return false;
        }
        waiting.text.push_str(line);
        waiting.lines += 1;
        let first = waiting.lines == 1;
        drop(waiting);
        if first {
            self.queue.stirred.notify_one();
        }
        true
    }

    /// Writes the queued lines and ends the writer. Gives up after `patience`.
    pub fn close(&self, patience: Duration) {
        self.queue.lock().closed = true;
        self.queue.stirred.notify_one();
        // Timed out or already ended: in both cases there is nothing more to do.
        let _ = self.finished.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(patience);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.stirred.notify_one();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self, mut sink: Box<dyn Write + Send>, lost: &impl Fn(usize, &io::Error, bool)) {
        let mut text = String::new();
        let mut complained = false;
        loop {
            let (lines, closed) = self.take(&mut text);
            match sink.write_all(text.as_bytes()).and_then(|()| sink.flush()) {
                Ok(()) => complained = false,
                Err(fault) => lost(lines, &fault, !mem::replace(&mut complained, true)),
            }
            if closed {
                return;
            }
            text.clear();
            text.shrink_to(BUFFER_KEPT_BYTES);
        }
    }

    /// Waits for lines or the end, and swaps them for the empty `text`.
    fn take(&self, text: &mut String) -> (usize, bool) {
        let mut waiting = self.lock();
        while waiting.lines == 0 && !waiting.closed {
            waiting = self.stirred.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if !waiting.closed {
            let gathered = self.stirred.wait_timeout_while(waiting, GATHER, |waiting| !waiting.closed);
            waiting = gathered.unwrap_or_else(PoisonError::into_inner).0;
        }
        mem::swap(text, &mut waiting.text);
        (mem::take(&mut waiting.lines), waiting.closed)
    }
}

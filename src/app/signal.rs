//! Signals: SIGTERM and SIGINT drain the process, a second one stops it at once; SIGHUP reloads.
//!
//! Where the gateway was started in a terminal that is gone, SIGHUP says so, and drains it too.

use std::{
    io::{self, IsTerminal, stderr, stdin, stdout},
    os::fd::AsFd,
    sync::Arc,
};

use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};

use crate::app::drain::Drain;

/// The signals that the gateway handles.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    terminals: Terminals,
    input: Option<pipe::Receiver>,
}

/// Which of standard input, output and error are terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Terminals([bool; 3]);

impl Terminals {
    fn now() -> Self {
        Self([stdin().is_terminal(), stdout().is_terminal(), stderr().is_terminal()])
    }

    /// Whether one that was there is not any more. A terminal that was closed is a terminal no
    /// longer, and the system closes it before it sends the signal.
    fn is_gone(self, now: Self) -> bool {
        self.0.iter().zip(now.0).any(|(before, now)| *before && !now)
    }
}

impl Signals {
    /// Installs the handlers: from now on these signals do not kill the process.
    ///
    /// # Errors
    /// The system's.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            terminals: Terminals::now(),
            input: None,
        })
    }

    /// The end of standard input, which is a pipe, also drains: the process that holds its other
    /// end has ended, however that was.
    ///
    /// # Errors
    /// Standard input is not a pipe, or the system's.
    pub fn with_end_of_input(mut self) -> io::Result<Self> {
        self.input = Some(pipe::Receiver::from_owned_fd(stdin().as_fd().try_clone_to_owned()?)?);
        Ok(self)
    }

    /// Passes the signals to `drain` and `reload` until it is dropped.
    pub async fn relay(mut self, drain: Drain, reload: Arc<Notify>) {
        // A shell and the system may both send SIGHUP: that is not the second signal, which cuts.
        let mut is_stopping = false;
        loop {
            tokio::select! {
                Some(()) = self.terminate.recv() => stop("SIGTERM", &drain),
                Some(()) = self.interrupt.recv() => stop("SIGINT", &drain),
                Some(()) = self.hang_up.recv() => match self.terminals.is_gone(Terminals::now()) {
                    true if is_stopping => continue,
                    true => stop("SIGHUP, as its terminal was closed", &drain),
                    false => {
                        reload.notify_one();
                        continue;
                    }
                },
                () = ended(&mut self.input) => stop("the end of its input", &drain),
                else => return,
            }
            is_stopping = true;
        }
    }
}

/// Waits for the end of `input`, once.
async fn ended(input: &mut Option<pipe::Receiver>) {
    let Some(pipe) = input else { return std::future::pending().await };
    let mut ignored = [0; 64];
    while pipe.read(&mut ignored).await.is_ok_and(|count| count > 0) {}
    *input = None;
}

fn stop(signal: &'static str, drain: &Drain) {
    tracing::info!(signal, "stopping on a signal");
    drain.stop();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_that_was_there_can_be_gone() {
        for (before, now, is_gone) in [
            ([true, true, true], [true, true, true], false),
            ([true, true, true], [false, false, false], true),
            ([false, false, true], [false, false, false], true),
            ([false, false, false], [false, false, false], false),
            ([false, true, false], [true, true, false], false),
        ] {
            assert_eq!(Terminals(before).is_gone(Terminals(now)), is_gone, "{before:?} {now:?}");
        }
    }
}

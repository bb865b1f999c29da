//! Signals: SIGTERM and SIGINT drain the process, a second one stops it at once; SIGHUP reloads.
//!
//! SIGHUP also comes when the terminal is closed in which the gateway was started: then it drains.

use std::{
    io::{self, IsTerminal, stderr, stdin, stdout},
    os::fd::AsFd,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

use crate::app::drain::Drain;

/// The system sends SIGHUP as it closes a terminal. A gateway may outlive its terminal (`disown`,
/// `nohup`): a SIGHUP that comes later than two of these asks for a reload.
const TERMINALS_EVERY: Duration = Duration::from_secs(2);

/// The signals that the gateway handles.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    terminals: TerminalWatch,
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

/// Tells a terminal that is being closed from one that was closed long ago.
#[derive(Debug)]
struct TerminalWatch {
    before: Terminals,
    /// Whether one was gone when this last looked.
    is_missed: bool,
}

impl TerminalWatch {
    /// Whether a SIGHUP that came now is about the terminal.
    fn is_closing(&self, now: Terminals) -> bool {
        self.before.is_gone(now)
    }

    /// Looks from time to time. Returns whether a terminal is now counted as gone.
    fn look(&mut self, now: Terminals) -> bool {
        let is_gone = self.before.is_gone(now);
        if is_gone && self.is_missed {
            *self = Self { before: now, is_missed: false };
            return true;
        }
        self.is_missed = is_gone;
        false
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
            terminals: TerminalWatch { before: Terminals::now(), is_missed: false },
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
        let mut looks = interval(TERMINALS_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick(), if self.terminals.before.0.contains(&true) => {
                    if self.terminals.look(Terminals::now()) {
                        tracing::info!("the terminal is gone, and the gateway goes on; from now on SIGHUP reads the configuration again");
                    }
                    continue;
                }
                Some(()) = self.terminate.recv() => stop("SIGTERM", &drain),
                Some(()) = self.interrupt.recv() => stop("SIGINT", &drain),
                Some(()) = self.hang_up.recv() => match self.terminals.is_closing(Terminals::now()) {
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

    #[test]
    fn a_terminal_that_was_gone_twice_closes_no_more() {
        let [here, gone] = [Terminals([true; 3]), Terminals([false; 3])];
        let mut watch = TerminalWatch { before: here, is_missed: false };
        assert!(!watch.is_closing(here) && watch.is_closing(gone));
        assert!(!watch.look(here) && !watch.look(gone) && watch.is_closing(gone));
        assert!(watch.look(gone) && !watch.is_closing(gone));
        assert!(!watch.look(gone), "it is told once");
    }
}

//! Signals: SIGTERM and SIGINT drain the process, a second one stops it at once; SIGHUP reloads.

use std::{io, sync::Arc};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};

use crate::app::drain::Drain;

/// The signals that the gateway handles.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
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
        })
    }

    /// Passes the signals to `drain` and `reload` until it is dropped.
    pub async fn relay(mut self, drain: Drain, reload: Arc<Notify>) {
        loop {
            tokio::select! {
                Some(()) = self.terminate.recv() => stop("SIGTERM", &drain),
                Some(()) = self.interrupt.recv() => stop("SIGINT", &drain),
                Some(()) = self.hang_up.recv() => reload.notify_one(),
                else => return,
            }
        }
    }
}

fn stop(signal: &'static str, drain: &Drain) {
    tracing::info!(signal, "stopping on a signal");
    drain.stop();
}

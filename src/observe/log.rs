//! Starts the log: JSON lines or text on standard error. A slow reader never delays requests.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{base::limits::operating::LOG_LINES_MAX, observe::lines::Lines};

/// The writer of the log. The process closes it at its end.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    lines: Lines,
    lost: AtomicU64,
}

/// Starts the log of this process: the gateway's events from `level` up, and those of libraries
/// from `warn` up, because at lower levels libraries print data.
///
/// # Errors
/// The log is already started, or the system cannot start a thread.
pub fn start(json: bool, level: Level) -> Result<Log, String> {
    // A failure to write to standard error cannot be reported anywhere.
    let lines =
        Lines::start("log", LOG_LINES_MAX, Box::new(io::stderr()), |_, _, _| {}).map_err(|fault| fault.to_string())?;
    let log = Log(Arc::new(Shared { lines, lost: AtomicU64::new(0) }));
    let which = Targets::new().with_default(LevelFilter::WARN).with_target(env!("CARGO_CRATE_NAME"), level);
    let layer = fmt::layer().with_writer(log.clone());
    let layer = if json {
        layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    } else {
        layer.with_ansi(false).with_target(false).boxed()
    };
    tracing_subscriber::registry().with(layer.with_filter(which)).try_init().map_err(|fault| fault.to_string())?;
    Ok(log)
}

impl Log {
    /// Writes the queued lines. Gives up after `patience`.
    pub fn close(&self, patience: Duration) {
        self.0.lines.close(patience);
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Log {
    /// Takes one whole event.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let lost = self.0.lost.swap(0, Ordering::Relaxed);
        if lost > 0
            && !self.0.lines.push(&format!(
                "{{\"level\":\"WARN\",\"message\":\"log lines were lost to a slow reader\",\"lost\":{lost}}}\n"
            ))
        {
            self.0.lost.fetch_add(lost, Ordering::Relaxed);
        }
        if !self.0.lines.push(&String::from_utf8_lossy(bytes)) {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

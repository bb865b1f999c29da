//! Sets up the log: JSON lines or text, to standard error, at one level. A reader that is slow costs lines, never requests.

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

use crate::{base::limits::LOG_LINES_MAX, observe::lines::Lines};

/// The log's writer, to be closed at the end.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    lines: Lines,
    lost: AtomicU64,
}

/// Starts the log of this process: ours at `level`, that of the libraries from warnings up, since at lower levels they print what passes through them.
///
/// # Errors
/// That there is one already, or that the system has no thread to give.
pub fn start(json: bool, level: Level) -> Result<Log, String> {
    // What cannot be written to standard error can be said nowhere.
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
    /// Has what waits written out; gives up after `patience` where nobody takes it.
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
    /// Takes one event, whole.
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

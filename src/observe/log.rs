//! Sets up the log: JSON lines or text, to standard error, at one level.

use std::io;

use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts the log of this process: ours at `level`, that of the libraries from warnings up, since at lower levels they print what passes through them.
///
/// # Errors
/// That there is one already.
pub fn start(json: bool, level: Level) -> Result<(), String> {
    let which = Targets::new().with_default(LevelFilter::WARN).with_target(env!("CARGO_CRATE_NAME"), level);
    let layer = fmt::layer().with_writer(io::stderr);
    let layer = if json {
        layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    } else {
        layer.with_target(false).boxed()
    };
    tracing_subscriber::registry().with(layer.with_filter(which)).try_init().map_err(|fault| fault.to_string())
}

//! `portcullis run`: serves until a signal stops it.

use std::{io, sync::Arc, time::Duration};

use tokio::{runtime, task::JoinSet};

use crate::{
    app::{App, StartFault, clock::SystemClock, descriptors, drain::Ended, signal::Signals},
    base::{clock::Clock, version::VERSION},
    cli::{
        demo_box::demo_box,
        terminal::{BAD_CONFIG, FAULT, complain, load, print},
    },
    config::{Settings, file::Loaded, problem::Problem, source::ConfigSource},
    observe::{Observe, audit::Audit, log, metrics::Metrics},
};

/// On exit, how long to wait for file operations that hang.
const BLOCKING_GRACE: Duration = Duration::from_secs(1);
/// On exit, how long to wait for a slow reader of the log or the audit lines.
const WRITER_GRACE: Duration = Duration::from_secs(2);

/// How a command starts the gateway.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    /// What the operator is told when it is ready: words, each with what it is about.
    pub told: Vec<(&'static str, String)>,
    /// Whether it stops when its standard input ends.
    pub until_input_ends: bool,
}

/// Serves with `config`.
pub(super) fn run(config: &ConfigSource, until_input_ends: bool) -> u8 {
    let beginning = Beginning { until_input_ends, ..Beginning::default() };
    load(config).map_or_else(|code| code, |loaded| run_loaded(config, loaded, &beginning))
}

/// Serves with `config`, which was read.
pub(super) fn run_loaded(config: &ConfigSource, loaded: Loaded, beginning: &Beginning) -> u8 {
    match serve(config, loaded, beginning) {
        Ok(Ended::Finished | Ended::Cut) => 0,
        Ok(Ended::Forced) => FAULT,
        Err(StartFault::Config(problems)) => {
            for problem in problems {
                complain(&config.placed(&problem));
            }
            BAD_CONFIG
        }
        Err(StartFault::Bind(sentence)) => {
            complain(&config.placed(&sentence));
            FAULT
        }
        Err(StartFault::System(cause)) => {
            complain(&cause);
            FAULT
        }
    }
}

fn serve(
    config: &ConfigSource,
    Loaded { settings, warnings, .. }: Loaded,
    of: &Beginning,
) -> Result<Ended, StartFault> {
    let log = log::start(settings.log.json, settings.log.level).map_err(StartFault::System)?;
    let ended = serve_logged(config, settings, &warnings, of);
    log.close(WRITER_GRACE);
    ended
}

fn serve_logged(
    config: &ConfigSource,
    settings: Settings,
    warnings: &[Problem],
    of: &Beginning,
) -> Result<Ended, StartFault> {
    let system = |what: &'static str| move |cause: io::Error| StartFault::System(format!("{what}: {cause}"));
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    descriptors::raise();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let metrics = Metrics::new();
    let audit = Audit::start(settings.log.json, Box::new(io::stdout()), metrics.audit_dropped())
        .map_err(system("the audit writer"))?;
    let observe = Observe::new(metrics, audit, Arc::clone(&clock));
    // The default is one worker for each CPU that the container may use.
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().map_err(system("the runtime"))?;
    let (demo, is_json) = (demo_box(config, &settings), settings.log.json);

    let ended = runtime.block_on(async {
        let signals = Signals::install().map_err(system("signals"))?;
        let signals = match of.until_input_ends {
            true => signals.with_end_of_input().map_err(system("standard input"))?,
            false => signals,
        };
        let app = App::bind(config.clone(), settings, &observe, &clock)?;
        app.examine_stores().await?;
        let addresses = app.addresses().map_err(system("listeners"))?;
        let mut relay = JoinSet::new();
        relay.spawn(signals.relay(app.drain(), app.reload()));
        let serving = || {
            addresses.iter().for_each(|line| print(line));
            tell(&of.told, is_json);
            // Never a line of the log: it has the password.
            demo.iter().for_each(|framed| complain(framed));
            print("ready");
            tracing::info!(version = VERSION, "serving");
        };
        let ended = Box::pin(app.serve(serving)).await;
        relay.shutdown().await;
        Ok(ended)
    });
    runtime.shutdown_timeout(BLOCKING_GRACE);
    observe.audit.close(WRITER_GRACE);
    ended
}

/// Standard error is for people. Programs that read it as JSON get one event in place of the
/// lines.
fn tell(told: &[(&'static str, String)], is_json: bool) {
    if told.is_empty() {
        return;
    }
    if is_json {
        let parts: Vec<String> = told.iter().map(|(word, rest)| format!("{word}: {rest}")).collect();
        tracing::info!("{}", parts.join("; "));
    } else {
        let lines: Vec<String> = told.iter().map(|(word, rest)| format!("  {word:<16}{rest}")).collect();
        complain(&lines.join("\n"));
    }
}

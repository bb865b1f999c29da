//! `check --online`: contacts what the gateway depends on, as `doctor` does.

use std::path::PathBuf;

use tokio::runtime;

use crate::{
    app::asking,
    cli::{
        doctor::{
            finding::Severity,
            output,
            own::{self, OwnFile},
        },
        terminal::{FAULT, complain, print},
    },
    config::{file::Loaded, source::ConfigSource},
};

/// Prints what is wrong with issuers, upstreams and stores. Returns the exit code.
pub(super) fn online(config: &ConfigSource, loaded: &Loaded) -> u8 {
    let asker = match asking::asker(None) {
        Ok(asker) => asker,
        Err(fault) => {
            complain(&fault.to_string());
            return FAULT;
        }
    };
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            complain(&cause.to_string());
            return FAULT;
        }
    };
    let path = PathBuf::from(config.to_string());
    let findings = runtime.block_on(own::check_elsewhere(&OwnFile { path: &path, loaded, asker: &asker }));
    runtime.shutdown_background();
    if !findings.is_empty() {
        print(output::text(&findings).trim_end());
    }
    u8::from(findings.iter().any(|finding| finding.severity == Severity::Fault))
}

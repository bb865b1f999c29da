//! `portcullis check`: prints every problem of a configuration, or what it configures.

use std::{path::Path, sync::Arc};

use crate::{
    app::{self, clock::SystemClock},
    base::clock::Clock,
    cli::{
        terminal::{BAD_CONFIG, complain, load, print},
        unobserved::unobserved,
    },
    config::Settings,
};

/// Checks the file at `path`.
pub(super) fn check(path: &Path) -> u8 {
    let loaded = match load(path) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    for warning in &loaded.warnings {
        complain(&format!("warning: {warning}"));
    }
    // Some problems show only when the parts are built: certificates, trust roots, paths.
    match buildable(&loaded.settings) {
        Ok(warnings) => {
            for warning in warnings {
                complain(&format!("warning: {}: {warning}", path.display()));
            }
        }
        Err(problems) => {
            for problem in problems {
                complain(&format!("{}: {problem}", path.display()));
            }
            return BAD_CONFIG;
        }
    }
    print(&format!("{}: ok, {}", path.display(), summary(&loaded.settings)));
    0
}

fn buildable(settings: &Settings) -> Result<Vec<String>, Vec<String>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let observe = unobserved(&clock).map_err(|fault| vec![fault.to_string()])?;
    app::check(settings, &observe, &clock)
}

fn summary(settings: &Settings) -> String {
    let servers = counted(settings.servers.len(), "server");
    let issuers = counted(settings.authorization_servers.len(), "authorization server");
    format!("{servers}, {issuers}")
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_singular() {
        assert_eq!(counted(1, "authorization server"), "1 authorization server");
        assert_eq!(counted(2, "server"), "2 servers");
        assert_eq!(counted(0, "server"), "0 servers");
    }
}

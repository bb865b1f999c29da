//! `portcullis check`: prints every problem of a configuration, or what it configures.

use std::{path::Path, sync::Arc};

use crate::{
    app::{self, clock::SystemClock},
    authorization_server::{
        keys::seal::Sealer,
        settings::{EmbeddedSettings, Login, StoreSettings},
    },
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
    for line in trusted(&loaded.settings) {
        print(&format!("{}: {line}", path.display()));
    }
    print(&format!("{}: ok, {}", path.display(), summary(&loaded.settings)));
    for line in seal_keys(&loaded.settings) {
        print(&line);
    }
    0
}

/// The ids by which `/readyz`, the metrics and the log name the keys that seal stores. A check does
/// not open a store: a running gateway holds its file, and knows better what a shared one needs.
fn seal_keys(settings: &Settings) -> Vec<String> {
    let stores = settings.embedded.iter().filter(|embedded| embedded.store != StoreSettings::Memory);
    let sealer = stores.filter_map(|embedded| Sealer::new(&embedded.seal_keys).ok()).next();
    let ids: Vec<_> = sealer.iter().flat_map(Sealer::ids).collect();
    let several = ids.iter().enumerate().filter(|_| ids.len() > 1);
    several
        .map(|(position, id)| match position {
            0 => format!("session_keys[0] is key {id}: it seals the store"),
            _ => format!("session_keys[{position}] is key {id}: remove it when the metric portcullis_store_key_needed of every replica is 0 for it"),
        })
        .collect()
}

fn buildable(settings: &Settings) -> Result<Vec<String>, Vec<String>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let observe = unobserved(&clock).map_err(|fault| vec![fault.to_string()])?;
    app::check(settings, &observe, &clock)
}

/// Which addresses count, for each embedded server that decides by an address.
fn trusted(settings: &Settings) -> Vec<String> {
    let by_email = |of: &EmbeddedSettings| {
        of.token_claims.iter().any(|claim| **claim == *"email")
            || of.grants.iter().any(|rule| rule.claims.iter().any(|(claim, _)| **claim == *"email"))
    };
    let line = |of: &EmbeddedSettings| {
        let which = match &of.login {
            Login::Accounts(_) => return None,
            Login::Oidc(oidc) if oidc.trust_email => "unless the provider says `email_verified: false`",
            Login::Oidc(_) => "only if the provider says `email_verified: true`",
        };
        by_email(of).then(|| format!("authorization_servers.{}: an `email` counts {which}", of.name))
    };
    settings.embedded.iter().filter_map(line).collect()
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

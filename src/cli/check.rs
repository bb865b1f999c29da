//! `portcullis check`: prints every problem of a configuration, or what it configures.

use std::sync::Arc;

use crate::{
    app::{checked, clock::SystemClock},
    authorization_server::settings::{EmbeddedSettings, Login, StoreSettings},
    base::clock::Clock,
    cli::{
        arguments::CheckFormat,
        check::{
            report::{
                CheckLevel::{Note, Problem, Warning},
                CheckReport,
            },
            seals::SealLine,
        },
        terminal::{BAD_CONFIG, print},
        unobserved::unobserved,
    },
    config::{ServerSettings, Settings, source::ConfigSource},
    decide::{
        json::pointer,
        policy::{covered::never_decide, rule::Access},
    },
};

mod online;
mod report;
mod seals;

/// Checks `config`; with `online`, also what it depends on.
pub(super) fn check(config: &ConfigSource, format: CheckFormat, online: bool) -> u8 {
    let mut report = CheckReport { config, format, places: None };
    let loaded = match config.load() {
        Ok(loaded) => loaded,
        Err(problems) => {
            problems.list().iter().for_each(|problem| report.of_reader(Problem, problem));
            return BAD_CONFIG;
        }
    };
    report.places = Some(&loaded.places);
    loaded.warnings.iter().for_each(|warning| report.of_reader(Warning, warning));
    // Some problems show only when the parts are built: certificates, trust roots, paths.
    match buildable(&loaded.settings) {
        Ok(warnings) => warnings.iter().for_each(|warning| report.about_key(Warning, warning)),
        Err(problems) => {
            problems.iter().for_each(|problem| report.about_key(Problem, problem));
            return BAD_CONFIG;
        }
    }
    for key in ended(&loaded.settings) {
        report.about_key(Warning, &format!("keys: the API key {key:?} has ended: its `not_after` is past"));
    }
    if let Some(note) = unshared(&loaded.settings) {
        report.about_key(Note, &note);
    }
    loaded.notes.iter().for_each(|note| report.of_reader(Note, note));
    if format == CheckFormat::Text {
        for line in public(&loaded.settings).iter().chain(&trusted(&loaded.settings)) {
            print(&config.placed(line));
        }
        print(&format!("{config}: ok, {}", summary(&loaded.settings)));
    }
    for line in seals::lines(&loaded.settings) {
        match line {
            SealLine::Told(line) if format == CheckFormat::Text => print(&line),
            SealLine::Told(_) => {}
            SealLine::Warned(line) => report.about_key(Warning, &format!("session_keys: {line}")),
        }
    }
    if online { online::online(config, &loaded) } else { 0 }
}

fn buildable(settings: &Settings) -> Result<Vec<String>, Vec<String>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let observe = unobserved(&clock).map_err(|fault| vec![fault.to_string()])?;
    checked::check(settings, &observe, &clock)
}

/// Names of API keys that no longer work.
fn ended(settings: &Settings) -> impl Iterator<Item = &str> {
    let now = SystemClock::start().now().wall;
    let keys = settings.api_keys.iter();
    keys.filter(move |key| key.not_after.is_some_and(|end| end <= now)).map(|key| &*key.name)
}

/// What everyone may use without a token.
fn public(settings: &Settings) -> Vec<String> {
    let each = |server: &ServerSettings| {
        let lost = match &server.policy.access {
            Access::Authenticated => Vec::new(),
            Access::Rules(rules) => never_decide(rules.iter().map(Some)),
        };
        let rules: Vec<String> = (server.policy.public())
            .filter(|(index, _)| !lost.iter().any(|covered| covered.rule == *index))
            .map(|(index, rule)| {
                format!("{} {} (rules[{index}])", rule.subject.key(), rule.subject.patterns().join(", "))
            })
            .collect();
        let lists = "lists as `hide` leaves them";
        (!rules.is_empty())
            .then(|| format!("servers.{}: anyone can use without a token: {}; {lists}", server.name, rules.join("; ")))
    };
    settings.servers.iter().filter_map(each).collect()
}

/// Public rules of a gateway that may have several replicas, which share no store: with
/// `session_keys` they share the seals of sessions. One replica needs them over a restart, too.
fn unshared(settings: &Settings) -> Option<String> {
    let is_shared = settings.embedded.iter().any(|of| matches!(of.store, StoreSettings::Redis(_)));
    let first = settings.servers.iter().find_map(|server| Some((&server.name, server.policy.public().next()?.0)));
    let (name, rule) = first.filter(|_| !settings.session_keys.is_empty() && !is_shared)?;
    Some(format!(
        "servers.{name}.rules[{rule}].public: with several replicas, a session that begins without a token is known to \
         one of them alone, and its client is told to begin a new one at the others; expected `store: {{redis: …}}` at an \
         embedded authorization server, or one replica for each client"
    ))
}

/// Which addresses count, for each embedded server that decides by an address.
fn trusted(settings: &Settings) -> Vec<String> {
    let by_email = |of: &EmbeddedSettings| {
        of.token_claims.iter().any(|claim| pointer::root(claim) == "email")
            || of.grants.iter().any(|rule| rule.claims.iter().any(|(claim, _)| pointer::root(claim) == "email"))
    };
    let line = |of: &EmbeddedSettings| {
        let which = match &of.login {
            Login::Accounts(_) => return None,
            Login::Oidc(oidc) if oidc.trust_email => "unless the provider says `email_verified: false`",
            Login::Oidc(_) => "only if the provider says `email_verified: true`",
            Login::GitHub(of) if of.place.verifies_email => {
                "only if it is the primary address at GitHub, and verified there"
            }
            Login::GitHub(of) if of.trust_email => "if it is the primary address, although the server verifies none",
            Login::GitHub(_) => "never: an Enterprise Server verifies no address",
        };
        by_email(of).then(|| format!("authorization_servers.{}: an `email` counts {which}", of.name))
    };
    settings.embedded.iter().filter_map(line).collect()
}

fn summary(settings: &Settings) -> String {
    let servers = counted(settings.servers.len(), "server");
    let issuers = counted(settings.authorization_servers.len(), "authorization server");
    let keys = settings.provenance.api_keys.as_ref();
    let keys = keys.map_or_else(String::new, |_| format!(", {}", counted(settings.api_keys.len(), "API key")));
    format!("{servers}, {issuers}{keys}")
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

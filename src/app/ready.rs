//! `/readyz`: decides whether the process and each of its servers should get requests.

use std::{
    collections::HashSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Map, Value, json};

use crate::outbound::keys::KeyState;

/// The state of the process that readiness depends on, besides its servers.
#[derive(Debug, Default)]
pub struct Readiness {
    listening: AtomicBool,
    draining: AtomicBool,
    /// Servers that were ready once: after a reload, a server may have no keys for a moment.
    were_ready: Mutex<HashSet<String>>,
    reload: Mutex<Option<String>>,
}

/// The state of one server that readiness depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerState {
    /// Its name.
    pub name: String,
    /// The issuers whose tokens it takes.
    pub issuers: Vec<IssuerState>,
}

/// The state of one issuer that readiness depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerState {
    /// Its name in the configuration.
    pub name: String,
    /// Whether there are keys to verify tokens with.
    pub keys: KeyState,
    /// The last error.
    pub last_error: Option<String>,
    /// A problem of its embedded authorization server.
    pub trouble: Option<String>,
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Why it is not ready; empty if it is ready.
    pub reasons: Vec<String>,
    /// Notes for the operator, which do not affect readiness.
    pub notes: Vec<String>,
    /// Each server, in the order of the configuration.
    pub servers: Vec<ServerReport>,
}

/// The answer of `/readyz/<server>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerReport {
    /// Its name.
    pub name: String,
    /// Why it is not ready; empty if it is ready.
    pub reasons: Vec<String>,
    /// Notes for the operator that do not make it unready.
    pub notes: Vec<String>,
}

impl Readiness {
    /// Records that all listeners serve.
    pub fn listening(&self) {
        self.listening.store(true, Ordering::Release);
    }

    /// Records that the drain has begun: the process is no longer ready.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Records why a reload was refused; `None` once the configuration file is in force.
    pub fn reload_refused(&self, why: Option<String>) {
        *self.reload.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// The report.
    ///
    /// A server is ready once one of its issuers has keys, and the process once one of its servers
    /// is. An issuer that fails later is a note: it fails for every replica at once, and if all of
    /// them were unready, clients would get no answer instead of a 503 for new tokens. An issuer
    /// that withdraws its keys is a reason: its tokens are no longer accepted.
    #[must_use]
    pub fn report(&self, servers: impl IntoIterator<Item = ServerState>) -> Report {
        let mut common = Vec::new();
        if self.draining.load(Ordering::Acquire) {
            common.push("draining".to_owned());
        }
        if !self.listening.load(Ordering::Acquire) {
            common.push("listeners: not serving yet".to_owned());
        }
        let servers = servers.into_iter().map(|server| self.of_server(server, &common)).collect();
        let mut report = Report { reasons: common, notes: Vec::new(), servers };
        let can_answer = report.servers.is_empty() || report.servers.iter().any(ServerReport::is_ready);
        for server in &report.servers {
            add_new(if can_answer { &mut report.notes } else { &mut report.reasons }, &server.reasons);
            add_new(&mut report.notes, &server.notes);
        }
        if let Some(why) = self.reload.lock().unwrap_or_else(PoisonError::into_inner).as_deref() {
            report.notes.push(format!("reload failed, the previous configuration stays in force: {why}"));
        }
        report
    }

    fn of_server(&self, server: ServerState, common: &[String]) -> ServerReport {
        let mut report = ServerReport { name: server.name, reasons: common.to_vec(), notes: Vec::new() };
        let mut were_ready = self.were_ready.lock().unwrap_or_else(PoisonError::into_inner);
        let was_ready = were_ready.contains(&report.name);
        // Without an authorization server it takes API keys alone, which need no issuer.
        let can_answer = server.issuers.is_empty()
            || server.issuers.iter().any(|issuer| match issuer.keys {
                KeyState::Usable | KeyState::TooOld => true,
                KeyState::Missing => was_ready,
                KeyState::Withdrawn => false,
            });
        for issuer in server.issuers {
            let name = &issuer.name;
            let error = issuer.last_error.as_deref();
            let why = match issuer.keys {
                KeyState::Usable => error.map(str::to_owned),
                KeyState::Missing => Some(error.unwrap_or("not fetched yet").to_owned()),
                KeyState::TooOld => Some(with(error, "too old: every token of this issuer gets 503")),
                KeyState::Withdrawn => {
                    Some(with(error, "withdrawn by the issuer: every token of this issuer gets 503"))
                }
            };
            let why = why.map(|why| format!("keys of authorization server {name}: {why}"));
            let into = if can_answer { &mut report.notes } else { &mut report.reasons };
            into.extend(why);
            report.notes.extend(issuer.trouble.map(|trouble| format!("authorization server {name}: {trouble}")));
        }
        if report.is_ready() {
            were_ready.insert(report.name.clone());
        }
        report
    }
}

fn with(error: Option<&str>, state: &str) -> String {
    error.map_or_else(|| state.to_owned(), |error| format!("{state}: {error}"))
}

/// Servers share issuers: removes repeated notes.
fn add_new(into: &mut Vec<String>, more: &[String]) {
    for one in more {
        if !into.contains(one) {
            into.push(one.clone());
        }
    }
}

impl Report {
    /// Whether the process is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The server of this name.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<&ServerReport> {
        self.servers.iter().find(|server| server.name == name)
    }

    /// The body of the answer.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut body = json(&self.reasons, &self.notes);
        let servers = self.servers.iter().map(|server| (server.name.clone(), Value::Bool(server.is_ready())));
        body.insert("servers".to_owned(), servers.collect::<Map<_, _>>().into());
        line(body)
    }
}

impl ServerReport {
    /// Whether it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The body of the answer.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        line(json(&self.reasons, &self.notes))
    }
}

fn json(reasons: &[String], notes: &[String]) -> Map<String, Value> {
    let members = [("ready", json!(reasons.is_empty())), ("reasons", json!(reasons)), ("notes", json!(notes))];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn line(body: Map<String, Value>) -> Vec<u8> {
    let mut text = Value::Object(body).to_string();
    text.push('\n');
    text.into_bytes()
}

#[cfg(test)]
mod tests;

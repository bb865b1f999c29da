//! Whether this process should get requests, and why not: `/readyz`.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;

/// What must be done once before the first request is welcome, and what may go wrong later.
#[derive(Debug, Default)]
pub struct Readiness {
    listening: AtomicBool,
    draining: AtomicBool,
    was_ready: AtomicBool,
    reload: Mutex<Option<String>>,
}

/// One issuer's keys, as far as readiness is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerState {
    /// Its name in the configuration.
    pub name: String,
    /// Whether there are keys to prove tokens with.
    pub has_keys: bool,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What must come to pass first; empty when ready.
    pub reasons: Vec<String>,
    /// What an operator should know all the same.
    pub notes: Vec<String>,
}

impl Readiness {
    /// All listeners are bound and serve.
    pub fn listening(&self) {
        self.listening.store(true, Ordering::Release);
    }

    /// The end has begun: no more requests, please.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// A reload was refused, or (`None`) the configuration in force is the one in the file.
    pub fn reload_refused(&self, why: Option<String>) {
        *self.reload.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// How things stand.
    ///
    /// An issuer without keys holds up the start and nothing later: when an issuer fails, every replica loses its keys at once, and
    /// taking all of them away would turn a 503 for new tokens into no answer for anybody.
    #[must_use]
    pub fn report(&self, issuers: impl IntoIterator<Item = IssuerState>) -> Report {
        let mut report = Report { reasons: Vec::new(), notes: Vec::new() };
        if self.draining.load(Ordering::Acquire) {
            report.reasons.push("draining".to_owned());
        }
        if !self.listening.load(Ordering::Acquire) {
            report.reasons.push("listeners: not serving yet".to_owned());
        }
        let was_ready = self.was_ready.load(Ordering::Acquire);
        for issuer in issuers {
            let why = issuer.last_error.as_deref();
            if issuer.has_keys {
                report.notes.extend(why.map(|why| format!("keys of authorization server {}: {why}", issuer.name)));
                continue;
            }
            let why = format!("keys of authorization server {}: {}", issuer.name, why.unwrap_or("not fetched yet"));
            if was_ready { report.notes.push(why) } else { report.reasons.push(why) }
        }
        if let Some(why) = self.reload.lock().unwrap_or_else(PoisonError::into_inner).as_deref() {
            report.notes.push(format!("reload failed, the configuration before stays in force: {why}"));
        }
        if report.is_ready() {
            self.was_ready.store(true, Ordering::Release);
        }
        report
    }
}

impl Report {
    /// Whether requests are welcome.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The body of the answer.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut body = json!({"ready": self.is_ready(), "reasons": self.reasons, "notes": self.notes}).to_string();
        body.push('\n');
        body.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(has_keys: bool, last_error: Option<&str>) -> IssuerState {
        IssuerState { name: "corporate".to_owned(), has_keys, last_error: last_error.map(str::to_owned) }
    }

    #[test]
    fn readiness_waits_for_listeners_and_keys_and_names_what_is_missing() {
        let readiness = Readiness::default();
        let report = readiness.report([issuer(false, None)]);
        assert_eq!(
            report.reasons,
            ["listeners: not serving yet", "keys of authorization server corporate: not fetched yet"]
        );
        readiness.listening();
        let report = readiness.report([issuer(false, Some("connect: refused"))]);
        assert_eq!(report.reasons, ["keys of authorization server corporate: connect: refused"]);
        assert!(!report.is_ready());
        assert!(readiness.report([issuer(true, None)]).is_ready());
    }

    #[test]
    fn an_issuer_that_fails_later_is_a_note() {
        let readiness = Readiness::default();
        readiness.listening();
        assert!(readiness.report([issuer(true, None)]).is_ready());
        for later in [issuer(false, Some("timeout")), issuer(true, Some("timeout"))] {
            let report = readiness.report([later]);
            assert!(report.is_ready());
            assert_eq!(report.notes, ["keys of authorization server corporate: timeout"]);
        }
    }

    #[test]
    fn a_refused_reload_is_a_note_until_one_is_taken_and_draining_is_the_end() {
        let readiness = Readiness::default();
        readiness.listening();
        readiness.reload_refused(Some("gateway.yaml:1:1 …".to_owned()));
        let report = readiness.report([]);
        assert!(report.is_ready());
        assert_eq!(report.notes, ["reload failed, the configuration before stays in force: gateway.yaml:1:1 …"]);
        readiness.reload_refused(None);
        assert!(readiness.report([]).notes.is_empty());
        readiness.draining();
        let report = readiness.report([]);
        assert_eq!(
            String::from_utf8(report.to_json()).unwrap(),
            "{\"notes\":[],\"ready\":false,\"reasons\":[\"draining\"]}\n"
        );
    }
}

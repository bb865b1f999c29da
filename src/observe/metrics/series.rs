//! The metrics of one server, resolved once, so that a request looks nothing up by its labels.

use std::{fmt, sync::OnceLock, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use crate::base::names::ServerName;

/// From a call answered out of memory to one that runs for minutes.
const DURATIONS_SECS: [f64; 17] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Every outcome, sorted. A word that is missing here still counts, by the slow way.
const OUTCOMES: [&str; 59] = [
    "allowed",
    "bad_params",
    "bad_request",
    "bad_session_header",
    "body_broken",
    "body_timeout",
    "body_too_large",
    "client_gone",
    "content_coding",
    "document",
    "expectation_failed",
    "forbidden",
    "foreign_origin",
    "header_mismatch",
    "headers_too_large",
    "insufficient_scope",
    "internal",
    "keys_unavailable",
    "loop",
    "malformed_authorization",
    "media_type",
    "method_not_allowed",
    "misdirected",
    "no_credential",
    "no_rule",
    "not_a_message",
    "not_found",
    "token_algorithm",
    "token_audience",
    "token_claims",
    "token_expired",
    "token_header",
    "token_in_form",
    "token_in_query",
    "token_issuer",
    "token_key_id",
    "token_malformed",
    "token_not_yet_valid",
    "token_oversize",
    "token_revoked",
    "token_scope_shape",
    "token_sender_constraint",
    "token_signature",
    "token_subject",
    "token_time",
    "token_type",
    "token_unknown_key",
    "too_many_sessions",
    "too_many_streams",
    "too_many_tasks",
    "two_credentials",
    "unknown_session",
    "unknown_task",
    "unreadable",
    "unsafe_uri",
    "upstream_answer",
    "upstream_timeout",
    "upstream_unreachable",
    "uri_too_long",
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    server: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    server: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    server: String,
    what: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Server {
    server: String,
}

/// The metrics that have a `server` label.
#[derive(Clone)]
pub(super) struct ServerFamilies {
    requests: Family<Outcome, Counter>,
    durations: Family<Server, Histogram, fn() -> Histogram>,
    reported: Family<Reason, Counter>,
    upstream_failures: Family<Failure, Counter>,
}

/// The series of one server, looked up once when a snapshot is built.
pub struct ServerSeries {
    /// The server.
    pub name: ServerName,
    outcomes: [OnceLock<Counter>; OUTCOMES.len()],
    durations: Histogram,
    families: ServerFamilies,
}

impl ServerFamilies {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS_SECS)),
            reported: Family::default(),
            upstream_failures: Family::default(),
        };
        registry.register("requests", "Requests that ended", families.requests.clone());
        registry.register("request_duration_seconds", "How long requests took", families.durations.clone());
        registry.register("reported", "What report_only rules would have refused", families.reported.clone());
        registry.register("upstream_failures", "Failures of the servers behind us", families.upstream_failures.clone());
        families
    }

    pub(super) fn series(&self, name: &ServerName) -> ServerSeries {
        let durations = self.durations.get_or_create_owned(&Server { server: name.to_string() });
        let series = ServerSeries {
            name: name.clone(),
            outcomes: [const { OnceLock::new() }; OUTCOMES.len()],
            durations,
            families: self.clone(),
        };
        // At zero from the start, so that a rate over it has a beginning.
        series.with(ALLOWED, |_| ());
        series
    }
}

const ALLOWED: &str = "allowed";

impl ServerSeries {
    /// A request was allowed, and relayed to its end.
    pub fn allowed(&self) {
        self.count(ALLOWED);
    }

    /// A request was refused for this reason, as the refusal's row spells it.
    pub fn refused(&self, reason: &'static str) {
        self.count(reason);
    }

    /// A request was answered without a decision: metadata, preflight.
    pub fn document(&self) {
        self.count("document");
    }

    /// The client left before the answer began.
    pub fn client_gone(&self) {
        self.count("client_gone");
    }

    /// How long a request took.
    pub fn took(&self, duration: Duration) {
        self.durations.observe(duration.as_secs_f64());
    }

    /// A `report_only` rule would have refused.
    pub fn reported(&self, reason: &'static str) {
        let labels = Reason { server: self.name.to_string(), reason };
        self.families.reported.get_or_create(&labels).inc();
    }

    /// The server behind us failed: `connect`, `tls`, `timeout`, `answer`, `broke_off` …
    pub fn upstream_failed(&self, what: &'static str) {
        let labels = Failure { server: self.name.to_string(), what };
        self.families.upstream_failures.get_or_create(&labels).inc();
    }

    fn count(&self, outcome: &'static str) {
        self.with(outcome, |counter| {
            counter.inc();
        });
    }

    fn with(&self, outcome: &'static str, act: impl FnOnce(&Counter)) {
        let look_up =
            || self.families.requests.get_or_create_owned(&Outcome { server: self.name.to_string(), outcome });
        let slot = OUTCOMES.binary_search(&outcome).ok().and_then(|index| self.outcomes.get(index));
        match slot {
            Some(slot) => act(slot.get_or_init(look_up)),
            None => act(&look_up()),
        }
    }
}

impl fmt::Debug for ServerSeries {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ServerSeries").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_sorted_so_that_each_is_found() {
        assert!(OUTCOMES.is_sorted_by(|a, b| a < b));
    }

    /// Reads the table of refusals itself, so that a new word there shows here.
    #[test]
    fn every_reason_of_a_refusal_has_its_place() {
        let table = include_str!("../../decide/refusal.rs");
        let (rows, faults) = table.split_once("impl PresentationFault").unwrap();
        let rows = rows.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split('"').nth(1));
        let faults = faults.lines().filter_map(|line| {
            let (_, word) = line.trim().strip_prefix("Self::")?.split_once("=> \"")?;
            Some(word.trim_end_matches("\","))
        });
        let words: Vec<&str> = rows.chain(faults).filter(|word| !word.contains(' ')).collect();
        assert!(words.len() > 50, "the table was not found");
        for word in words {
            assert!(OUTCOMES.binary_search(&word).is_ok() || word.starts_with("invalid_"), "{word}");
        }
    }
}

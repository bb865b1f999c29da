//! The metrics of one server, resolved once so that requests do not look up labels.

use std::{fmt, sync::OnceLock, time::Duration};

use http::{Method, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use crate::{
    base::names::ServerName,
    decide::refusal::{Refusal, told::Told},
    observe::{
        end::End,
        refusals::RefusalLines,
        request_id::RequestId,
        upstream::{UpstreamOutcome, Warnings},
        upstream_errors::UpstreamErrors,
    },
};

/// Buckets from a call that is answered at once to a call that runs for minutes.
const DURATIONS_SECS: [f64; 17] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Every outcome, sorted. An outcome that is missing here is still counted, but more slowly.
const OUTCOMES: [&str; 86] = [
    "allowed",
    "api_key_form",
    "api_key_server",
    "api_key_unknown",
    "bad_params",
    "bad_request",
    "bad_session_header",
    "batch_refused",
    "body_broken",
    "body_timeout",
    "body_too_large",
    "client_gone",
    "content_coding",
    "document",
    "expectation_failed",
    "forbidden",
    "foreign_origin",
    "head_timeout",
    "header_mismatch",
    "headers_too_large",
    "insufficient_scope",
    "internal",
    "introspection_unavailable",
    "keys_unavailable",
    "large_without_token",
    "loop",
    "malformed_authorization",
    "media_type",
    "method_not_allowed",
    "misdirected",
    "misdirected_tls",
    "no_credential",
    "no_room_without_token",
    "no_rule",
    "not_a_message",
    "not_found",
    "null_origin",
    "other_issuer",
    "overloaded_body_bytes",
    "overloaded_descriptors",
    "overloaded_requests",
    "pinned_query",
    "service_worker",
    "sessions_unavailable",
    "sign_in_needed",
    "token_algorithm",
    "token_audience",
    "token_claims",
    "token_client",
    "token_expired",
    "token_header",
    "token_in_form",
    "token_in_query",
    "token_inactive",
    "token_issuer",
    "token_key_id",
    "token_malformed",
    "token_no_audience",
    "token_not_yet_valid",
    "token_oversize",
    "token_required_claim",
    "token_revoked",
    "token_scope_shape",
    "token_sender_constraint",
    "token_signature",
    "token_subject",
    "token_time",
    "token_type",
    "token_unknown_key",
    "too_many_body_bytes",
    "too_many_requests",
    "too_many_sessions",
    "too_many_streams",
    "too_many_tasks",
    "two_credentials",
    "unknown_session",
    "unknown_task",
    "unreadable",
    "unsafe_path",
    "unsafe_uri",
    "upstream_answer",
    "upstream_busy",
    "upstream_error",
    "upstream_timeout",
    "upstream_unreachable",
    "uri_too_long",
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    server: String,
    outcome: &'static str,
    upstream: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decided {
    server: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    server: String,
    ended: &'static str,
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
pub(super) struct ServerLabel {
    pub(super) server: String,
}

/// The metrics that have a `server` label.
#[derive(Clone)]
pub(super) struct ServerFamilies {
    requests: Family<Outcome, Counter>,
    decisions: Family<Decided, Counter>,
    ended: Family<Ended, Counter>,
    durations: Family<ServerLabel, Histogram, fn() -> Histogram>,
    reported: Family<Reason, Counter>,
    upstream_failures: Family<Failure, Counter>,
}

/// The series of one server, looked up once when a snapshot is built.
pub struct ServerSeries {
    /// The server.
    pub name: ServerName,
    /// Counters of allowed requests, by the outcome at the upstream.
    allowed: [OnceLock<Counter>; UpstreamOutcome::COUNT],
    /// Counters of allowed requests that failed at the upstream, by its outcome.
    erred: [OnceLock<Counter>; UpstreamOutcome::COUNT],
    /// Counters of requests that did not get to the upstream.
    outcomes: [OnceLock<Counter>; OUTCOMES.len()],
    decisions: [OnceLock<Counter>; OUTCOMES.len()],
    ended: [OnceLock<Counter>; End::ALL.len()],
    durations: Histogram,
    warnings: Warnings,
    errors: UpstreamErrors,
    refusals: RefusalLines,
    families: ServerFamilies,
}

impl ServerFamilies {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self {
            requests: Family::default(),
            decisions: Family::default(),
            ended: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS_SECS)),
            reported: Family::default(),
            upstream_failures: Family::default(),
        };
        registry.register("requests", "Requests that ended", families.requests.clone());
        registry.register(
            "decisions",
            "Decisions, one for each thing that a request names",
            families.decisions.clone(),
        );
        registry.register("requests_ended", "Why the answers to requests ended", families.ended.clone());
        registry.register("request_duration_seconds", "How long requests took", families.durations.clone());
        registry.register("reported", "What report_only rules would have refused", families.reported.clone());
        registry.register("upstream_failures", "Failures of upstreams", families.upstream_failures.clone());
        families
    }

    pub(super) fn series(&self, name: &ServerName) -> ServerSeries {
        let durations = self.durations.get_or_create_owned(&ServerLabel { server: name.to_string() });
        let series = ServerSeries {
            name: name.clone(),
            allowed: [const { OnceLock::new() }; UpstreamOutcome::COUNT],
            erred: [const { OnceLock::new() }; UpstreamOutcome::COUNT],
            outcomes: [const { OnceLock::new() }; OUTCOMES.len()],
            decisions: [const { OnceLock::new() }; OUTCOMES.len()],
            ended: [const { OnceLock::new() }; End::ALL.len()],
            durations,
            warnings: Warnings::new(),
            errors: UpstreamErrors::new(),
            refusals: RefusalLines::new(),
            families: self.clone(),
        };
        // At zero from the start, so that a rate has a first value.
        series.with_request(ALLOWED, UpstreamOutcome::Ok, |_| ());
        series
    }
}

/// The outcome of an allowed request.
pub const ALLOWED: &str = "allowed";
/// The outcome of an allowed request that failed at the upstream.
pub const UPSTREAM_ERROR: &str = "upstream_error";

impl ServerSeries {
    /// A request ended. `outcome` is `allowed`, `upstream_error`, the reason of a refusal,
    /// `document` (no decision needed) or `client_gone` (the client left before a decision).
    pub fn request(&self, outcome: &'static str, upstream: UpstreamOutcome, end: End) {
        self.with_request(outcome, upstream, |counter| {
            counter.inc();
        });
        let look_up =
            || self.families.ended.get_or_create_owned(&Ended { server: self.name.to_string(), ended: end.as_str() });
        if let Some(slot) = self.ended.get(end.index()) {
            slot.get_or_init(look_up).inc();
        }
    }

    /// A target of a request was allowed or refused.
    pub fn decided(&self, outcome: &'static str) {
        let look_up =
            || self.families.decisions.get_or_create_owned(&Decided { server: self.name.to_string(), outcome });
        match place(outcome).and_then(|index| self.decisions.get(index)) {
            Some(slot) => slot.get_or_init(look_up).inc(),
            None => look_up().inc(),
        };
    }

    /// The duration of a request.
    pub fn took(&self, duration: Duration) {
        self.durations.observe(duration.as_secs_f64());
    }

    /// A `report_only` rule would have refused.
    pub fn reported(&self, reason: &'static str) {
        let labels = Reason { server: self.name.to_string(), reason };
        self.families.reported.get_or_create(&labels).inc();
    }

    /// The upstream failed while it answered `request`: `connect`, `tls`, `timeout`, `answer`,
    /// `broke_off` … All failures are counted; for each kind, at most one warning is logged every
    /// ten seconds.
    pub fn upstream_failed(&self, what: &'static str, cause: &dyn fmt::Display, request: RequestId) {
        self.upstream_failed_again(what);
        self.warnings.warn(&self.name, what, cause, request);
    }

    /// As [`Self::upstream_failed`], for a failure that is logged already.
    pub fn upstream_failed_again(&self, what: &'static str) {
        let labels = Failure { server: self.name.to_string(), what };
        self.families.upstream_failures.get_or_create(&labels).inc();
    }

    /// A request was refused. `told`: what is known besides the refusal.
    pub fn refused(&self, refusal: &Refusal, told: Option<&Told>, request: RequestId) {
        self.refusals.tell(&self.name, refusal, told, request);
    }

    /// The upstream at this URL answered with an error. It is logged, and is not a failure.
    pub fn upstream_erred(
        &self,
        status: StatusCode,
        asked: (&dyn fmt::Display, &str),
        path: Option<&str>,
        request: RequestId,
    ) {
        self.errors.warn(&self.name, status, asked, path, request);
    }

    /// The upstream answered 406 to a client whose `accept` lacks what MCP prescribes.
    pub fn accept_lacks(&self, url: &dyn fmt::Display, accept: &str, method: &Method, request: RequestId) {
        self.errors.accept_lacks(&self.name, url, (accept, method), request);
    }

    /// The upstream answered `status` to the first request of a client, as servers do that do not
    /// know `host`. It is logged like a failure, but is not counted as one.
    pub fn host_refused(&self, status: StatusCode, host: &str, request: RequestId) {
        self.warnings.host_refused(&self.name, status, host, request);
    }

    /// There is no room to go on reading an answer of the upstream.
    pub fn cut_for_room(&self, is_compressed: bool, held: u64, key: &'static str, request: RequestId) {
        self.warnings.cut_for_room(&self.name, (is_compressed, held, key), request);
    }

    fn with_request(&self, outcome: &'static str, upstream: UpstreamOutcome, act: impl FnOnce(&Counter)) {
        let look_up = || {
            let labels = Outcome { server: self.name.to_string(), outcome, upstream: upstream.as_str() };
            self.families.requests.get_or_create_owned(&labels)
        };
        let slot = match upstream {
            _ if outcome == ALLOWED => self.allowed.get(upstream.index()),
            _ if outcome == UPSTREAM_ERROR => self.erred.get(upstream.index()),
            UpstreamOutcome::None => place(outcome).and_then(|index| self.outcomes.get(index)),
            _ => None,
        };
        match slot {
            Some(slot) => act(slot.get_or_init(look_up)),
            None => act(&look_up()),
        }
    }
}

/// The index of an outcome in [`OUTCOMES`]; the most frequent outcome is the first.
fn place(outcome: &str) -> Option<usize> {
    if outcome == ALLOWED { Some(0) } else { OUTCOMES.binary_search(&outcome).ok() }
}

impl fmt::Debug for ServerSeries {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ServerSeries").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::refusal::testing::every_row;

    #[test]
    fn outcomes_are_sorted_so_that_each_is_found() {
        assert!(OUTCOMES.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn every_reason_of_a_refusal_has_its_place() {
        for reason in every_row().iter().map(|refusal| refusal.row().reason) {
            assert!(OUTCOMES.binary_search(&reason).is_ok(), "{reason}");
        }
    }
}

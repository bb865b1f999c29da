//! The outcome of a request at the upstream, and the warnings about failures of upstreams.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use http::StatusCode;

use crate::{
    base::names::ServerName,
    observe::{request_id::RequestId, sampled::Sampled},
};

/// The first failure of a kind is logged at once, the next one after this time.
const WARNING_EVERY: Duration = Duration::from_secs(10);

/// The outcome of a request at the upstream: the label `upstream` of a metric, and a field of the
/// audit line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamOutcome {
    /// It was not asked, or the client left before it answered.
    #[default]
    None,
    /// It answered with a status below 400.
    Ok,
    /// It answered with a status from 400 to 499.
    Error4xx,
    /// It answered with a status from 500.
    Error5xx,
    /// It broke off before its answer was whole.
    BrokeOff,
    /// Its answer may not be relayed: a redirect, a challenge of its own, a list that cannot be
    /// filtered.
    Unfit,
    /// It could not be reached, or had no room.
    Unreachable,
    /// It did not answer in time.
    Timeout,
}

impl UpstreamOutcome {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// The outcome that the status of an answer means, as long as nothing else goes wrong.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            500.. => Self::Error5xx,
            400.. => Self::Error4xx,
            _ => Self::Ok,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ok => "ok",
            Self::Error4xx => "error_4xx",
            Self::Error5xx => "error_5xx",
            Self::BrokeOff => "broke_off",
            Self::Unfit => "unfit",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
        }
    }

    /// Its place among all, below [`Self::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether the answer failed by the upstream's fault. An error that it answered is an answer.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::BrokeOff | Self::Unfit | Self::Unreachable | Self::Timeout)
    }
}

/// The warnings about one server: one for each kind of failure, then at most one every ten seconds.
#[derive(Debug)]
pub(super) struct Warnings(Sampled<&'static str>);

impl Warnings {
    pub(super) const fn new() -> Self {
        Self(Sampled::new(WARNING_EVERY, 1))
    }

    /// `kind` failed because of `cause`.
    pub(super) fn warn(&self, server: &ServerName, kind: &'static str, cause: &dyn Display, request: RequestId) {
        if let Some(others) = self.0.admit(kind, Instant::now()) {
            let advice = advice(kind);
            tracing::warn!(%server, kind, %cause, advice, others, %request, "the upstream failed");
        }
    }
}

/// What to do about a kind of failure.
fn advice(kind: &str) -> &'static str {
    match kind {
        "timeout" => "see why the upstream is slow, or raise upstream.response_timeout",
        "broken" | "broke_off" => "look in the upstream's log: it closed the connection before its answer was whole",
        "answer" => {
            "the upstream must serve MCP itself at upstream.url, without redirects and without a login of its own"
        }
        "busy" => "raise limits.upstream_connections, or the number of streams that the upstream takes",
        "resolve_timeout" => "check the name servers of this host",
        "connect_timeout" | "tls_timeout" => "see why the upstream is slow, or raise upstream.connect_timeout",
        _ => "check that the upstream runs, and upstream.url",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_place_and_its_word() {
        use UpstreamOutcome::{BrokeOff, Error4xx, Error5xx, None, Ok, Timeout, Unfit, Unreachable};
        let all = [None, Ok, Error4xx, Error5xx, BrokeOff, Unfit, Unreachable, Timeout];
        assert_eq!(all.len(), UpstreamOutcome::COUNT);
        for (index, outcome) in all.into_iter().enumerate() {
            assert_eq!(outcome.index(), index);
        }
        for (status, outcome) in
            [(200, Ok), (202, Ok), (304, Ok), (400, Error4xx), (499, Error4xx), (500, Error5xx), (599, Error5xx)]
        {
            assert_eq!(UpstreamOutcome::of_status(StatusCode::from_u16(status).unwrap()), outcome, "{status}");
        }
    }
}

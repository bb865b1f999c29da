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

/// The first failure of a kind is logged at once, the next failure after this time.
const WARNING_EVERY: Duration = Duration::from_secs(10);

/// The outcome of a request at the upstream: the label `upstream` of a metric, and a field of the
/// audit line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamOutcome {
    /// The upstream was not asked, or the client left before its answer.
    #[default]
    None,
    /// A status below 400.
    Ok,
    /// A status from 400 to 499.
    Error4xx,
    /// A status of 500 or more.
    Error5xx,
    /// The upstream broke off its answer.
    BrokeOff,
    /// The answer may not be relayed: a redirect, a challenge, a list that cannot be filtered.
    Unfit,
    /// The upstream could not be reached, or had no room.
    Unreachable,
    /// The upstream did not answer in time.
    Timeout,
}

impl UpstreamOutcome {
    /// The number of outcomes.
    pub const COUNT: usize = 8;

    /// The outcome by the status of an answer, if nothing else goes wrong.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            500.. => Self::Error5xx,
            400.. => Self::Error4xx,
            _ => Self::Ok,
        }
    }

    /// The label.
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

    /// The index of the outcome, below [`Self::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether the upstream failed to answer. An error status is an answer.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::BrokeOff | Self::Unfit | Self::Unreachable | Self::Timeout)
    }
}

/// The warnings about one server: at most one every ten seconds for each kind of failure.
#[derive(Debug)]
pub(super) struct Warnings(Sampled<&'static str>);

impl Warnings {
    pub(super) const fn new() -> Self {
        Self(Sampled::new(WARNING_EVERY, 1))
    }

    /// `kind` failed because of `cause`.
    pub(super) fn warn(&self, server: &ServerName, kind: &'static str, cause: &dyn Display, request: RequestId) {
        if let Some(others) = self.0.admit(kind, Instant::now()) {
            let advice = advice(kind, &cause.to_string());
            tracing::warn!(%server, kind, %cause, advice, others, %request, "the upstream failed");
        }
    }

    /// The upstream answered `status` to the first request of a client, as servers do that do not
    /// know `host`.
    pub(super) fn host_refused(&self, server: &ServerName, status: StatusCode, host: &str, request: RequestId) {
        if let Some(others) = self.0.admit("host", Instant::now()) {
            tracing::warn!(
                %server, status = status.as_u16(), host, others, %request,
                "the upstream refuses the first request of a client; most such upstreams check the Host header: \
                 have the upstream accept this host (`--allowed-hosts`, `allowed_hosts`), or the proxy before it \
                 send one that it accepts"
            );
        }
    }

    /// There is no room to go on reading an answer: `held` bytes count in the bound of `key`.
    pub(super) fn cut_for_room(
        &self,
        server: &ServerName,
        (is_compressed, held, key): (bool, u64, &'static str),
        request: RequestId,
    ) {
        let kind = if is_compressed { "no_room_to_decode" } else { "no_room" };
        let Some(others) = self.0.admit(kind, Instant::now()) else { return };
        if is_compressed {
            tracing::warn!(
                %server, held, key, others, %request,
                "a compressed answer was cut off: there is no room for what decodes it; have the server, or the proxy \
                 before it, not compress event streams (text/event-stream), or raise the key"
            );
        } else {
            tracing::warn!(
                %server, held, key, others, %request,
                "an event stream was cut off: there is no room for an event that must be read; raise the key"
            );
        }
    }
}

/// What to do about a kind of failure.
fn advice(kind: &str, cause: &str) -> &'static str {
    match kind {
        "answer" if cause.contains("compressed bytes") => {
            "find what compresses answers between the gateway and the server, and switch that off for this server"
        }
        "answer" if cause.contains("Mcp-Session-Id") => {
            "have the server issue session ids of visible ASCII, no longer than 4096 bytes"
        }
        "timeout" => "see why the upstream is slow, or raise upstream.response_timeout",
        "broken" | "broke_off" => "look in the upstream's log: it closed the connection before its answer was whole",
        "answer" => "the upstream must serve MCP at upstream.url, without redirects and without a login",
        "path_answer" => {
            "look at what the upstream answers at this path: have it answer without a login, or remove the path from `paths`"
        }
        "path_redirect" => {
            "add the target to `paths` of this server, or its host to `upstream.aliases` if it is another name of the upstream; \
             a redirect to another server, such as a signed URL of a file store, cannot be passed on"
        }
        "busy" => "raise limits.upstream_connections, or the number of streams that the upstream allows",
        "plain_http" => "write http:// in upstream.url, or the port that speaks TLS",
        "tls_port" => "write https:// in upstream.url, or the port that speaks plain HTTP",
        "tls_refused" => {
            "see whether the upstream has a certificate for the host of upstream.url; check upstream.tls, if it asks for one"
        }
        "tls_own" => "check upstream.tls.certificate and upstream.tls.key, which the upstream asks for",
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

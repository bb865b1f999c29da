//! The audit log: caller, server, target, verdict, rule, end; never arguments or tokens.
//!
//! The lines go to standard output: one JSON object a line, or `key=value` if `log.format` is
//! `text`. They are an interface: `audit` is its version, and grows when a field changes its
//! meaning or is removed; fields may be added. A field without a value is left out.
//!
//! When each `event` is written:
//!
//! - `decided`: when a request is refused, when its answer begins to stream, or when its answer
//!   ends; at the latest a second after the request arrived and was decided. One line for each
//!   target of the request
//! - `ended`: when the answer ends, with the same `request`. If a request with one target ends
//!   before its `decided` line is written, the `decided` line has the fields of both
//! - `violation`: when a connection broke HTTP, or failed its TLS handshake, in a way that ended
//!   it: at most ten lines a second for each `reason`
//!
//! Each request has one line with the field `ended`. A request with several targets, such as a
//! batch, has a `decided` line for each target, with `index`, and one `ended` line.
//!
//! The fields:
//!
//! - `audit`: 2
//! - `event`: `decided`, `ended` or `violation`
//! - `time`: when the request arrived; for `ended` and `violation`, when it ended or broke HTTP.
//!   RFC 3339 in UTC
//! - `request`: the id of the request, unique among all processes; log lines about the request have
//!   it, too
//! - `server`: the key of `servers:`; absent if the path names no server
//! - `peer`: the address of the client
//! - `issuer`, `client`: `iss` and client of the verified token; absent where none was verified
//! - `principal`: the user, as 32 hexadecimal digits: the first half of
//!   `printf '%s\0%s' "$iss" "$sub" | sha256sum`; where `subject_claims` picked another claim, of
//!   `printf 'claim\0%s\0%s\0%s' "$claim" "$iss" "$value" | sha256sum`
//! - `token`: the token, computed in the same way from `iss` and `jti`; absent without a `jti`
//! - `index`: the number of this target among those of the request, from 0; absent if there is one
//!   target
//! - `method`: the JSON-RPC method; the HTTP method for a path beside the MCP endpoint, a stream,
//!   the end of a session, and a method that is refused
//! - `target_kind`: `open`, `tool`, `prompt`, `resource`, `template`, `method`, `task`,
//!   `task_list`, `stream`, `end_session`
//!   or `path` (a path beside the MCP endpoint)
//! - `target`: name or URI. Of a URI, the values of its query, its user and its fragment are left
//!   out, because keys stand there: `https://drive.example/x?token=…`. A JWT in a path is cut
//! - `targets`: the number of targets, if there are several; those after the fiftieth have no line
//! - `verdict`: `allowed`, `refused`, or `unfinished` if the client left before a verdict
//! - `reason`: why it was refused, as in `data.reason` of the answer; `batch_refused` for a target
//!   that was refused only because of another target of its batch; `upstream_…` for a request that
//!   was allowed and then failed (`upstream_error`: the upstream answered with an error itself,
//!   other than the 404 and 405 that MCP prescribes and a 4xx beside the MCP endpoint);
//!   for a violation, its name
//!   ([`crate::decide::fields::framing::violation::Violation`]), or `tls_handshake`, `tls_alert`
//!   (the client refused the handshake), `tls_timeout`, `tls_no_certificate`
//! - `claim`: the claim of the token that is absent or wrong, if that is why it was refused;
//!   several are joined with commas
//! - `found`: what came that was refused: method and target, the path without its query, the host,
//!   the origin, the claim, the fault of the body. Never a token, nor the value of a claim about a
//!   person
//! - `expected`: what would have been accepted. The log has both, and what to do
//! - `rule`: the index of the deciding rule in the server's `rules`; absent if no rule decided
//! - `reported`: the reason why a `report_only` rule would have refused
//! - `required_scopes`, `granted_scopes`: if scope was missing, or would have been missing, so that
//!   each step-up can be traced
//! - `denied_as`: how the answer says that the rules refused: `challenge` (with
//!   `WWW-Authenticate`), `error` (without), or `tool_error` (status 200, and a result that the
//!   model can read)
//! - `ungranted_scopes`: an embedded authorization server issued a code to `client` for
//!   `principal`, without these scopes, which `grants` do not give to this user
//! - `status`: the HTTP status of the answer; 499 if the client left before it; absent while the
//!   gateway waits for the upstream
//! - `streamed`: `true` if the answer is an event stream
//! - `upstream`: the outcome at the upstream: `ok`, `error_4xx`, `error_5xx`, `broke_off`, `unfit`,
//!   `unreachable`, `timeout`; absent if it was not asked or has not answered yet
//! - `upstream_status`: the HTTP status of the upstream's answer, if it is an error or was not
//!   relayed
//! - `ended`: why the answer ended: `finished`, `client_gone`, `client_stalled`, `drain`,
//!   `permit_expired`, `upstream_failed`, or `overloaded` if there was no room for the next event
//!   of a stream that must be read
//! - `duration_ms`: from the head's arrival to the last byte
//! - `listener`: for a violation: the address of the listener
//! - `suppressed`: for a violation: how many others with this reason were left out since the last
//!   line; a line without `peer` only gives this number
//!
//! Text from outside is shortened ([`TEXT_BYTES_MAX`], [`TARGET_BYTES_MAX`], then `…`) and escaped,
//! so that the name of a tool cannot begin a new line.

use std::{
    io::{self, Write},
    net::IpAddr,
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;

use crate::{
    base::{
        limits::operating::AUDIT_LINES_MAX,
        names::Scope,
        shown::path_kept,
        shown_uri::{template_shown, uri_shown},
    },
    observe::{audit::line::Line, end::End, lines::Lines, request_id::RequestId, upstream::UpstreamOutcome},
};

mod line;

/// The version of the format. It grows when a field changes its meaning or is removed.
const VERSION: u64 = 2;
/// Bytes of a target that are written.
pub const TARGET_BYTES_MAX: usize = 256;
/// Bytes of any other text from outside.
pub const TEXT_BYTES_MAX: usize = 128;
/// Scopes of one list.
const SCOPES_MAX: usize = 64;

/// The facts of a line about a request.
#[derive(Clone, Copy, Debug)]
pub struct AuditEntry<'a> {
    /// `decided` or `ended`.
    pub event: AuditEvent,
    /// When the request arrived or ended, since 1970.
    pub wall: Duration,
    /// The id of the request.
    pub request: RequestId,
    /// The server's name; empty if the path names no server.
    pub server: &'a str,
    /// The address that connected.
    pub peer: IpAddr,
    /// What was decided.
    pub decision: Option<Decision<'a>>,
    /// Why it was refused after it was allowed, or what failed.
    pub failure: Option<&'static str>,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// The HTTP status of the upstream's answer, if that is an error or was not relayed.
    pub upstream_status: Option<u16>,
    /// Whether the answer is an event stream.
    pub streamed: bool,
    /// The outcome at the upstream.
    pub upstream: UpstreamOutcome,
    /// Why and when the answer ended.
    pub end: Option<(End, Duration)>,
}

/// The kind of a line about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditEvent {
    /// The decision, perhaps with the end.
    Decided,
    /// Only the end.
    Ended,
}

/// The decision about one target of a request.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// The caller, if the token was verified.
    pub who: Option<Who<'a>>,
    /// The index of the target, and the number of targets, if there are several.
    pub index: Option<(usize, usize)>,
    /// The JSON-RPC method.
    pub method: Option<&'a str>,
    /// Kind and name of the target.
    pub target: Option<(&'static str, Option<&'a str>)>,
    /// The verdict.
    pub verdict: Verdict,
    /// The claim of the token that is why it was refused.
    pub claim: Option<&'a str>,
    /// What came that was refused; empty if that is not known.
    pub found: &'a str,
    /// What would have been accepted; empty if that is not known.
    pub expected: &'a str,
    /// Index of the rule that decided.
    pub rule: Option<usize>,
    /// Why a `report_only` rule would have refused.
    pub reported: Option<&'static str>,
    /// The needed scopes, and the scopes of the token.
    pub scopes: Option<(&'a [Scope], &'a [Scope])>,
    /// How the answer says that the rules refused.
    pub denied_as: Option<&'static str>,
    /// What a client asked for and a user cannot get.
    pub ungranted: &'a [Scope],
}

/// The facts of a line about a connection that broke HTTP.
#[derive(Clone, Copy, Debug)]
pub struct ViolationLine<'a> {
    /// The time, since 1970.
    pub wall: Duration,
    /// The address of the listener; absent in a line that only gives a number.
    pub listener: Option<&'a str>,
    /// The address that connected.
    pub peer: Option<IpAddr>,
    /// The label of the violation.
    pub reason: &'static str,
    /// The HTTP status of the answer, if there was an answer.
    pub status: Option<u16>,
    /// How many other violations had no line.
    pub suppressed: u64,
}

/// The caller of a request.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// The user, as a digest.
    pub principal: &'a str,
    /// The token, as a digest.
    pub token: Option<&'a str>,
    /// The client.
    pub client: Option<&'a str>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed.
    Allowed,
    /// Refused for this reason.
    Refused(&'static str),
    /// The client left before the decision.
    Unfinished,
}

/// Writes audit lines. A slow reader loses lines and never delays requests.
pub struct Audit {
    lines: Lines,
    json: bool,
    dropped: Counter,
}

impl Audit {
    /// Starts the writer. Lines that cannot be written are counted in `dropped`.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(json: bool, sink: Box<dyn Write + Send>, dropped: Counter) -> io::Result<Self> {
        let lost = dropped.clone();
        let lines = Lines::start("audit", AUDIT_LINES_MAX, sink, move |lines, fault, is_first| {
            lost.inc_by(u64::try_from(lines).unwrap_or(u64::MAX));
            if is_first {
                tracing::error!(%fault, "audit lines cannot be written; lost lines are counted");
            }
        })?;
        Ok(Self { lines, json, dropped })
    }

    /// Queues one line. Never waits for the sink: if too many lines wait already, the line is
    /// counted and dropped.
    pub fn write(&self, entry: &AuditEntry<'_>) {
        self.push(&render(entry, self.json));
    }

    /// Queues one line about a violation.
    pub fn write_violation(&self, violation: &ViolationLine<'_>) {
        self.push(&render_violation(violation, self.json));
    }

    fn push(&self, line: &str) {
        if !self.lines.push(line) {
            self.dropped.inc();
        }
    }

    /// Writes the queued lines and ends the writer. Gives up after `patience`.
    pub fn close(&self, patience: Duration) {
        self.lines.close(patience);
    }
}

fn render(entry: &AuditEntry<'_>, json: bool) -> String {
    let mut line = Line::begin(json);
    line.number("audit", VERSION);
    line.word("event", if entry.event == AuditEvent::Decided { "decided" } else { "ended" });
    line.time("time", entry.wall);
    line.request("request", entry.request);
    if !entry.server.is_empty() {
        line.text("server", entry.server, TEXT_BYTES_MAX);
    }
    line.address("peer", entry.peer);
    if let Some(decision) = &entry.decision {
        add_decision(&mut line, decision, entry.failure);
    } else if let Some(reason) = entry.failure {
        line.word("reason", reason);
    }
    if let Some(status) = entry.status {
        line.number("status", u64::from(status));
    }
    if entry.streamed {
        line.word("streamed", "true");
    }
    if entry.upstream != UpstreamOutcome::None {
        line.word("upstream", entry.upstream.as_str());
    }
    if let Some(status) = entry.upstream_status {
        line.number("upstream_status", u64::from(status));
    }
    if let Some((end, duration)) = entry.end {
        line.word("ended", end.as_str());
        line.millis("duration_ms", duration);
    }
    line.end()
}

fn render_violation(violation: &ViolationLine<'_>, json: bool) -> String {
    let mut line = Line::begin(json);
    line.number("audit", VERSION);
    line.word("event", "violation");
    line.time("time", violation.wall);
    if let Some(listener) = violation.listener {
        line.text("listener", listener, TEXT_BYTES_MAX);
    }
    if let Some(peer) = violation.peer {
        line.address("peer", peer);
    }
    line.word("verdict", "refused");
    line.word("reason", violation.reason);
    if let Some(status) = violation.status {
        line.number("status", u64::from(status));
    }
    if violation.suppressed > 0 {
        line.number("suppressed", violation.suppressed);
    }
    line.end()
}

fn add_decision(line: &mut Line, decision: &Decision<'_>, failure: Option<&'static str>) {
    if let Some(who) = decision.who {
        line.text("issuer", who.issuer, TARGET_BYTES_MAX);
        line.text("principal", who.principal, TEXT_BYTES_MAX);
        if let Some(token) = who.token {
            line.text("token", token, TEXT_BYTES_MAX);
        }
        if let Some(client) = who.client {
            line.text("client", client, TEXT_BYTES_MAX);
        }
    }
    if let Some((index, _)) = decision.index {
        line.number("index", index as u64);
    }
    if let Some(method) = decision.method {
        line.text("method", method, TEXT_BYTES_MAX);
    }
    if let Some((kind, name)) = decision.target {
        line.word("target_kind", kind);
        match name {
            Some(uri) if kind == "resource" => line.shown("target", &uri_shown(uri), TARGET_BYTES_MAX),
            Some(uri) if kind == "template" => line.shown("target", &template_shown(uri), TARGET_BYTES_MAX),
            Some(path) if kind == "path" => line.shown("target", &path_kept(path), TARGET_BYTES_MAX),
            Some(name) => line.text("target", name, TARGET_BYTES_MAX),
            None => {}
        }
    }
    if let Some((_, targets)) = decision.index {
        line.number("targets", targets as u64);
    }
    let (verdict, reason) = match decision.verdict {
        Verdict::Allowed => ("allowed", failure),
        Verdict::Refused(reason) => ("refused", Some(reason)),
        Verdict::Unfinished => ("unfinished", None),
    };
    line.word("verdict", verdict);
    if let Some(reason) = reason {
        line.word("reason", reason);
    }
    if let Some(claim) = decision.claim {
        line.text("claim", claim, TEXT_BYTES_MAX);
    }
    if !decision.found.is_empty() {
        line.text("found", decision.found, TARGET_BYTES_MAX);
    }
    if !decision.expected.is_empty() {
        line.text("expected", decision.expected, TARGET_BYTES_MAX);
    }
    if let Some(rule) = decision.rule {
        line.number("rule", rule as u64);
    }
    if let Some(reported) = decision.reported {
        line.word("reported", reported);
    }
    if let Some((required, granted)) = decision.scopes {
        line.list("required_scopes", required.iter().take(SCOPES_MAX).map(Scope::as_str), TEXT_BYTES_MAX);
        line.list("granted_scopes", granted.iter().take(SCOPES_MAX).map(Scope::as_str), TEXT_BYTES_MAX);
    }
    if let Some(form) = decision.denied_as {
        line.word("denied_as", form);
    }
    if !decision.ungranted.is_empty() {
        let ungranted = decision.ungranted.iter().take(SCOPES_MAX);
        line.list("ungranted_scopes", ungranted.map(Scope::as_str), TEXT_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests;

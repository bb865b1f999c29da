//! One line for each decision: who, where, what, verdict, rule, how long; never arguments or tokens.
//!
//! The lines go to standard output, JSON objects (or `key=value` where `log.format` is `text`), one each. They are an interface:
//! `audit` is its version, and grows when a field changes its meaning or goes away; fields may be added. A field that has nothing
//! to say is left out.
//!
//! | field | is |
//! |---|---|
//! | `audit` | 1 |
//! | `time` | when the request arrived, RFC 3339 in UTC |
//! | `server` | the key of `servers:`; absent where the path names none |
//! | `peer` | the address that connected |
//! | `issuer`, `client` | `iss` and client of the proved token; absent where none was proved |
//! | `principal` | who, as 32 hexadecimal digits: `printf '%s\0%s' "$iss" "$sub" \| sha256sum`, the front of it |
//! | `token` | which token, in the same way of `iss` and `jti`; absent where it has none |
//! | `method` | the JSON-RPC method |
//! | `target_kind` | `open`, `tool`, `prompt`, `resource`, `template`, `method`, `task`, `task_list`, `several` (a batch), `stream` or `end_session` |
//! | `target` | name or URI, the first where there are several |
//! | `targets` | how many, where there are several |
//! | `verdict` | `allowed`, `refused`, or `unfinished` where the client left before one |
//! | `reason` | why it was refused: the words of `data.reason` in the answer; also `upstream_…` for what was allowed and then failed |
//! | `rule` | index in the server's `rules` of the rule that decided; absent where none did |
//! | `reported` | the reason for which a `report_only` rule would have refused |
//! | `required_scopes`, `granted_scopes` | where scope was missing, or would have been: each elevation can be traced |
//! | `status` | HTTP status that went out; 499 where the client left before it |
//! | `duration_ms` | to the last byte |
//! | `streamed` | `true` where the answer was an event stream |
//! | `broke_off` | `true` where the answer broke off after its head, by the upstream's fault |
//!
//! Text from outside is cut ([`TEXT_BYTES_MAX`], [`TARGET_BYTES_MAX`], then `…`) and escaped, so that a tool's name cannot start a line of its own.

use std::{
    io::{self, Write},
    net::IpAddr,
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;

use crate::{
    base::{limits::AUDIT_LINES_MAX, names::Scope},
    observe::{audit::line::Line, lines::Lines},
};

mod line;

/// Bytes of a target that are written.
pub const TARGET_BYTES_MAX: usize = 256;
/// Bytes of any other text from outside.
pub const TEXT_BYTES_MAX: usize = 128;
/// Scopes of one list.
const SCOPES_MAX: usize = 64;

/// What a line says.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// When the request arrived, since 1970.
    pub wall: Duration,
    /// The server's name; empty where the path names none.
    pub server: &'a str,
    /// The address that connected.
    pub peer: IpAddr,
    /// Whose token was proved.
    pub who: Option<Who<'a>>,
    /// The JSON-RPC method.
    pub method: Option<&'a str>,
    /// Kind, first name and number of what is touched.
    pub target: Option<(&'static str, Option<&'a str>, usize)>,
    /// The verdict.
    pub verdict: Verdict,
    /// Index of the rule that decided.
    pub rule: Option<usize>,
    /// Why a `report_only` rule would have refused.
    pub reported: Option<&'static str>,
    /// What the operation needs, and what the token grants.
    pub scopes: Option<(&'a [Scope], &'a [Scope])>,
    /// HTTP status that went out.
    pub status: u16,
    /// From the head's arrival to the last byte.
    pub duration: Duration,
    /// Whether the answer was an event stream.
    pub streamed: bool,
    /// Whether the upstream broke it off.
    pub broke_off: bool,
}

/// Whose token it was.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// Who, as a digest.
    pub principal: &'a str,
    /// Which token, as a digest.
    pub token: Option<&'a str>,
    /// The client.
    pub client: Option<&'a str>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed.
    Allowed,
    /// Refused, for this reason.
    Refused(&'static str),
    /// The client left before it was decided.
    Unfinished,
}

/// Writes audit lines; a reader that is slow costs lines, never requests.
pub struct Audit {
    lines: Lines,
    json: bool,
    dropped: Counter,
}

impl Audit {
    /// Starts the writer. Lines that cannot be written are counted in `dropped`.
    ///
    /// # Errors
    /// The system's, where it has no thread to give.
    pub fn start(json: bool, sink: Box<dyn Write + Send>, dropped: Counter) -> io::Result<Self> {
        let lost = dropped.clone();
        let lines = Lines::start("audit", AUDIT_LINES_MAX, sink, move |lines, fault, is_first| {
            lost.inc_by(u64::try_from(lines).unwrap_or(u64::MAX));
            if is_first {
                tracing::error!(%fault, "audit lines cannot be written; they are counted and lost");
            }
        })?;
        Ok(Self { lines, json, dropped })
    }

    /// Leaves one line. Never waits for the sink: where too many lines wait already, this one is counted and lost.
    pub fn write(&self, decision: &Decision<'_>) {
        if !self.lines.push(&render(decision, self.json)) {
            self.dropped.inc();
        }
    }

    /// Has what waits written out and ends the writer; gives up after `patience` where the sink does not take it.
    pub fn close(&self, patience: Duration) {
        self.lines.close(patience);
    }
}

fn render(decision: &Decision<'_>, json: bool) -> String {
    let mut line = Line::begin(json);
    line.number("audit", 1);
    line.time("time", decision.wall);
    if !decision.server.is_empty() {
        line.text("server", decision.server, TEXT_BYTES_MAX);
    }
    line.plain("peer", decision.peer);
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
    if let Some(method) = decision.method {
        line.text("method", method, TEXT_BYTES_MAX);
    }
    if let Some((kind, first, count)) = decision.target {
        line.word("target_kind", kind);
        if let Some(first) = first {
            line.text("target", first, TARGET_BYTES_MAX);
        }
        if count > 1 {
            line.number("targets", count as u64);
        }
    }
    match decision.verdict {
        Verdict::Allowed => line.word("verdict", "allowed"),
        Verdict::Refused(reason) => {
            line.word("verdict", "refused");
            line.word("reason", reason);
        }
        Verdict::Unfinished => line.word("verdict", "unfinished"),
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
    line.number("status", u64::from(decision.status));
    line.millis("duration_ms", decision.duration);
    if decision.streamed {
        line.word("streamed", "true");
    }
    if decision.broke_off {
        line.word("broke_off", "true");
    }
    line.end()
}

#[cfg(test)]
mod tests;

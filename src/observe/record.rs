//! The story of one request, filled along the way, written once when it ends.

use std::{net::IpAddr, sync::Arc, time::Duration};

use http::StatusCode;

use crate::{
    base::{clock::Now, text::Text},
    decide::{mcp::target::Target, refusal::Refusal, token::claims::Caller},
    observe::{
        Observe,
        audit::{Decision, Verdict, Who},
        metrics::{Held, ServerSeries},
    },
};

/// nginx's word for a client that left before the answer; never sent.
const CLIENT_GONE: u16 = 499;

/// Filled by the steps of a request; dropping it counts the request and writes its audit line, also when the request's future is dropped half-way.
pub struct Record {
    observe: Arc<Observe>,
    opened: Now,
    peer: IpAddr,
    server: Option<Arc<ServerSeries>>,
    caller: Option<Arc<Caller>>,
    method: Option<Text>,
    target: Option<Named>,
    verdict: Verdict,
    refusal: Option<Refusal>,
    rule: Option<usize>,
    reported: Option<Refusal>,
    status: Option<StatusCode>,
    streaming: Option<Streaming>,
    broke_off: bool,
    _in_flight: Held,
}

/// What of a target a line says.
struct Named {
    kind: &'static str,
    first: Option<Text>,
    count: usize,
}

struct Streaming {
    head_after: Duration,
    _open: Held,
}

impl Record {
    /// Opens the record of a request from `peer` whose head arrived at `now`.
    #[must_use]
    pub fn open(observe: &Arc<Observe>, now: Now, peer: IpAddr) -> Self {
        Self {
            observe: Arc::clone(observe),
            opened: now,
            peer,
            server: None,
            caller: None,
            method: None,
            target: None,
            verdict: Verdict::Unfinished,
            refusal: None,
            rule: None,
            reported: None,
            status: None,
            streaming: None,
            broke_off: false,
            _in_flight: observe.metrics.request_open(),
        }
    }

    /// The server that the path names.
    pub fn server(&mut self, series: &Arc<ServerSeries>) {
        self.server = Some(Arc::clone(series));
    }

    /// Who asks, once it is proved.
    pub fn caller(&mut self, caller: &Arc<Caller>) {
        self.caller = Some(Arc::clone(caller));
    }

    /// What is asked.
    pub fn asked(&mut self, method: &Text, target: &Target) {
        self.method = (!method.is_empty()).then(|| method.clone());
        self.target = Some(Named::of(target));
    }

    /// It was allowed: by which rule, and what a `report_only` rule would have refused.
    pub fn permitted(&mut self, rule: Option<usize>, reported: Option<&Refusal>) {
        self.verdict = Verdict::Allowed;
        self.rule = rule;
        self.reported = reported.cloned();
    }

    /// It was refused; or it was allowed, and then failed for this reason.
    pub fn refused(&mut self, refusal: &Refusal) {
        self.verdict = Verdict::Refused(refusal.row().reason);
        if let Refusal::Forbidden { rule } = refusal {
            self.rule = Some(*rule);
        }
        self.refusal = Some(refusal.clone());
    }

    /// The rule that decided, where neither permit nor refusal names it.
    pub fn decided_by(&mut self, rule: Option<usize>) {
        self.rule = self.rule.or(rule);
    }

    /// The status that went out.
    pub fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// The answer is an event stream: counted as open until the record is dropped. It may stay for hours, so it lets go of the
    /// buffer that the request came in.
    pub fn streams(&mut self) {
        for text in
            [self.method.as_mut(), self.target.as_mut().and_then(|target| target.first.as_mut())].into_iter().flatten()
        {
            *text = Text::from(text.as_str());
        }
        self.streaming = Some(Streaming { head_after: self.elapsed(), _open: self.observe.metrics.stream_open() });
    }

    /// The answer broke off: the upstream's fault, after its head was relayed.
    pub fn broke_off(&mut self) {
        self.broke_off = true;
    }

    fn elapsed(&self) -> Duration {
        self.observe.clock.now().mono.saturating_sub(self.opened.mono)
    }

    fn count(&self, duration: Duration) {
        let series = self.server.as_ref().unwrap_or(&self.observe.unrouted);
        match (self.verdict, self.status) {
            (Verdict::Refused(reason), _) => series.refused(reason),
            (_, None) => series.client_gone(),
            (Verdict::Allowed, _) => series.allowed(),
            (Verdict::Unfinished, _) => series.document(),
        }
        if let Some(reported) = &self.reported {
            series.reported(reported.row().reason);
        }
        if self.broke_off {
            series.upstream_failed("broke_off");
        }
        series.took(self.streaming.as_ref().map_or(duration, |streaming| streaming.head_after));
    }

    fn audit(&self, duration: Duration) {
        let about_scope = self.refusal.as_ref().or(self.reported.as_ref());
        let needed = match about_scope {
            Some(Refusal::Scope { needed, .. }) => Some(needed.as_slice()),
            _ => None,
        };
        let caller = self.caller.as_deref();
        self.observe.audit.write(&Decision {
            wall: self.opened.wall,
            server: self.server.as_ref().map_or("", |series| series.name.as_str()),
            peer: self.peer,
            who: caller.map(|caller| Who {
                issuer: caller.issuer(),
                principal: caller.principal(),
                token: caller.token_id(),
                client: caller.client(),
            }),
            method: self.method.as_deref(),
            target: self.target.as_ref().map(|named| (named.kind, named.first.as_deref(), named.count)),
            verdict: self.verdict,
            rule: self.rule,
            reported: self.reported.as_ref().map(|refusal| refusal.row().reason),
            scopes: needed.map(|needed| (needed, caller.map_or(&[][..], Caller::scopes))),
            status: self.status.map_or(CLIENT_GONE, |status| status.as_u16()),
            duration,
            streamed: self.streaming.is_some(),
            broke_off: self.broke_off,
        });
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let duration = self.elapsed();
        self.count(duration);
        // A document that anyone may read is no decision.
        if self.verdict != Verdict::Unfinished || self.status.is_none() {
            self.audit(duration);
        }
    }
}

impl Named {
    fn of(target: &Target) -> Self {
        let one = |kind, name: &Text| Self { kind, first: Some(name.clone()), count: 1 };
        let none = |kind| Self { kind, first: None, count: 0 };
        match target {
            Target::Open => none("open"),
            Target::Tool(name) => one("tool", name),
            Target::Prompt(name) => one("prompt", name),
            Target::Resources(uris) => Self { kind: "resource", first: uris.first().cloned(), count: uris.len() },
            Target::Template(template) => one("template", template),
            Target::Method(method) => one("method", method),
            Target::Tasks { ids, .. } => Self { kind: "task", first: ids.first().cloned(), count: ids.len() },
            Target::TaskList => none("task_list"),
            Target::Several(parts) => match parts.as_slice() {
                [one] => Self::of(one),
                several => Self { kind: "several", first: None, count: several.len() },
            },
            Target::Stream => none("stream"),
            Target::EndSession => none("end_session"),
        }
    }
}

#[cfg(test)]
mod tests;

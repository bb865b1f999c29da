//! The record of one request: collects facts, writes audit lines, counts the end.

use std::{net::IpAddr, sync::Arc, time::Duration};

use http::StatusCode;

pub use crate::observe::{
    end::End,
    facts::{Judged, Ungranted},
};
use crate::{
    base::{clock::Now, text::Text},
    decide::{
        mcp::{denial::DenialForm, request::target::Target},
        refusal::{
            Refusal,
            row::{By, PolicyRefusal, UpstreamFailure},
            told::Told,
        },
        token::caller::Caller,
    },
    observe::{
        audit::{AuditEntry, AuditEvent, Verdict},
        facts::{Facts, Named, SeparateTargets},
        metrics::{ALLOWED, Held, ServerSeries, UPSTREAM_ERROR},
        observer::Observe,
        upstream::UpstreamOutcome,
    },
};

#[cfg(test)]
mod tests;
mod upstream;

/// The status that nginx logs if the client left before the answer; never sent.
const CLIENT_GONE: u16 = 499;
/// If a request takes longer than this, its decision is written before it ends.
const TOLD_AFTER: Duration = Duration::from_millis(500);

/// The record of one request, filled by its steps. On drop it counts the request and writes its
/// end, even if the request's future is dropped early.
pub struct Record {
    observe: Arc<Observe>,
    /// Shared, and unchanged, while the decision waits to be written.
    facts: Arc<Facts>,
    telling: Telling,
    /// The failure of an allowed request.
    failure: Option<Refusal>,
    upstream: UpstreamOutcome,
    /// The status of the upstream's answer.
    upstream_status: Option<StatusCode>,
    /// Whether that status is an error which MCP prescribes.
    is_right: bool,
    status: Option<StatusCode>,
    streaming: Option<Streaming>,
    end: Option<End>,
    /// Whether the answer has a body that is relayed.
    relays: bool,
    /// Whether the client left before the answer.
    has_left: bool,
    _in_flight: Held,
}

/// The state of the audit line.
#[derive(Clone, Copy)]
enum Telling {
    /// No decision yet.
    Open,
    /// Decided and not written yet, with the index of the waiting facts.
    Decided(usize),
    /// The decision is written.
    Told,
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
            facts: Arc::new(Facts::new(observe.ids.next(), now, peer)),
            observe: Arc::clone(observe),
            telling: Telling::Open,
            failure: None,
            upstream: UpstreamOutcome::None,
            upstream_status: None,
            is_right: false,
            status: None,
            streaming: None,
            end: None,
            relays: false,
            has_left: false,
            _in_flight: observe.metrics.request_open(),
        }
    }

    /// The server that the path names.
    pub fn server(&mut self, series: &Arc<ServerSeries>) {
        self.learn(|facts| facts.server = Some(Arc::clone(series)));
    }

    /// The caller, once its token is verified.
    pub fn caller(&mut self, caller: &Arc<Caller>) {
        self.learn(|facts| facts.caller = Some(Arc::clone(caller)));
    }

    /// The method and target of the request.
    pub fn asked(&mut self, method: &Text, target: &Target) {
        self.learn(|facts| {
            facts.method = (!method.is_empty()).then(|| method.clone());
            facts.target = Some(Named::of(target));
            if !facts.is_several() {
                facts.parts = SeparateTargets::of(method, target);
            }
        });
    }

    /// The methods and targets of a batch.
    pub fn asked_together(&mut self, each: Vec<(Text, Target)>) {
        self.learn(|facts| facts.parts = SeparateTargets::together(each));
    }

    /// Evaluates the rules for each target of a batch separately.
    pub fn judge_each(&mut self, judge: impl Fn(&Target) -> Judged) {
        self.learn(|facts| facts.parts.judge(judge));
    }

    /// The request was allowed by `rule`. `reported` is the refusal of a `report_only` rule.
    pub fn permitted(&mut self, rule: Option<usize>, reported: Option<&Refusal>) {
        self.learn(|facts| {
            facts.verdict = Verdict::Allowed;
            facts.rule = rule;
            facts.reported = reported.cloned();
        });
    }

    /// An embedded authorization server issued a code, with fewer scopes than the client asked for.
    pub fn ungranted(&mut self, ungranted: Box<Ungranted>) {
        self.learn(|facts| {
            facts.verdict = Verdict::Allowed;
            facts.ungranted = Some(ungranted);
        });
    }

    /// The decision is final. It is written soon, even if the request does not end.
    pub fn decided(&mut self) {
        if let Telling::Open = self.telling {
            self.telling = Telling::Decided(self.observe.untold.put(&self.facts));
        }
    }

    /// The request was refused, or was allowed and failed, for this reason. A client that left
    /// during its body was not refused.
    pub fn refused(&mut self, refusal: &Refusal) {
        let row = refusal.row();
        let (rule, upstream) = match row.by {
            By::Departure => {
                self.has_left = true;
                return;
            }
            By::Policy(PolicyRefusal::Rule(rule)) => (Some(rule), UpstreamOutcome::None),
            By::Policy(PolicyRefusal::Scope(_) | PolicyRefusal::NoRule | PolicyRefusal::UnsafeUri(_)) | By::Gateway => {
                (None, UpstreamOutcome::None)
            }
            By::Upstream(UpstreamFailure::Unreachable) => (None, UpstreamOutcome::Unreachable),
            By::Upstream(UpstreamFailure::Timeout) => (None, UpstreamOutcome::Timeout),
            By::Upstream(UpstreamFailure::Unfit) => (None, UpstreamOutcome::Unfit),
        };
        let told = self.facts.told.as_deref();
        series(&self.observe, &self.facts).refused(refusal, told, self.facts.id);
        if let Refusal::EmailUnverified { rule } = refusal {
            self.observe.email_unverified(&series(&self.observe, &self.facts).name, *rule);
        }
        if let Telling::Open = self.telling {
            self.learn(|facts| {
                facts.verdict = Verdict::Refused(row.reason);
                facts.rule = rule.or(facts.rule);
                facts.refusal = Some(refusal.clone());
            });
            return;
        }
        if self.upstream == UpstreamOutcome::None {
            self.upstream = upstream;
        }
        self.failure = Some(refusal.clone());
    }

    /// What the operator is told of the refusal that follows, where more is known than it says.
    pub fn told(&mut self, told: Option<Told>) {
        if let Some(told) = told {
            self.learn(|facts| facts.told = Some(Box::new(told)));
        }
    }

    /// The deciding rule, if neither permit nor refusal names it.
    pub fn decided_by(&mut self, rule: Option<usize>) {
        self.learn(|facts| facts.rule = facts.rule.or(rule));
    }

    /// How the answer says that the rules refused.
    pub fn denied_as(&mut self, form: DenialForm) {
        self.learn(|facts| facts.denied_as = Some(form.as_str()));
    }

    /// The status of the answer.
    pub fn answered(&mut self, status: StatusCode) {
        self.status = (!self.has_left).then_some(status);
    }

    /// The answer has a body that is relayed. It counts as finished only if [`Self::ends`] says so:
    /// the record may also be dropped because the client left.
    pub fn relays(&mut self) {
        self.relays = true;
    }

    /// The answer is an event stream with this status: writes the decision now, and counts the
    /// stream as open until the record is dropped. A stream may last for hours, so the record
    /// drops the facts that keep the request's body in memory.
    pub fn streams(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.streaming = Some(Streaming { head_after: self.elapsed(), _open: self.observe.metrics.stream_open() });
        if self.is_untold() {
            self.telling = Telling::Told;
            tell(&self.observe, &self.facts, &self.entry(AuditEvent::Decided));
        }
        let Facts { id, opened, peer, verdict, ref server, .. } = *self.facts;
        let server = server.clone();
        self.facts = Arc::new(Facts { server, verdict, ..Facts::new(id, opened, peer) });
    }

    /// Why the answer ends. Only the first reason counts.
    pub fn ends(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    fn learn(&mut self, change: impl FnOnce(&mut Facts)) {
        if let Some(facts) = Arc::get_mut(&mut self.facts) {
            change(facts);
        }
    }

    /// Whether no line has the decision yet. If none has it, takes it out of those that wait, so
    /// that only this record writes it.
    fn is_untold(&mut self) -> bool {
        match self.telling {
            Telling::Open => true,
            Telling::Told => false,
            Telling::Decided(index) => self.observe.untold.take(index, &self.facts),
        }
    }

    fn elapsed(&self) -> Duration {
        self.observe.clock.now().mono.saturating_sub(self.facts.opened.mono)
    }

    /// Why the answer ended.
    fn ended(&self) -> End {
        if let Some(end) = self.end {
            return end;
        }
        match self.status {
            _ if self.upstream.is_failure() => End::UpstreamFailed,
            Some(_) if !self.relays => End::Finished,
            _ if self.observe.is_cut() => End::Drain,
            _ => End::ClientGone,
        }
    }

    /// The final verdict: a failure of the upstream does not change it.
    fn verdict(&self) -> Verdict {
        match &self.failure {
            Some(refusal) if !self.upstream.is_failure() => Verdict::Refused(refusal.row().reason),
            _ => self.facts.verdict,
        }
    }

    fn entry(&self, event: AuditEvent) -> AuditEntry<'_> {
        AuditEntry {
            failure: self.failed_because(),
            upstream_status: self.upstream_error_status(),
            status: self.status.map(|status| status.as_u16()),
            streamed: self.streaming.is_some(),
            upstream: self.upstream,
            ..entry(&self.facts, event)
        }
    }

    fn count(&self, duration: Duration, end: End) {
        let series = series(&self.observe, &self.facts);
        let outcome = match (self.verdict(), self.status) {
            (Verdict::Refused(reason), _) => reason,
            (Verdict::Allowed, _) if self.is_upstream_error() => UPSTREAM_ERROR,
            (Verdict::Allowed, _) => ALLOWED,
            (Verdict::Unfinished, None) => "client_gone",
            (Verdict::Unfinished, Some(_)) => "document",
        };
        series.request(outcome, self.upstream, end);
        series.took(self.streaming.as_ref().map_or(duration, |streaming| streaming.head_after));
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (duration, end, untold) = (self.elapsed(), self.ended(), self.is_untold());
        self.count(duration, end);
        let status = Some(self.status.map_or(CLIENT_GONE, |status| status.as_u16()));
        let (Now { wall, .. }, ended) = (self.facts.opened, Some((end, duration)));
        let ending = AuditEntry { status, end: ended, wall: wall + duration, ..self.entry(AuditEvent::Ended) };
        let is_decided = self.facts.verdict != Verdict::Unfinished;
        if !untold {
            self.observe.audit.write(&ending);
        } else if is_decided && self.facts.is_several() {
            let decided = AuditEntry { status, ..self.entry(AuditEvent::Decided) };
            tell_as(&self.observe, &self.facts, &decided, self.verdict());
            self.observe.audit.write(&ending);
        } else if is_decided {
            let whole = AuditEntry { event: AuditEvent::Decided, wall, ..ending };
            tell_as(&self.observe, &self.facts, &whole, self.verdict());
        } else if self.status.is_none() {
            // The client left before a decision: only the end is written. An answer without a
            // decision is a public document, which gets no line.
            self.facts.each_decision(|decision| {
                self.observe.audit.write(&AuditEntry { decision: Some(*decision), ..ending });
            });
        }
    }
}

/// Writes the waiting decisions of all requests that take longer than [`TOLD_AFTER`].
pub(super) fn tell_older(observe: &Observe) {
    let before = observe.clock.now().mono.saturating_sub(TOLD_AFTER);
    observe.untold.tell_older(before, &mut |facts| tell(observe, facts, &entry(facts, AuditEvent::Decided)));
}

/// Counts the decision about each target of the request, and writes a line for it.
fn tell(observe: &Observe, facts: &Facts, entry: &AuditEntry<'_>) {
    tell_as(observe, facts, entry, facts.verdict);
}

/// Like [`tell`], for a request whose final verdict may differ from that of its facts.
fn tell_as(observe: &Observe, facts: &Facts, entry: &AuditEntry<'_>, verdict: Verdict) {
    let series = series(observe, facts);
    facts.each_decision(|decision| {
        let mut decision = *decision;
        if verdict != facts.verdict {
            decision.verdict = verdict;
        }
        match decision.verdict {
            Verdict::Allowed => series.decided("allowed"),
            Verdict::Refused(reason) => series.decided(reason),
            Verdict::Unfinished => {}
        }
        if let Some(reported) = decision.reported {
            series.reported(reported);
        }
        observe.audit.write(&AuditEntry { decision: Some(decision), ..*entry });
    });
}

fn series<'a>(observe: &'a Observe, facts: &'a Facts) -> &'a ServerSeries {
    facts.server.as_deref().unwrap_or(&observe.unrouted)
}

fn entry(facts: &Facts, event: AuditEvent) -> AuditEntry<'_> {
    AuditEntry {
        event,
        wall: facts.opened.wall,
        request: facts.id,
        server: facts.server.as_ref().map_or("", |series| series.name.as_str()),
        peer: facts.peer,
        decision: None,
        failure: None,
        upstream_status: None,
        status: None,
        streamed: false,
        upstream: UpstreamOutcome::None,
        end: None,
    }
}

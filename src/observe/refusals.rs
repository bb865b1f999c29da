//! Logs refusals: each kind once a minute for each server, with the number of those left out.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    base::names::ServerName,
    decide::refusal::{Refusal, told::Told, words::Attention},
    observe::{request_id::RequestId, sampled::Sampled},
};

#[cfg(test)]
mod tests;

/// The first refusal of a kind is logged at once, the next one after this time.
const EVERY: Duration = Duration::from_secs(60);
/// At `log.level: debug`, each of them is logged …
const STORIES_SPAN: Duration = Duration::from_secs(1);
/// … but at most so many of one kind in that time.
const STORIES_PER_SPAN: u32 = 10;

/// Bounds the lines about the refusals of one server. Kinds are reasons, of which there are few.
pub(super) struct RefusalLines {
    lines: Sampled<&'static str>,
    stories: Sampled<&'static str>,
}

macro_rules! line {
    ($level:ident, $of:expr, $left_out:expr) => {{
        let Line { server, reason, status, claim, told, request } = $of;
        let fact = |fact| Some(fact).filter(|fact: &&str| !fact.is_empty());
        tracing::$level!(
            server = fact(server),
            reason,
            status,
            issuer = fact(&told.issuer),
            rule_at = fact(&told.rule_at),
            claim = fact(claim),
            found = fact(&told.found),
            expected = fact(&told.expected),
            advice = fact(&told.advice),
            left_out = $left_out,
            %request,
            "{}",
            told.what
        );
    }};
}

/// The parts of a line.
#[derive(Clone, Copy)]
struct Line<'a> {
    server: &'a str,
    reason: &'static str,
    status: u16,
    claim: &'a str,
    told: &'a Told,
    request: RequestId,
}

impl RefusalLines {
    pub(super) const fn new() -> Self {
        Self { lines: Sampled::new(EVERY, 1), stories: Sampled::new(STORIES_SPAN, STORIES_PER_SPAN) }
    }

    /// A request was refused. `told` is only made if the line is written.
    pub(super) fn tell(&self, server: &ServerName, refusal: &Refusal, told: Option<&Told>, request: RequestId) {
        let attention = told.map_or_else(|| refusal.operator_words().attention, |told| told.attention);
        let kind = told.map_or_else(|| refusal.line_kind(), |told| told.kind);
        let admitted = match attention {
            Attention::Story => None,
            Attention::Look if !tracing::enabled!(tracing::Level::INFO) => None,
            _ => self.lines.admit(kind, Instant::now()),
        };
        // The level of the line, whatever the refusal's own.
        let (level, left_out) = match admitted {
            Some(left_out) => (attention, left_out),
            None if tracing::enabled!(tracing::Level::DEBUG) => match self.stories.admit(kind, Instant::now()) {
                Some(left_out) => (Attention::Story, left_out),
                None => return,
            },
            None => return,
        };
        let made = told.is_none().then(|| Told::of(refusal));
        let Some(told) = told.or(made.as_ref()) else { return };
        let row = refusal.row();
        let claim = refusal.claim().unwrap_or_default();
        let line =
            Line { server: server.as_str(), reason: row.reason, status: row.status.as_u16(), claim, told, request };
        match level {
            Attention::Fault => line!(error, line, left_out),
            Attention::Act => line!(warn, line, left_out),
            Attention::Look => line!(info, line, left_out),
            Attention::Story => line!(debug, line, left_out),
        }
    }
}

impl fmt::Debug for RefusalLines {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RefusalLines(…)")
    }
}

//! What the record of a request learns about its upstream.

use std::fmt::Display;

use http::{Method, StatusCode};

use super::{Record, series};
use crate::{
    decide::{mcp::method, refusal::Refusal},
    observe::{metrics::UPSTREAM_ERROR, upstream::UpstreamOutcome},
};

impl Record {
    /// The status of the upstream's answer, whatever becomes of it.
    pub fn upstream_answered(&mut self, status: StatusCode) {
        self.upstream = UpstreamOutcome::of_status(status);
        self.upstream_status = Some(status);
    }

    /// The error status is the answer that MCP prescribes, or one that the client chose.
    pub fn upstream_is_right(&mut self) {
        self.is_right = true;
    }

    /// The upstream answered with an error of its own. `asked`: its URL, and the path of this; or
    /// `path` at the same host. Logged at most once a minute for each kind of status.
    pub fn upstream_erred(&self, status: StatusCode, asked: (&dyn Display, &str), path: Option<&str>) {
        series(&self.observe, &self.facts).upstream_erred(status, asked, path, self.facts.id);
    }

    /// The upstream answered 406 to a client whose `accept` lacks what MCP prescribes. Logged at
    /// most once a minute.
    pub fn accept_lacks(&self, url: &dyn Display, accept: &str, method: &Method) {
        series(&self.observe, &self.facts).accept_lacks(url, accept, method, self.facts.id);
    }

    /// The upstream failed: counts it, and logs it at most once in ten seconds for each kind.
    pub fn failed(&mut self, outcome: UpstreamOutcome, what: &'static str, cause: &dyn Display) {
        self.upstream = outcome;
        series(&self.observe, &self.facts).upstream_failed(what, cause, self.facts.id);
    }

    /// The upstream failed because of an outage that is already in the log: only counts it.
    pub fn failed_again(&mut self, outcome: UpstreamOutcome, what: &'static str) {
        self.upstream = outcome;
        series(&self.observe, &self.facts).upstream_failed_again(what);
    }

    /// Whether this is the first request of a client.
    #[must_use]
    pub fn is_first_of_client(&self) -> bool {
        matches!(self.facts.method.as_deref(), Some(method::INITIALIZE | method::DISCOVER))
    }

    /// The upstream answered 403 or 421 to the first request of a client, as servers do that do not
    /// know the `host`: logged at most once in ten seconds.
    pub fn host_refused(&self, status: StatusCode, host: &str) {
        series(&self.observe, &self.facts).host_refused(status, host, self.facts.id);
    }

    /// There is no room to go on reading an answer: logged at most once in ten seconds.
    pub fn cut_for_room(&self, is_compressed: bool, held: u64, key: &'static str) {
        series(&self.observe, &self.facts).cut_for_room(is_compressed, held, key, self.facts.id);
    }

    /// Whether an allowed request failed at the upstream.
    pub(super) fn is_upstream_error(&self) -> bool {
        let is_error = matches!(self.upstream, UpstreamOutcome::Error4xx | UpstreamOutcome::Error5xx);
        self.upstream.is_failure() || is_error && !self.is_right
    }

    /// The reason why an allowed request failed.
    pub(super) fn failed_because(&self) -> Option<&'static str> {
        let refused = self.failure.as_ref().map(|refusal: &Refusal| refusal.row().reason);
        let erred = self.upstream_status.filter(|_| self.is_upstream_error() && !self.upstream.is_failure());
        refused.or_else(|| erred.map(|_| UPSTREAM_ERROR))
    }

    /// The status of the upstream's answer, where it is not simply the answer.
    pub(super) fn upstream_error_status(&self) -> Option<u16> {
        let failed = self.upstream_status.filter(|status| self.upstream != UpstreamOutcome::Ok && !status.is_success());
        failed.map(|status| status.as_u16())
    }
}

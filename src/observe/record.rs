//! The story of one request, filled along the way, written once when it ends.

use std::{net::IpAddr, sync::Arc};

use http::StatusCode;

use crate::{
    base::{clock::Clock, text::Text},
    decide::{mcp::target::Target, refusal::Refusal, token::claims::Caller},
    observe::metrics::ServerSeries,
};

/// Filled by the steps of a request; dropping it counts the request and writes its audit line.
pub struct Record {
    _private: (),
}

impl Record {
    /// Opens the record of a request from `peer`.
    #[must_use]
    pub fn open(clock: &Arc<dyn Clock>, peer: IpAddr) -> Self {
        let _ = (clock, peer);
        Self { _private: () }
    }

    /// The server that the path names.
    pub fn server(&mut self, series: &Arc<ServerSeries>) {
        let _ = series;
    }

    /// Who asks, once it is proved.
    pub fn caller(&mut self, caller: &Arc<Caller>) {
        let _ = caller;
    }

    /// What is asked.
    pub fn asked(&mut self, method: &Text, target: &Target) {
        let _ = (method, target);
    }

    /// It was allowed: by which rule, and what a `report_only` rule would have refused.
    pub fn permitted(&mut self, rule: Option<usize>, reported: Option<&Refusal>) {
        let _ = (rule, reported);
    }

    /// It was refused.
    pub fn refused(&mut self, refusal: &Refusal) {
        let _ = refusal;
    }

    /// The status that went out.
    pub fn answered(&mut self, status: StatusCode) {
        let _ = status;
    }

    /// The answer is an event stream: counted as open until the record is dropped.
    pub fn streams(&mut self) {}

    /// The answer broke off: the upstream's fault, after its head was relayed.
    pub fn broke_off(&mut self) {}
}

//! Counts and logs how a connection broke HTTP, and makes the refusal for HTTP/1.1.

use std::{
    error::Error,
    io,
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{Version, header, request::Parts};

use crate::{
    decide::{fields::framing::violation::Violation, refusal::Refusal},
    observe::{
        Observe,
        metrics::ListenerSeries,
        violations::{HandshakeFault, Violator},
    },
};

/// The violations of one connection.
pub(in crate::inbound) struct Breach {
    observe: Arc<Observe>,
    listener: ListenerSeries,
    peer: IpAddr,
    /// The violation that ended an HTTP/1.1 connection, and the sentence for the client.
    refused: OnceLock<(Violation, &'static str)>,
    /// Whether a violation was noted.
    is_noted: AtomicBool,
}

impl Breach {
    /// The record of a connection without violations.
    pub(in crate::inbound) fn new(observe: &Arc<Observe>, listener: &ListenerSeries, peer: IpAddr) -> Arc<Self> {
        let (refused, is_noted) = (OnceLock::new(), AtomicBool::new(false));
        Arc::new(Self { observe: Arc::clone(observe), listener: listener.clone(), peer, refused, is_noted })
    }

    /// The address of the client.
    pub(in crate::inbound) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The metrics and audit lines.
    pub(in crate::inbound) fn observe(&self) -> &Observe {
        &self.observe
    }

    /// Notes a violation that gets no answer.
    pub(in crate::inbound) fn note(&self, violation: Violation) {
        self.tell(violation, None);
    }

    /// Notes that the TLS handshake failed.
    pub(in crate::inbound) fn handshake(&self, fault: HandshakeFault) {
        self.observe.handshake_failed(Violator { listener: &self.listener, peer: self.peer }, fault);
    }

    /// Notes the violation after which an HTTP/1.1 connection is not read any more.
    pub(in crate::inbound) fn refuse(&self, violation: Violation, what: &'static str) {
        if self.refused.set((violation, what)).is_ok() {
            self.tell(violation, Some(violation.status().as_u16()));
        }
    }

    /// The refusal for the request with which the inlet replaced a refused request.
    pub(in crate::inbound) fn refusal_of(&self, head: &Parts) -> Option<Refusal> {
        let (violation, what) = self.refused.get()?;
        if head.version != Version::HTTP_11 || head.headers.contains_key(header::HOST) {
            return None;
        }
        Some(violation.refusal(what))
    }

    /// Notes the error that ended a connection, unless a violation was noted before: then hyper
    /// itself has found the violation.
    pub(in crate::inbound) fn ended(&self, cause: &hyper::Error) {
        if self.is_noted.load(Ordering::Relaxed) {
            return;
        }
        if cause.is_parse() {
            self.note(Violation::Library);
        } else if is_h2_error(cause) {
            self.note(Violation::H2Connection);
        }
    }

    fn tell(&self, violation: Violation, status: Option<u16>) {
        self.is_noted.store(true, Ordering::Relaxed);
        self.observe.violated(Violator { listener: &self.listener, peer: self.peer }, violation, status);
    }
}

/// Whether hyper ended the connection because the client broke HTTP/2. To close the connection or
/// to send an error is no violation.
fn is_h2_error(cause: &hyper::Error) -> bool {
    let source = cause.source();
    source.is_some_and(|source| !source.is::<io::Error>() && source.to_string().contains("detected"))
}

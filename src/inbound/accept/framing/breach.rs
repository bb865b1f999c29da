//! Records how one connection broke HTTP: counts it, logs it, and gives the refusal for HTTP/1.1.

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

/// The record of one connection.
pub(in crate::inbound) struct Breach {
    observe: Arc<Observe>,
    listener: ListenerSeries,
    peer: IpAddr,
    /// The violation that ended an HTTP/1.1 connection, and the words for the client.
    refused: OnceLock<(Violation, &'static str)>,
    /// Whether a violation was noted.
    is_noted: AtomicBool,
}

impl Breach {
    /// The record of a connection that has not broken HTTP.
    pub(in crate::inbound) fn new(observe: &Arc<Observe>, listener: &ListenerSeries, peer: IpAddr) -> Arc<Self> {
        let (refused, is_noted) = (OnceLock::new(), AtomicBool::new(false));
        Arc::new(Self { observe: Arc::clone(observe), listener: listener.clone(), peer, refused, is_noted })
    }

    /// The address of the client.
    pub(in crate::inbound) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The counters and audit lines.
    pub(in crate::inbound) fn observe(&self) -> &Observe {
        &self.observe
    }

    /// Notes a violation that has no answer of its own.
    pub(in crate::inbound) fn note(&self, violation: Violation) {
        self.tell(violation, None);
    }

    /// Notes that the TLS handshake failed.
    pub(in crate::inbound) fn handshake(&self, fault: HandshakeFault) {
        self.observe.handshake_failed(Violator { listener: &self.listener, peer: self.peer }, fault);
    }

    /// Notes the violation after which nothing of an HTTP/1.1 connection is read.
    pub(in crate::inbound) fn refuse(&self, violation: Violation, what: &'static str) {
        if self.refused.set((violation, what)).is_ok() {
            self.tell(violation, Some(violation.status().as_u16()));
        }
    }

    /// The refusal for the request that the inlet put in place of a refused one.
    pub(in crate::inbound) fn refusal_of(&self, head: &Parts) -> Option<Refusal> {
        let (violation, what) = self.refused.get()?;
        if head.version != Version::HTTP_11 || head.headers.contains_key(header::HOST) {
            return None;
        }
        Some(violation.refusal(what))
    }

    /// Notes the error that a connection ended with, if nothing was noted before: hyper refused
    /// something by itself.
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

/// Whether hyper ended the connection because the client broke HTTP/2. A client that closes the
/// connection or sends an error did not.
fn is_h2_error(cause: &hyper::Error) -> bool {
    let source = cause.source();
    source.is_some_and(|source| !source.is::<io::Error>() && source.to_string().contains("detected"))
}

//! Records how one connection broke HTTP: counts it, logs it, and answers where HTTP/1.1 can.

use std::{
    error::Error,
    io,
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{HeaderValue, Response, Version, header, request::Parts};

use crate::{
    decide::framing::{
        Violation,
        blocks::Blocks,
        frames::{Cutoff, Frames},
    },
    inbound::answer::reply::{self, Known, ReplyBody},
    observe::{
        Observe,
        metrics::ListenerSeries,
        violations::{HandshakeFault, Violator},
    },
};

/// The record of it.
pub(in crate::inbound) struct Breach {
    observe: Arc<Observe>,
    listener: ListenerSeries,
    peer: IpAddr,
    /// The violation that ended an HTTP/1.1 connection, in a word and in words.
    refused: OnceLock<(Violation, &'static str)>,
    /// Something was noted.
    is_noted: AtomicBool,
}

impl Breach {
    /// Nothing yet.
    pub(in crate::inbound) fn new(observe: &Arc<Observe>, listener: &ListenerSeries, peer: IpAddr) -> Arc<Self> {
        let (refused, is_noted) = (OnceLock::new(), AtomicBool::new(false));
        Arc::new(Self { observe: Arc::clone(observe), listener: listener.clone(), peer, refused, is_noted })
    }

    /// The address that connected.
    pub(in crate::inbound) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Where it is told.
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

    /// The answer to the request that stands for what was refused.
    pub(in crate::inbound) fn answer(&self, head: &Parts) -> Option<Response<ReplyBody>> {
        let (violation, what) = self.refused.get()?;
        if head.version != Version::HTTP_11 || head.headers.contains_key(header::HOST) {
            return None;
        }
        let mut response = reply::refuse(&violation.refusal(what), &Known::default(), None);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        Some(response)
    }

    /// Notes what a connection ended with, where nothing told it before: the library refused
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

/// Whether the library ended the connection because the peer broke HTTP/2. A peer that closes the
/// connection or sends an error did not.
fn is_h2_error(cause: &hyper::Error) -> bool {
    let source = cause.source();
    source.is_some_and(|source| !source.is::<io::Error>() && source.to_string().contains("detected"))
}

/// The watch over an HTTP/2 connection. Outgoing frames show what the library refused; incoming
/// header blocks show what it does not refuse.
pub(in crate::inbound) struct H2Watch {
    frames: Frames,
    blocks: Blocks,
    breach: Arc<Breach>,
}

impl H2Watch {
    /// Watches a connection on which nothing was sent yet.
    pub(in crate::inbound) fn new(breach: Arc<Breach>) -> Self {
        Self { frames: Frames::new(), blocks: Blocks::new(), breach }
    }

    /// These bytes have come.
    pub(in crate::inbound) fn came(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.blocks.watch(bytes).map_err(|malformed| {
            self.breach.note(Violation::H2Protocol);
            io::Error::new(io::ErrorKind::InvalidData, malformed.0)
        })
    }

    /// These bytes were sent.
    pub(in crate::inbound) fn sent(&mut self, bytes: &[u8]) {
        let breach = &self.breach;
        self.frames.watch(bytes, |cutoff| {
            let (Cutoff::Stream(code) | Cutoff::Connection(code)) = cutoff;
            if let Some(violation) = Violation::of_h2(code) {
                breach.note(violation);
            }
        });
    }
}

//! Why a server gave no answer: which step failed, in words for the operator.

use std::{error::Error, time::Duration};

use super::peer_certificate::PeerCertificate;
use crate::outbound::{
    dial::{DialFault, DialFaultKind, is_own_refused},
    proxy::ForwardProxy,
    reach::ReachAt,
};

/// There is no answer.
#[derive(Clone, Debug)]
pub struct AskFault {
    /// The step that failed.
    pub kind: AskFaultKind,
    /// The cause.
    pub cause: String,
    /// The certificate that the server showed, even if it was refused.
    pub certificate: Option<PeerCertificate>,
}

/// The step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskFaultKind {
    /// The URL cannot be asked.
    Url,
    /// The connection could not be opened.
    Dial(DialFaultKind),
    /// What answers does not speak HTTP.
    Http,
    /// The server closed the connection instead of answering.
    Broken,
    /// No answer came in time.
    Late,
}

impl AskFault {
    pub(super) fn url(cause: &str) -> Self {
        Self { kind: AskFaultKind::Url, cause: cause.to_owned(), certificate: None }
    }

    pub(super) fn late(within: Duration) -> Self {
        let cause = format!("no answer within {within:?}");
        Self { kind: AskFaultKind::Late, cause, certificate: None }
    }

    pub(super) fn dial(failed: &DialFault, proxy: Option<&ForwardProxy>, detour: Option<&ReachAt>) -> Self {
        let cause = match (detour, proxy) {
            (Some(detour), _) => format!("at {}: {}", detour.url(), failed.cause),
            (None, Some(proxy)) => format!("through the forward proxy {proxy}: {}", failed.cause),
            (None, None) => failed.cause.to_string(),
        };
        Self { kind: AskFaultKind::Dial(failed.kind), cause, certificate: None }
    }

    pub(super) fn hyper(error: &hyper::Error) -> Self {
        let kind = if error.is_parse() { AskFaultKind::Http } else { AskFaultKind::Broken };
        let cause = match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        Self::after_handshake(kind, cause)
    }

    pub(super) fn h2(error: &h2::Error) -> Self {
        let kind = if error.is_io() || error.is_go_away() { AskFaultKind::Broken } else { AskFaultKind::Http };
        Self::after_handshake(kind, error.to_string())
    }

    /// With TLS 1.3, a server judges the certificate of a client after the handshake.
    fn after_handshake(kind: AskFaultKind, cause: String) -> Self {
        let kind = if is_own_refused(&cause) { AskFaultKind::Dial(DialFaultKind::TlsOwn) } else { kind };
        Self { kind, cause, certificate: None }
    }
}

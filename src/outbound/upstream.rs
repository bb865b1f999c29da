//! Sends a permitted request to the MCP server behind us, over a pooled connection.

use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::outbound::dial::Peer;

/// One upstream as understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Whom to dial.
    pub peer: Peer,
    /// What `Host` says: the URL's own authority.
    pub authority: Box<str>,
    /// The request target: the URL's path and query, always this one, whatever the client wrote (SPEC F-20).
    pub path_and_query: Box<str>,
    /// A private CA instead of the public ones.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// For name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// To the response head; never applied to an open stream.
    pub response_timeout: Duration,
}

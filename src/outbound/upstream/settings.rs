//! What the configuration says about one upstream.

use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::{base::names::ServerName, outbound::dial::Peer};

/// Where one upstream is, and how many connections and how much time it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// The server that it belongs to, for logs.
    pub server: ServerName,
    /// Whom to dial.
    pub peer: Peer,
    /// What `Host` says: the URL's own authority.
    pub authority: Box<str>,
    /// The request target: the URL's path and query, whatever the client wrote (SPEC F-20).
    pub path_and_query: Box<str>,
    /// A private CA instead of the public ones.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// HTTP/2 connections at once.
    pub connections: u32,
    /// For a free stream, name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// From the request to the response head; never applied to an open stream.
    pub response_timeout: Duration,
}

//! Settings for one upstream.

use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::{
    base::names::ServerName,
    decide::{fields::query::QueryRule, mcp::answer::server_origin::ServerOrigin},
    outbound::{client_certificate::ClientCertificate, dial::Peer},
};

/// The address of one upstream, and bounds on its connections and times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// The name of the server, for logs.
    pub server: ServerName,
    /// The host to dial.
    pub peer: Peer,
    /// The value of `Host`: the authority of the URL.
    pub authority: Box<str>,
    /// Path and query of the URL, whatever path the client wrote (SPEC F-20).
    pub path_and_query: Box<str>,
    /// Other names of the server, in its own URLs.
    pub aliases: Vec<ServerOrigin>,
    /// What happens to the query of a client's URL.
    pub query: QueryRule,
    /// A private CA instead of the public roots.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// The certificate that the gateway presents.
    pub client_certificate: Option<ClientCertificate>,
    /// The most open HTTP/2 connections.
    pub connections: u32,
    /// The time for a free stream, name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The time from the request to the response head. It does not apply to an open stream.
    pub response_timeout: Duration,
}

//! The names of an upstream: the origins at which its own URLs may be.

use crate::base::names::split_port;

/// A scheme, a host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOrigin {
    https: bool,
    /// In lower case; an IPv6 address in brackets.
    host: Box<str>,
    port: u16,
}

impl ServerOrigin {
    /// The origin with this scheme and this `Host`. `None` if that is no host.
    #[must_use]
    pub fn new(https: bool, authority: &str) -> Option<Self> {
        let (host, port) = split_port(authority).ok()?;
        let is_host = !host.is_empty() && !authority.contains(['@', '/', '?', '#', '\\']);
        let port = port.unwrap_or(if https { 443 } else { 80 });
        is_host.then(|| Self { https, host: host.to_ascii_lowercase().into(), port })
    }

    /// Whether URLs of this origin begin with `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether a URL with this scheme and authority is at this origin.
    #[must_use]
    pub fn is_at(&self, https: bool, authority: &str) -> bool {
        Self::new(https, authority).is_some_and(|other| other == *self)
    }

    /// As a URL without a path. The port is written unless it is the usual one.
    #[must_use]
    pub fn url(&self) -> String {
        let Self { https, host, port } = self;
        let (scheme, usual) = if *https { ("https", 443) } else { ("http", 80) };
        if *port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") }
    }
}

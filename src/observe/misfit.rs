//! Warns of requests that a setting refuses, with the line to write; a few of each kind are logged.

use std::time::Instant;

use crate::{base::names::ServerName, decide::fields::origin::Sites, observe::observer::Observe};

/// How much of a host name is logged.
const NAME_CHARS_MAX: usize = 255;

impl Observe {
    /// An access token of this length is longer than `limits.token` of the server.
    pub fn token_too_large(&self, server: &ServerName, bytes: usize, most: u64) {
        if let Some(left_out) = self.misfits.admit("token", Instant::now()) {
            tracing::warn!(
                %server, bytes, most, left_out,
                "an access token is too large: raise `limits.token` of the server, or have the issuer put fewer values, such as groups, into its tokens"
            );
        }
    }

    /// A request came for a host that is not the gateway's, or not that of its TLS handshake.
    pub fn unknown_host(&self, came: &str, tls_name: Option<&str>, sites: &Sites) {
        if let Some(left_out) = self.misfits.admit("host", Instant::now()) {
            let came: String = came.chars().take(NAME_CHARS_MAX).collect();
            tracing::warn!(
                host = %came, tls_name, accepted = %sites.names(), left_out,
                "refused a request for a host name that is not one of the gateway's: if clients or probes use it, add it to `hosts`"
            );
        }
    }

    /// A page of another origin called a server.
    pub fn foreign_origin(&self, server: &ServerName, origin: &str) {
        if let Some(left_out) = self.misfits.admit("origin", Instant::now()) {
            let line = format!("allowed_origins: [\"{origin}\"]");
            tracing::warn!(
                %server, origin, line, left_out,
                "refused a browser page of another origin: if it is your own page, add the line to the server"
            );
        }
    }

    /// The head of a request is larger than the longest `limits.token` leaves room for.
    pub fn head_too_large(&self) {
        if let Some(left_out) = self.misfits.admit("head", Instant::now()) {
            tracing::warn!(
                left_out,
                "the header fields of a request are too many or too large; if they hold an access token, raise `limits.token` of its server"
            );
        }
    }
}

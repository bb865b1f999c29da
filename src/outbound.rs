//! Everything we dial: issuers, their keys, upstreams.

use std::fmt;

pub mod address;
pub mod credential;
pub mod dial;
pub mod discover;
pub mod fetch;
pub mod keys;
pub mod resolve;
pub mod upstream;
pub mod vanished;
pub mod verify;

/// Whose fault it is when something outside fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The authorization server.
    Idp,
    /// The MCP server behind us.
    Upstream,
    /// Ourselves.
    Us,
}

/// A failure of something that we depend on.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Whose.
    pub by: By,
    /// What was being done, as a metric label: `jwks`, `metadata`, `connect`, `tls`, `timeout` …
    pub what: &'static str,
    /// The cause, for logs; never sent to a client (SPEC D-34).
    pub cause: String,
    /// Whether a log line already told of it: an outage is told of once, not by every call that it
    /// fails.
    pub logged: bool,
}

impl Fault {
    /// The authorization server's.
    pub fn idp(what: &'static str, cause: impl fmt::Display) -> Self {
        Self { by: By::Idp, what, cause: cause.to_string(), logged: false }
    }

    /// The upstream's.
    pub fn upstream(what: &'static str, cause: impl fmt::Display) -> Self {
        Self { by: By::Upstream, what, cause: cause.to_string(), logged: false }
    }

    /// Ours.
    pub fn us(what: &'static str, cause: impl fmt::Display) -> Self {
        Self { by: By::Us, what, cause: cause.to_string(), logged: false }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.what, self.cause)
    }
}

impl std::error::Error for Fault {}

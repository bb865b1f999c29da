//! A failure outside of the gateway: what failed, as a metric label, and the cause for logs.

use std::fmt;

use crate::outbound::dial::DialFaultKind;

/// A failure of an issuer, an upstream or a file.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What failed.
    pub kind: FaultKind,
    /// The cause, for logs; never sent to a client (SPEC D-34).
    pub cause: String,
    /// Whether a log line already reports it: an outage is logged once, not for every failed call.
    pub logged: bool,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The connection could not be opened.
    Dial(DialFaultKind),
    /// No HTTP/2 stream to the upstream was free in time.
    Busy,
    /// There was no answer in time.
    Timeout,
    /// The upstream closed the connection before it answered.
    Broken,
    /// The settings of an upstream are not valid.
    UpstreamSettings,
    /// The URL may not be fetched.
    Url,
    /// The peer does not speak HTTP.
    Http,
    /// The answer is longer than the bound.
    TooLarge,
    /// The answer is a redirect.
    Redirect,
    /// The answer's status is not a success, and below 500, and neither of the next two.
    Status,
    /// The answer's status is 404 or 410.
    Gone,
    /// The answer's status is 429.
    TooMany,
    /// The answer's status is 500 or more.
    ServerError,
    /// The answer is not JSON.
    MediaType,
    /// The answer's body broke off.
    Body,
    /// The metadata of an authorization server cannot be used.
    Metadata,
    /// The metadata names another issuer.
    Issuer,
    /// The key set of an authorization server cannot be used.
    KeySet,
    /// The file with a key set cannot be used.
    KeyFile,
    /// The embedded authorization server has no keys yet.
    EmbeddedKeys,
    /// The token endpoint's answer cannot be used.
    TokenEndpoint,
    /// The answer of an introspection endpoint cannot be used.
    Introspection,
    /// The trust roots cannot be read.
    TrustRoots,
    /// A variable that names a forward proxy cannot be used.
    ForwardProxy,
}

impl FaultKind {
    /// The stable label of metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Dial(kind) => kind.label(),
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::UpstreamSettings => "upstream settings",
            Self::Url => "url",
            Self::Http => "http",
            Self::TooLarge => "too_large",
            Self::Redirect => "redirect",
            Self::Status | Self::Gone | Self::TooMany => "status",
            Self::ServerError => "status_5xx",
            Self::MediaType => "media_type",
            Self::Body => "body",
            Self::Metadata => "metadata",
            Self::Issuer => "issuer",
            Self::KeySet => "jwks",
            Self::KeyFile => "jwks_file",
            Self::EmbeddedKeys => "jwks_local",
            Self::TokenEndpoint => "token",
            Self::Introspection => "introspection",
            Self::TrustRoots => "trust_roots",
            Self::ForwardProxy => "forward proxy",
        }
    }
}

impl Fault {
    /// A failure that no log line reports yet.
    pub fn new(kind: FaultKind, cause: impl fmt::Display) -> Self {
        Self { kind, cause: cause.to_string(), logged: false }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.kind.label(), self.cause)
    }
}

impl std::error::Error for Fault {}

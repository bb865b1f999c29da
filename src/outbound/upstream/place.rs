//! The URL of an upstream as a message shows it.

use std::fmt;

use http::uri::Scheme;

use super::Upstream;

/// The URL of an upstream without its query, which may hold a key.
#[derive(Clone, Copy)]
pub struct UpstreamUrl<'a>(&'a Upstream);

impl Upstream {
    /// Its URL, for messages.
    #[must_use]
    pub fn url(&self) -> UpstreamUrl<'_> {
        UpstreamUrl(self)
    }

    /// Whether it is asked over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }
}

impl UpstreamUrl<'_> {
    /// The path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.target.path()
    }
}

impl fmt::Display for UpstreamUrl<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}{}", self.0.scheme, self.0.authority, self.path())
    }
}

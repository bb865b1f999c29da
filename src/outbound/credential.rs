//! What the upstream gets to know of the caller: a credential of its own, and claims as headers.

use http::{HeaderName, HeaderValue};

/// What the upstream gets in place of the caller's token (P4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    Strip,
    /// A fixed header; the value is marked sensitive, so that it does not print.
    Header(HeaderName, HeaderValue),
    /// The caller's own token: dangerous, and only where gateway and upstream are one resource.
    Forward,
}

/// One identity header: a claim's value under a name that is always removed from what comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeader {
    /// The header.
    pub name: HeaderName,
    /// The claim.
    pub claim: Box<str>,
}

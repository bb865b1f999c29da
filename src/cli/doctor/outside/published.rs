//! What a server says of itself in its metadata, and what its configuration accepts besides.

use crate::outbound::address::AddressRule;

/// What a server says about itself.
#[derive(Debug)]
pub(super) struct Resource {
    /// The URL of the document that was used.
    pub at: String,
    /// Which addresses its host may lead to.
    pub rule: AddressRule,
    /// `resource`.
    pub resource: String,
    /// `authorization_servers`.
    pub issuers: Vec<String>,
}

/// What a configuration accepts in tokens besides what its server publishes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Accepted<'a> {
    /// `audiences`.
    pub audiences: &'a [Box<str>],
    /// Names of the issuers, each as tokens may write it.
    pub issuers: &'a [&'a str],
    /// Whether tokens of some clients count without an audience.
    pub has_client_ids: bool,
}

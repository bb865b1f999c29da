//! What a server says about itself in its protected resource metadata.

/// What a server says about itself.
#[derive(Debug, Default)]
pub(super) struct Resource {
    /// The URL of the document that was used.
    pub at: String,
    /// `resource`.
    pub resource: String,
    /// `authorization_servers`.
    pub issuers: Vec<String>,
}

//! Writes a server's protected resource metadata (RFC 9728 §2).

use crate::base::names::{Issuer, Resource, Scope};

/// What the document says.
pub struct ResourceMetadata<'a> {
    /// `resource`.
    pub resource: &'a Resource,
    /// `authorization_servers`, in order of preference.
    pub authorization_servers: &'a [Issuer],
    /// `scopes_supported`; left out when empty.
    pub scopes_supported: &'a [Scope],
    /// `resource_name`.
    pub name: &'a str,
}

impl ResourceMetadata<'_> {
    /// The document.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        Vec::new()
    }
}

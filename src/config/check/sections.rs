//! What the checks across sections look at.

use std::net::SocketAddr;

use crate::{
    base::names::PublicUrl,
    config::{issuer::AuthorizationServer, listen::Listener, place::Written, server::Server},
};

/// All sections as written; what could not be read is missing.
pub(in crate::config) struct Sections<'s> {
    pub(in crate::config) public_url: Option<&'s PublicUrl>,
    pub(in crate::config) listeners: &'s [Listener],
    pub(in crate::config) admin: Option<&'s Written<SocketAddr>>,
    pub(in crate::config) issuers: &'s [AuthorizationServer],
    pub(in crate::config) servers: &'s [Server],
    /// Whether any are written, good or not.
    pub(in crate::config) has_session_keys: bool,
}

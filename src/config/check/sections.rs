//! The sections of the file that the checks compare.

use std::net::SocketAddr;

use crate::{
    base::names::PublicUrl,
    config::{
        documents::WrittenDocument, issuer::WrittenAuthorizationServer, listen::WrittenListener, place::Written,
        server::WrittenServer,
    },
};

/// All sections as written; a section that could not be read is missing.
pub(in crate::config) struct Sections<'s> {
    pub(in crate::config) public_url: Option<&'s PublicUrl>,
    pub(in crate::config) listeners: &'s [WrittenListener],
    /// Whether any network is written, valid or not.
    pub(in crate::config) has_trusted_proxies: bool,
    pub(in crate::config) admin: Option<&'s Written<SocketAddr>>,
    pub(in crate::config) issuers: &'s [WrittenAuthorizationServer],
    pub(in crate::config) servers: &'s [WrittenServer],
    pub(in crate::config) documents: &'s [WrittenDocument],
    /// Whether `keys` is written, valid or not.
    pub(in crate::config) has_api_keys: bool,
    /// Whether any key is written, valid or not.
    pub(in crate::config) has_session_keys: bool,
}

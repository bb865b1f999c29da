//! What the configuration says about one issuer's tokens and keys.

use std::{path::PathBuf, time::Duration};

use crate::decide::token::rules::TokenRules;

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// From `jwks_uri` of the issuer's metadata.
    Discover,
    /// From this URL.
    Url(Box<str>),
    /// From this file, read again when it changes.
    File(PathBuf),
    /// From the embedded authorization server of the same name, which hands them over in memory.
    Embedded,
}

/// The tokens and keys of one authorization server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// The rules for its tokens; the first of `rules.issuers` is published, and its metadata
    /// fetched.
    pub rules: TokenRules,
    /// Where its keys are.
    pub keys: KeySource,
    /// Unknown keys cause one fetch in this time, and at most
    /// [`crate::base::limits::fetch::EXTRA_FETCHES_MAX`] more.
    pub refetch_floor: Duration,
    /// Whether an `http://` issuer that is not loopback may be asked.
    pub allow_http: bool,
}

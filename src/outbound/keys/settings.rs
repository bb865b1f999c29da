//! Settings for one issuer's tokens and keys.

use std::{path::PathBuf, time::Duration};

use crate::{
    decide::{resource_server::issuer_metadata::AskedAs, token::rules::TokenRules},
    outbound::{introspect::IntrospectionSettings, reach::IssuerReach},
};

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// From `jwks_uri` of the issuer's metadata.
    Discover,
    /// From this URL.
    Url(Box<str>),
    /// From this file, read again when it changes.
    File(PathBuf),
    /// From the embedded authorization server of the same name, in memory.
    Embedded,
    /// Nowhere: every token is introspected.
    Nowhere,
}

/// The tokens and keys of one authorization server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// The rules for its tokens. The first of `rules.issuers` is published, and its metadata is
    /// fetched.
    pub rules: TokenRules,
    /// Where its keys come from.
    pub keys: KeySource,
    /// Unknown keys cause one fetch in this time, and at most
    /// [`crate::base::limits::fetch::EXTRA_FETCHES_MAX`] more.
    pub refetch_floor: Duration,
    /// How its opaque tokens are checked, if it issues any.
    pub introspection: Option<IntrospectionSettings>,
    /// How it is reached.
    pub reach: IssuerReach,
    /// As what the gateway asks for its metadata.
    pub asked_as: AskedAs,
}

impl IssuerSettings {
    /// Whether its keys and metadata come from where those of `other` come from. What else differs,
    /// such as the clients whose tokens count, says nothing about them.
    #[must_use]
    pub fn reads_as(&self, other: &Self) -> bool {
        self.rules.issuers.first() == other.rules.issuers.first()
            && self.keys == other.keys
            && self.reach == other.reach
            && self.asked_as == other.asked_as
    }
}

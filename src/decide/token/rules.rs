//! The requirements for the tokens of one authorization server.

use std::time::Duration;

use jsonwebtoken::Algorithm;

use crate::base::names::{AuthorizationServerName, Issuer};

/// The requirements for the tokens of one authorization server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// Its name in the configuration.
    pub name: AuthorizationServerName,
    /// `iss` must equal one of these names; the first is published. Some vendors use two names for
    /// one issuer.
    pub issuers: Vec<Issuer>,
    /// Asymmetric algorithms that it may use.
    pub algorithms: Vec<Algorithm>,
    /// `typ` values accepted, in lower case, without `application/`; `jwt` also stands for an
    /// absent `typ`.
    pub token_types: Vec<Box<str>>,
    /// How far clocks may differ.
    pub clock_skew: Duration,
    /// Claims that hold scopes.
    pub scope_claims: Vec<Box<str>>,
    /// Claims that may name the client, tried in order.
    pub client_claims: Vec<Box<str>>,
    /// Prefixes that are removed from each scope (`api://id/` at some vendors).
    pub scope_prefixes: Vec<Box<str>>,
}

impl TokenRules {
    /// The fixed rules for the access tokens that an embedded authorization server signs (RFC
    /// 9068).
    #[must_use]
    pub fn embedded(name: AuthorizationServerName, issuer: Issuer, clock_skew: Duration) -> Self {
        Self {
            name,
            issuers: vec![issuer],
            algorithms: vec![Algorithm::ES256],
            token_types: vec!["at+jwt".into()],
            clock_skew,
            scope_claims: vec!["scope".into()],
            client_claims: vec!["client_id".into()],
            scope_prefixes: Vec::new(),
        }
    }
}

//! What one authorization server's tokens must be like.

use std::time::Duration;

use jsonwebtoken::Algorithm;

use crate::base::names::{AuthorizationServerName, Issuer};

/// What one authorization server's tokens must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// Its name in the configuration.
    pub name: AuthorizationServerName,
    /// `iss` must equal one of these; the first is the one we publish. (Some vendors sign one issuer's tokens under two names.)
    pub issuers: Vec<Issuer>,
    /// Asymmetric algorithms that it may use.
    pub algorithms: Vec<Algorithm>,
    /// `typ` values accepted, in lower case, without `application/`; `jwt` also stands for an absent `typ`.
    pub token_types: Vec<Box<str>>,
    /// How far clocks may be apart.
    pub clock_skew: Duration,
    /// Claims that hold scopes.
    pub scope_claims: Vec<Box<str>>,
    /// Claim that names the client, tried in order.
    pub client_claims: Vec<Box<str>>,
    /// Text cut from the front of each scope (`api://id/` at some vendors); empty for none.
    pub scope_prefixes: Vec<Box<str>>,
}

//! Proves a JWT: its issuer, then that issuer's keys, then the key, then the claims (P6).

use std::time::Duration;

use jsonwebtoken::Algorithm;

use crate::{
    base::{
        clock::Now,
        names::{AuthorizationServerName, Issuer},
    },
    decide::{
        refusal::{Refusal, TokenFault},
        token::{claims::Caller, jwk::KeySet},
    },
};

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

/// A token that has the shape of a JWT. Nothing of it is proved.
pub struct Unproved<'a> {
    pub(super) token: &'a str,
    pub(super) algorithm: Algorithm,
    pub(super) issuer: String,
}

impl<'a> Unproved<'a> {
    /// Reads the shape: size, three canonical parts, strict JSON, allowed header members, `iss` (SPEC B-07, B-33…B-39).
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn read(token: &'a str) -> Result<Self, Refusal> {
        let _ = token;
        Err(Refusal::Token(TokenFault::Malformed))
    }

    /// The `iss` that it claims: good for choosing among configured issuers and for nothing else.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Proves it with the issuer's rules and keys. [`TokenFault::UnknownKey`] tells the caller that newer keys might help.
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn prove(&self, rules: &TokenRules, keys: &KeySet, now: Now) -> Result<Caller, Refusal> {
        let _ = (rules, keys, now, self.token, self.algorithm);
        Err(Refusal::Token(TokenFault::Signature))
    }

    /// The key id, for remembering that it is unknown.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        None
    }
}

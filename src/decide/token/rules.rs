//! The requirements for the tokens of one authorization server.

use std::time::Duration;

use jsonwebtoken::Algorithm;

use crate::{
    base::names::{AuthorizationServerName, Issuer},
    decide::{
        policy::claims::ClaimValue,
        token::{
            access_mark::AccessMark,
            machine_mark::{MACHINES, MachineMark},
        },
    },
};

/// The claim that names the caller, if the configuration does not say otherwise.
pub const SUBJECT: &str = "sub";

/// The requirements for the tokens of one authorization server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// Its name in the configuration.
    pub name: AuthorizationServerName,
    /// The vendor's profile, for hints to the operator: it decides nothing here.
    pub profile: &'static str,
    /// `iss` must equal one of these names. The first is published, and is the issuer of each
    /// caller, so that a vendor's change of spelling changes no caller.
    pub issuers: Vec<Issuer>,
    /// Asymmetric algorithms that it may use.
    pub algorithms: Vec<Algorithm>,
    /// `typ` values accepted, in lower case, without `application/`; `jwt` also stands for an
    /// absent `typ`.
    pub token_types: Vec<Box<str>>,
    /// Signs of an access token. Without one, a token may be for this resource only by its `aud`.
    pub marks: &'static [AccessMark],
    /// Claims that may name the caller, tried in order: the first that is present counts.
    pub subject_claims: Vec<Box<str>>,
    /// The clients whose tokens are for every server of this issuer although `aud` names none.
    pub clients: AcceptedClients,
    /// Claims that every token must have, each with its accepted values.
    pub required_claims: Vec<(Box<str>, Vec<ClaimValue>)>,
    /// How far clocks may differ.
    pub clock_skew: Duration,
    /// Claims that hold scopes.
    pub scope_claims: Vec<Box<str>>,
    /// Claims that may name the client, tried in order.
    pub client_claims: &'static [&'static str],
    /// What shows that a token was issued to a machine.
    pub machine_marks: &'static [MachineMark],
    /// Prefixes that are removed from each scope (`api://id/` at some vendors).
    pub scope_prefixes: Vec<Box<str>>,
}

/// `client_ids`: the tokens without `aud`, or with the client as `aud`, that are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcceptedClients {
    /// None: the default.
    Unset,
    /// Those issued to one of these clients.
    Listed(Vec<Box<str>>),
    /// Those issued to any client: a required claim names the organization.
    Any,
}

impl AcceptedClients {
    /// Whether tokens of this client are accepted.
    pub(super) fn include(&self, client: &str) -> bool {
        match self {
            Self::Unset => false,
            Self::Listed(clients) => clients.iter().any(|one| **one == *client),
            Self::Any => true,
        }
    }
}

impl TokenRules {
    /// The fixed rules for the access tokens that an embedded authorization server signs (RFC
    /// 9068).
    #[must_use]
    pub fn embedded(name: AuthorizationServerName, issuer: Issuer, clock_skew: Duration) -> Self {
        Self {
            name,
            profile: "generic",
            issuers: vec![issuer],
            algorithms: vec![Algorithm::ES256],
            token_types: vec!["at+jwt".into()],
            marks: &[AccessMark::HeaderType],
            subject_claims: vec![SUBJECT.into()],
            clients: AcceptedClients::Unset,
            required_claims: Vec::new(),
            clock_skew,
            scope_claims: vec!["scope".into()],
            client_claims: &["client_id"],
            machine_marks: MACHINES,
            scope_prefixes: Vec::new(),
        }
    }
}

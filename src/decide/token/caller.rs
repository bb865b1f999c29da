//! The caller: subject, client, scopes and audiences of a verified token.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use crate::{
    base::{
        clock::Now,
        digest::Digest,
        limits::tokens::CLOCK_SKEW_MAX,
        names::{AuthorizationServerName, Issuer, Resource, Scope},
        secret::Secret,
    },
    decide::{
        refusal::{NotAccess, Refusal, TokenFault},
        token::{audience, rules::SUBJECT, token_type::TokenType},
    },
};

/// A caller. Only a verified token makes one: the fields are private to this folder, and other code
/// can only read them.
///
/// ```
/// use portcullis::decide::token::caller::Caller;
///
/// fn subject(caller: &Caller) -> &str {
///     caller.subject()
/// }
/// ```
///
/// It can be neither created nor changed elsewhere:
///
/// ```compile_fail,E0451
/// use portcullis::decide::token::caller::Caller;
///
/// fn forged(caller: Caller) -> Caller {
///     Caller { subject: "admin".into(), ..caller }
/// }
/// ```
#[derive(Debug, PartialEq)]
pub struct Caller {
    pub(super) authorization_server: AuthorizationServerName,
    pub(super) issuer: Issuer,
    pub(super) subject: CallerSubject,
    pub(super) principal: Digest,
    pub(super) token_id: Option<Digest>,
    pub(super) client: Option<Arc<str>>,
    pub(super) is_machine: bool,
    pub(super) scopes: Vec<Scope>,
    pub(super) audiences: Vec<Box<str>>,
    pub(super) token_type: TokenType,
    /// Whether the token is for every server of its issuer although no audience says so.
    pub(super) otherwise: Result<(), TokenFault>,
    pub(super) expires: Duration,
    pub(super) claims: Arc<Map<String, Value>>,
    pub(super) introspected: Option<Secret>,
    pub(super) header: Option<SignedHeader>,
}

/// What the header of a verified JWT says, to judge the token again by other rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignedHeader {
    pub(super) algorithm: Algorithm,
    pub(super) typ: Option<Box<str>>,
}

impl Caller {
    /// The configured authorization server that the token's `iss` picked.
    #[must_use]
    pub fn authorization_server(&self) -> &AuthorizationServerName {
        &self.authorization_server
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The name of the caller: with [`Self::issuer`] and [`Self::subject_claim`] it names the
    /// principal; without them, it names no one (SPEC B-17).
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject.value
    }

    /// The claim that [`Self::subject`] comes from, if it is not `sub`. A client id is not a user
    /// with the same text in `sub` (attack 230).
    #[must_use]
    pub fn subject_claim(&self) -> Option<&str> {
        self.subject.claim.as_deref()
    }

    /// Issuer and subject as logs and audit lines show them: always the same for one principal,
    /// without a name (SPEC B-72). [`CallerSubject::principal`] says how an operator computes it.
    #[must_use]
    pub fn principal(&self) -> &str {
        self.principal.as_str()
    }

    /// The digest of `jti`, if the token has a `jti`.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_ref().map(Digest::as_str)
    }

    /// `client_id`, else `azp`, else `cid`.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// Whether the token is marked as that of a machine: no user can grant it more scope. It
    /// decides how a refusal is answered, and nothing else.
    #[must_use]
    pub fn is_machine(&self) -> bool {
        self.is_machine
    }

    /// The granted scopes, sorted, each once.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// What the rules look at.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'_> {
        Attributes { scopes: &self.scopes, claims: &self.claims }
    }

    /// `exp` as time since 1970.
    #[must_use]
    pub fn expires(&self) -> Duration {
        self.expires
    }

    /// All claims, for `claims:` rules and identity headers.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The token itself, if its issuer described it by introspection: an open stream asks again.
    #[must_use]
    pub fn introspected(&self) -> Option<&Secret> {
        self.introspected.as_ref()
    }

    /// Whether the token is for `resource`, or for one of the `aliases` written in the
    /// configuration (SPEC B-12…B-16).
    ///
    /// Scheme and host may be in any case, and the default port may be written out. All other parts
    /// are compared byte by byte, and a shorter path does not cover a longer path. Aliases are
    /// compared byte by byte.
    ///
    /// An alias may be a client id, which is also the audience of the client's ID tokens.
    /// Verification refuses most ID tokens. An ID token without `nonce` can look like an access
    /// token, so with an alias the token must show that it is an access token.
    ///
    /// With `client_ids` of the issuer, a token without `aud`, or with its own client alone as
    /// `aud`, is for every server that accepts this issuer.
    ///
    /// # Errors
    /// [`TokenFault::Audience`], [`TokenFault::NoAudience`], [`TokenFault::Client`];
    /// [`TokenFault::Type`] with an alias or `client_ids`.
    pub fn is_for(&self, resource: &Resource, aliases: &[Box<str>]) -> Result<(), Refusal> {
        if self.audiences.iter().any(|audience| audience::same_server(resource, audience)) {
            return Ok(());
        }
        if !self.audiences.iter().any(|audience| aliases.contains(audience)) {
            return self.otherwise.clone().map_err(Refusal::Token);
        }
        match self.token_type {
            TokenType::Access | TokenType::Likely => Ok(()),
            TokenType::Unclear => Err(Refusal::Token(TokenFault::Type(NotAccess::Unproven))),
        }
    }

    /// Whether the token is still valid: `exp` plus `skew`, at most [`CLOCK_SKEW_MAX`].
    ///
    /// # Errors
    /// [`TokenFault::Expired`].
    pub fn check_expiry(&self, now: Now, skew: Duration) -> Result<(), Refusal> {
        let end = self.expires.saturating_add(skew.min(CLOCK_SKEW_MAX));
        if now.wall < end { Ok(()) } else { Err(Refusal::Token(TokenFault::Expired)) }
    }

    /// A caller for tests of the steps after verification. `claims` must be an object.
    #[cfg(test)]
    pub(crate) fn for_tests(subject: &str, scopes: &[&str], claims: Value) -> Self {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        Self {
            authorization_server: "corporate".into(),
            issuer: "https://login.example".into(),
            subject: CallerSubject::new(SUBJECT, subject),
            principal: Digest::of(&["https://login.example", subject]),
            token_id: None,
            client: Some("client".into()),
            is_machine: false,
            scopes: sorted(scopes.iter().map(|scope| Scope::from(*scope)).collect()),
            audiences: vec!["https://gw.example/mcp".into()],
            token_type: TokenType::Access,
            otherwise: Err(TokenFault::Audience),
            expires: Duration::MAX,
            claims: Arc::new(claims),
            introspected: None,
            header: None,
        }
    }

    /// The same caller, marked as a machine.
    #[cfg(test)]
    pub(crate) fn of_machine(self) -> Self {
        Self { is_machine: true, ..self }
    }

    /// The same caller from another issuer.
    #[cfg(test)]
    pub(crate) fn issued_by(self, issuer: &str) -> Self {
        let principal = self.subject.principal(issuer);
        Self { issuer: issuer.into(), principal, ..self }
    }
}

/// What names a caller at its issuer: a value, and the claim that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CallerSubject {
    /// `None` for `sub`.
    claim: Option<Box<str>>,
    value: Arc<str>,
}

impl CallerSubject {
    /// The claim that names the caller; `None` for `sub`.
    pub(super) fn claim(&self) -> Option<&str> {
        self.claim.as_deref()
    }

    pub(super) fn new(claim: &str, value: &str) -> Self {
        Self { claim: (claim != SUBJECT).then(|| claim.into()), value: value.into() }
    }

    /// The start of SHA-256 over `iss`, a zero byte and `sub`; for another claim, over the word
    /// `claim`, the name of the claim, `iss` and the value, with zero bytes between them. An issuer
    /// is a URL, so the word makes sure that both never give the same text.
    pub(super) fn principal(&self, issuer: &str) -> Digest {
        match &self.claim {
            None => Digest::of(&[issuer, &self.value]),
            Some(claim) => Digest::of(&["claim", claim, issuer, &self.value]),
        }
    }
}

/// What the rules look at: the scopes and claims of a [`Caller`], or of a token that `explain`
/// assumes. They are enough for a verdict; a permit needs a [`Caller`].
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// Scopes granted.
    pub scopes: &'a [Scope],
    /// All claims of the token.
    pub claims: &'a Map<String, Value>,
}

/// Each scope once, in order.
#[must_use]
pub fn sorted(mut scopes: Vec<Scope>) -> Vec<Scope> {
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

//! Writes `WWW-Authenticate` (RFC 6750 §3, RFC 9728 §5.1).

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;

use crate::{
    base::names::Scope,
    decide::refusal::{
        NotAccess, PresentationFault, TokenFault,
        fault::FaultWords,
        row::{BearerError, ChallengeKind},
    },
};

#[cfg(test)]
mod tests;

/// Some clients search the raw field for these texts (SPEC A-35), so no value may contain them.
const MARKERS: [&str; 3] = ["scope=", "error=", "resource_metadata="];

/// The challenges of one server. Constant challenges are rendered once, so that a flood of bad
/// tokens costs no formatting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenges {
    /// The scheme and its first parameter: `Bearer resource_metadata="…"`.
    opening: Box<str>,
    /// Whether they name a document, and scopes to ask for.
    has_metadata: bool,
    first_scope: Option<Box<str>>,
    known: Vec<Scope>,
    /// `scopes_supported` of the server's metadata, as one text.
    published: Box<str>,
    bare: HeaderValue,
    constant: Vec<(BearerError, FaultWords<'static>, HeaderValue)>,
}

/// Why challenges cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChallengeFault {
    /// The URL of the document is not absolute, or would break out of its quotes.
    MetadataUrl,
    /// The URL or a scope contains this text, which clients search for.
    Marker(&'static str),
    /// Not a scope token (RFC 6749 §3.3).
    Scope(Scope),
}

impl fmt::Display for ChallengeFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MetadataUrl => {
                out.write_str("the URL of its metadata cannot be sent in a challenge; check `public_url` and `path`")
            }
            Self::Marker(text) => {
                write!(
                    out,
                    "its `path` or one of its scopes contains {text:?}, which clients search for in a challenge"
                )
            }
            Self::Scope(scope) => write!(out, "{:?} is not a scope (RFC 6749 §3.3)", scope.as_str()),
        }
    }
}

impl Challenges {
    /// Renders the constant challenges.
    ///
    /// `metadata_url`: the absolute URL of the server's RFC 9728 document. `first_scope`: the
    /// scopes that the first 401 asks for; empty leaves the parameter out. `known`: every scope
    /// that this server names; a 403 repeats only granted scopes of this list. `offline_access` is
    /// never added (SPEC A-10).
    ///
    /// # Errors
    /// [`ChallengeFault`].
    pub fn new(metadata_url: &str, first_scope: &[Scope], known: &[Scope]) -> Result<Self, ChallengeFault> {
        // RFC 9110 §5.6.4: within quotes `"` and `\` would need an escape, which simple clients do
        // not decode.
        let is_quotable = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if !metadata_url.contains("://") || !metadata_url.bytes().all(is_quotable) {
            return Err(ChallengeFault::MetadataUrl);
        }
        refuse_markers(metadata_url)?;
        Self::opening_with(format!("Bearer resource_metadata=\"{metadata_url}\""), first_scope, known)
    }

    /// The challenges of a server without an authorization server: they name no document, and ask
    /// for no scope, because no client could get a token.
    ///
    /// # Errors
    /// [`ChallengeFault`].
    pub fn without_metadata(known: &[Scope]) -> Result<Self, ChallengeFault> {
        // RFC 6750 §3: at least one parameter follows the scheme.
        let challenges = Self::opening_with("Bearer realm=\"API key\"".to_owned(), &[], known)?;
        Ok(Self { has_metadata: false, ..challenges })
    }

    fn opening_with(opening: String, first_scope: &[Scope], known: &[Scope]) -> Result<Self, ChallengeFault> {
        for scope in first_scope.iter().chain(known) {
            if !Scope::is_valid(scope) {
                return Err(ChallengeFault::Scope(scope.clone()));
            }
            refuse_markers(scope)?;
        }
        let mut known: Vec<Scope> = known.iter().filter(|scope| is_asked_in_passing(scope)).cloned().collect();
        known.sort();
        known.dedup();
        let first: Vec<&Scope> = first_scope.iter().filter(|scope| is_asked_in_passing(scope)).collect();
        let first_scope: Option<Box<str>> = (!first.is_empty()).then(|| Scope::join(first).into());

        let rendered = |error| render(&opening, first_scope.as_deref(), error).ok_or(ChallengeFault::MetadataUrl);
        let presentations =
            PRESENTATIONS.map(|fault| (BearerError::InvalidRequest, FaultWords::whole(fault.description())));
        let tokens = TOKENS.iter().map(|fault| (BearerError::InvalidToken, fault.description()));
        let mut constant = Vec::with_capacity(presentations.len() + TOKENS.len());
        for (error, description) in presentations.into_iter().chain(tokens) {
            constant.push((error, description, rendered(Some((error, description)))?));
        }
        let bare = rendered(None)?;
        Ok(Self {
            opening: opening.into(),
            has_metadata: true,
            first_scope,
            known,
            published: Box::default(),
            bare,
            constant,
        })
    }

    /// The same, for a server whose metadata lists these scopes.
    #[must_use]
    pub fn beside(self, published: &[Scope]) -> Self {
        let published = Scope::join(published.iter().filter(|scope| is_asked_in_passing(scope))).into();
        Self { published, ..self }
    }

    /// `scope` of the first 401; `None` leaves the parameter out.
    #[must_use]
    pub fn first_scope(&self) -> Option<&str> {
        self.first_scope.as_deref()
    }

    /// The header for the challenge of a refusal's row; `granted` are the scopes of the caller's
    /// token. The same refusal of the same caller gives the same bytes: clients compare them to end
    /// a loop (SPEC A-53).
    #[must_use]
    pub fn header(&self, kind: ChallengeKind<'_>, granted: &[Scope]) -> Option<HeaderValue> {
        match kind {
            ChallengeKind::None => None,
            ChallengeKind::Bare | ChallengeKind::SignIn([]) => Some(self.bare.clone()),
            ChallengeKind::SignIn(needed) => self.for_scopes(needed, None),
            ChallengeKind::Error(error, description) => Some(self.error(error, description)),
            ChallengeKind::Scope(needed) => {
                let words = if self.has_metadata { "the token lacks scope" } else { "the API key lacks scope" };
                let lacking = (BearerError::InsufficientScope, FaultWords::whole(words));
                self.for_scopes(&self.asked(needed, granted), Some(lacking))
            }
        }
    }

    /// [`ChallengeKind::SignIn`] for the result of a call, where some clients ask their users only
    /// if there is an error.
    #[must_use]
    pub fn sign_in_error(&self, needed: &[Scope]) -> Option<HeaderValue> {
        let words = FaultWords::whole("this needs a sign-in");
        self.for_scopes(needed, Some((BearerError::InsufficientScope, words)))
    }

    fn for_scopes(&self, needed: &[Scope], error: Option<(BearerError, FaultWords<'_>)>) -> Option<HeaderValue> {
        // Without metadata no client could get a token with them.
        let named = needed.iter().filter(|scope| self.has_metadata && Scope::is_valid(scope));
        render(&self.opening, Some(&Scope::join(named)), error)
    }

    /// The scopes that a 403 asks for: needed ∪ (granted ∩ known), needed first, in stable order.
    /// Some clients request only these scopes, and would lose granted scopes that are not repeated
    /// (SPEC A-52).
    ///
    /// Two scopes or more are never the published list as text: mcp-remote takes such a list for
    /// its own guess, and asks for the scopes of the first challenge once more (people A12). Then
    /// the first scope comes last.
    #[must_use]
    pub fn asked(&self, needed: &[Scope], granted: &[Scope]) -> Vec<Scope> {
        let mut asked: Vec<Scope> = Vec::with_capacity(needed.len());
        let repeated = self.known.iter().filter(|scope| granted.contains(scope));
        for scope in needed.iter().chain(repeated) {
            if !asked.contains(scope) {
                asked.push(scope.clone());
            }
        }
        if Scope::join(&asked) == *self.published && !asked.is_empty() {
            asked.rotate_left(1);
        }
        asked
    }

    /// The challenge with an error. One that names a claim of the configuration is built for each
    /// answer: only a token that its issuer signed gets such an error, so forged tokens cost
    /// nothing.
    fn error(&self, error: BearerError, words: FaultWords<'_>) -> HeaderValue {
        if let Some((.., header)) = self.constant.iter().find(|(of, known, _)| *of == error && *known == words) {
            return header.clone();
        }
        let is_plain = words.claim.bytes().all(is_in_description) && refuse_markers(words.claim).is_ok();
        let unnamed = FaultWords { claim: "claim", ..words };
        let words = if is_plain { words } else { unnamed };
        let rendered = render(&self.opening, self.first_scope.as_deref(), Some((error, words)));
        rendered.unwrap_or_else(|| self.bare.clone())
    }
}

/// RFC 6750 §3: the characters of an `error_description`.
fn is_in_description(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// Writes one challenge. No value needs an escape, so a client may extract values with a pattern.
fn render(opening: &str, scope: Option<&str>, error: Option<(BearerError, FaultWords<'_>)>) -> Option<HeaderValue> {
    let mut text = opening.to_owned();
    let mut add = |name: &str, value: &str| {
        text.push_str(", ");
        text.push_str(name);
        text.push_str("=\"");
        text.push_str(value);
        text.push('"');
    };
    if let Some(scope) = scope.filter(|scope| !scope.is_empty()) {
        add("scope", scope);
    }
    if let Some((error, description)) = error {
        add("error", error.as_str());
        add("error_description", &description.to_string());
    }
    HeaderValue::from_maybe_shared(Bytes::from(text)).ok()
}

const PRESENTATIONS: [PresentationFault; 4] = [
    PresentationFault::TwoCredentials,
    PresentationFault::InQuery,
    PresentationFault::InForm,
    PresentationFault::Malformed,
];

/// The faults without a name of the configuration, or with one that an attacker without a key can
/// bring about. A test keeps the list complete.
const TOKENS: [TokenFault; 16] = [
    TokenFault::Oversize,
    TokenFault::Malformed,
    TokenFault::Expired,
    TokenFault::Revoked,
    TokenFault::NotYetValid,
    TokenFault::Audience,
    TokenFault::NoAudience,
    TokenFault::Issuer,
    TokenFault::SenderConstraint,
    TokenFault::Type(NotAccess::Header),
    TokenFault::Type(NotAccess::Unproven),
    TokenFault::Type(NotAccess::Hinted),
    TokenFault::ApiKeyForm,
    TokenFault::ApiKeyUnknown,
    TokenFault::ApiKeyServer,
    TokenFault::Inactive,
];

fn refuse_markers(text: &str) -> Result<(), ChallengeFault> {
    match MARKERS.into_iter().find(|marker| text.contains(marker)) {
        Some(marker) => Err(ChallengeFault::Marker(marker)),
        None => Ok(()),
    }
}

fn is_asked_in_passing(scope: &Scope) -> bool {
    scope.as_str() != "offline_access"
}

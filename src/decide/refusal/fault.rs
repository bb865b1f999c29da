//! What can be wrong with a credential, with the words for logs and for clients.

use std::fmt;

use crate::decide::policy::email;

/// How a credential can be presented wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresentationFault {
    /// More than one `Authorization` line, or a comma-joined pair.
    TwoCredentials,
    /// `access_token` in the query.
    InQuery,
    /// `access_token` in a form body.
    InForm,
    /// `Bearer` with nothing, or with something after the token.
    Malformed,
}

/// What can be wrong with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// Longer than `limits.token` of the server.
    Oversize,
    /// Not three canonical base64url parts of strict JSON objects.
    Malformed,
    /// `alg` is not one that this issuer may use.
    Algorithm,
    /// It is not an access token, or not surely one.
    Type(NotAccess),
    /// A header member that may not be there: `crit`, `jku`, `x5u`, `jwk`, `x5c`, `zip`, `cty`,
    /// `b64`.
    Header,
    /// `kid` is not a short string.
    KeyId,
    /// `iss` is absent or not one of the server's authorization servers.
    Issuer,
    /// The issuer has no such key.
    UnknownKey,
    /// The signature does not verify.
    Signature,
    /// `exp` is past.
    Expired,
    /// It was revoked before that (RFC 7009).
    Revoked,
    /// This claim (`exp`, `nbf`, `iat` or `auth_time`) is absent where it must be there, or not a
    /// time.
    Time(&'static str),
    /// `nbf` or `iat` is in the future.
    NotYetValid,
    /// `aud` does not name this resource.
    Audience,
    /// There is no `aud`.
    NoAudience,
    /// Neither `aud` nor the client (in the claim of this name) makes it a token for this resource.
    Client(&'static str),
    /// None of these claims names the caller: absent, or not text. Joined with commas.
    Subject(Box<str>),
    /// This scope claim is neither text nor a list of texts.
    ScopeShape(Box<str>),
    /// `required_claims` of the issuer names this claim, and the token does not have such a value.
    Required(Box<str>),
    /// `cnf` binds the token to a key, which the gateway cannot check (RFC 7800 §3.1).
    SenderConstraint,
    /// This registered claim has a shape that the RFC does not allow.
    Claims(&'static str),
    /// It begins as an API key does, but was cut or mistyped.
    ApiKeyForm,
    /// No API key of the configuration.
    ApiKeyUnknown,
    /// The API key does not name this server.
    ApiKeyServer,
    /// The issuer says that an opaque token is not active (RFC 7662 §2.2).
    Inactive,
}

/// Why a JWT of an issuer does not count as an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccess {
    /// The header's `typ` is not one of `token_types`.
    Header,
    /// It has this claim of another kind of JWT.
    Has(&'static str),
    /// This claim says that it is another kind of token.
    Says(&'static str),
    /// Nothing shows that it is an access token, and its audience could be a client.
    Unproven,
    /// A hint shows that it is an access token, but its audience is its client, as in the client's
    /// ID tokens.
    Hinted,
}

/// A sentence, perhaps with the name of a claim in it: the three parts in a row. Nothing is
/// allocated for a sentence without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultWords<'f> {
    /// The sentence up to the name.
    pub before: &'static str,
    /// The name of a claim, or of several; empty if none is named.
    pub claim: &'f str,
    /// The rest.
    pub after: &'static str,
}

impl FaultWords<'static> {
    /// A sentence without a name.
    #[must_use]
    pub const fn whole(text: &'static str) -> Self {
        Self { before: text, claim: "", after: "" }
    }
}

impl fmt::Display for FaultWords<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        [self.before, self.claim, self.after].iter().try_for_each(|part| out.write_str(part))
    }
}

impl PresentationFault {
    /// Stable word for logs and `data.reason`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::TwoCredentials => "two_credentials",
            Self::InQuery => "token_in_query",
            Self::InForm => "token_in_form",
            Self::Malformed => "malformed_authorization",
        }
    }

    /// The `error_description` of the challenge.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::TwoCredentials => "more than one credential",
            Self::InQuery => "a token in the query is not accepted",
            Self::InForm => "a token in a form is not accepted",
            Self::Malformed => "Authorization is not one Bearer token",
        }
    }

    /// The sentence of the body, which also says what to send instead.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::TwoCredentials => "more than one credential: send one Authorization header with one token",
            Self::InQuery => "a token may not be sent in the URI: send it as Authorization: Bearer",
            Self::InForm => "a token may not be sent in a form: send it as Authorization: Bearer",
            Self::Malformed => "the Authorization header is not Bearer with one token",
        }
    }
}

impl TokenFault {
    /// Stable word for logs and `data.reason`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Oversize => "token_oversize",
            Self::Malformed => "token_malformed",
            Self::Algorithm => "token_algorithm",
            Self::Type(_) => "token_type",
            Self::Header => "token_header",
            Self::KeyId => "token_key_id",
            Self::Issuer => "token_issuer",
            Self::UnknownKey => "token_unknown_key",
            Self::Signature => "token_signature",
            Self::Expired => "token_expired",
            Self::Revoked => "token_revoked",
            Self::Time(_) => "token_time",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Audience => "token_audience",
            Self::NoAudience => "token_no_audience",
            Self::Client(_) => "token_client",
            Self::Subject(_) => "token_subject",
            Self::ScopeShape(_) => "token_scope_shape",
            Self::Required(_) => "token_required_claim",
            Self::SenderConstraint => "token_sender_constraint",
            Self::Claims(_) => "token_claims",
            Self::ApiKeyForm => "api_key_form",
            Self::ApiKeyUnknown => "api_key_unknown",
            Self::ApiKeyServer => "api_key_server",
            Self::Inactive => "token_inactive",
        }
    }

    /// The `error_description` of the challenge: enough to act on. It names a claim, and no value
    /// of the token (SPEC A-37). The body repeats it, so that both say the same.
    #[must_use]
    pub fn description(&self) -> FaultWords<'_> {
        let (before, after) = match self {
            // Whole sentences: they say what is wrong without a name from the token.
            Self::Expired => return FaultWords::whole("the token has expired"),
            Self::Issuer => {
                return FaultWords::whole(
                    "the token is not from an issuer that this resource accepts: its iss is absent or names another issuer",
                );
            }
            Self::Revoked => ("the token has been revoked", ""),
            Self::NotYetValid => ("the token is not valid yet", ""),
            Self::Audience => ("the token is not for this resource: its ", " is another"),
            Self::NoAudience => ("the token is not for this resource: it has no ", ""),
            Self::Client(_) => (
                "the token is not for this resource: it is for the client in its ",
                ", and this client is not accepted",
            ),
            Self::SenderConstraint => ("the token is bound to a key that this resource cannot check: it has ", ""),
            Self::Type(NotAccess::Header) => ("not an access token: the header has another ", ""),
            Self::Type(NotAccess::Has(_)) => ("not an access token: it has ", ""),
            Self::Type(NotAccess::Says(_)) => ("not an access token: its ", " names another kind"),
            Self::Type(NotAccess::Unproven | NotAccess::Hinted) => {
                ("not an access token: no claim shows that it is one", "")
            }
            Self::Time(_) => ("the token is not valid: its ", " is absent or not a time"),
            Self::Subject(_) => ("the token does not name its user: it has no text in ", ""),
            Self::ScopeShape(_) => ("the token is not valid: its ", " is neither text nor a list of texts"),
            Self::Required(_) => ("the token is not accepted here: its ", " is absent or has another value"),
            Self::Claims(_) => ("the token is not valid: its ", " has a value that the standards do not allow"),
            Self::ApiKeyForm => ("the API key is incomplete or mistyped", ""),
            Self::ApiKeyUnknown => ("the API key is not known here", ""),
            Self::ApiKeyServer => ("the API key does not name this server", ""),
            Self::Inactive => ("the token is not active: it has ended or was revoked", ""),
            Self::Oversize => ("the token is too large", ""),
            Self::Malformed | Self::Algorithm | Self::Header | Self::KeyId | Self::UnknownKey | Self::Signature => {
                ("the token is not valid", "")
            }
        };
        FaultWords { before, claim: self.claim().unwrap_or_default(), after }
    }

    /// The claim (or header member) that is absent or wrong; several are joined with commas.
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::Audience | Self::NoAudience => Some("aud"),
            Self::Issuer => Some("iss"),
            Self::Expired => Some("exp"),
            Self::SenderConstraint => Some("cnf"),
            Self::Type(NotAccess::Header) => Some("typ"),
            Self::Type(NotAccess::Has(name) | NotAccess::Says(name)) => Some(name),
            Self::Client(name) | Self::Time(name) | Self::Claims(name) => Some(name),
            Self::Subject(names) => Some(names),
            Self::ScopeShape(name) | Self::Required(name) => Some(name),
            Self::Oversize
            | Self::Malformed
            | Self::Algorithm
            | Self::Type(NotAccess::Unproven | NotAccess::Hinted)
            | Self::Header
            | Self::KeyId
            | Self::UnknownKey
            | Self::Signature
            | Self::Revoked
            | Self::NotYetValid
            | Self::ApiKeyForm
            | Self::ApiKeyUnknown
            | Self::ApiKeyServer
            | Self::Inactive => None,
        }
    }

    /// What an operator can do about it, where it is about the shape of this issuer's tokens: the
    /// signature was good, so the issuer made the token like this.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Type(NotAccess::Header) => "if these are access tokens, write their type under token_types",
            Self::Type(NotAccess::Has(_) | NotAccess::Says(_)) => {
                "the client sends an ID token or another JWT: have it send the access token; some vendors write such \
                 claims into access tokens: write the vendor under profile"
            }
            Self::Type(NotAccess::Unproven) => {
                "it could be an ID token, which has the same aud: write the vendor under profile, or have the issuer \
                 write the URL of the MCP server into aud"
            }
            Self::Type(NotAccess::Hinted) => {
                "aud is the client, as in its ID and refresh tokens, and the scope alone does not tell them apart: have the \
                 issuer write the URL of the MCP server into aud; or write the vendor under profile; or, if the issuer's \
                 refresh tokens are not JWTs and its ID tokens have no scope, write this aud under audiences of the server"
            }
            Self::Audience => {
                "have the issuer write the URL of the MCP server into aud, or write the audience under audiences of \
                 the server"
            }
            Self::NoAudience => {
                "have the issuer write the URL of the MCP server into aud; if it cannot, list its clients under \
                 client_ids"
            }
            Self::Client(_) => "if this client may use the server, add its id to client_ids",
            Self::Subject(_) => {
                "have the issuer write sub, or list in subject_claims another claim of the user that it writes; a claim of the \
                 client, such as client_id, names no user: it counts only if the token is marked as a machine's, or has \
                 no claim that could be about a user"
            }
            Self::ScopeShape(_) => "name only claims with scopes in scope_claims",
            Self::Required(name) if **name == *email::VERIFIED => email::ADVICE,
            Self::Required(_) => "the token is of another tenant or organization, or required_claims is not right",
            Self::SenderConstraint => "have the client ask for bearer tokens: without DPoP and without a certificate",
            Self::Time(_) | Self::Claims(_) => "look into the settings of this client at the issuer",
            Self::NotYetValid => "set the clocks of the issuer and of the gateway right, or raise clock_skew",
            _ => return None,
        })
    }
}

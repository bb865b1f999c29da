//! What can be wrong with a credential, with the words for logs and for clients.

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// Longer than [`crate::base::limits::tokens::TOKEN_BYTES_MAX`].
    Oversize,
    /// Not three canonical base64url parts of strict JSON objects.
    Malformed,
    /// `alg` is not one that this issuer may use.
    Algorithm,
    /// `typ`, or another sign, says that this is not an access token.
    Type,
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
    /// `exp`, `nbf` or `iat` is absent where it must be there, or not a time.
    Time,
    /// `nbf` or `iat` is in the future.
    NotYetValid,
    /// `aud` does not name this resource.
    Audience,
    /// `sub` is absent or not a string.
    Subject,
    /// A scope claim is neither text nor a list of texts.
    ScopeShape,
    /// `cnf` binds the token to a key, which the gateway cannot check (RFC 7800 §3.1).
    SenderConstraint,
    /// A registered claim has a shape that the RFC does not allow.
    Claims,
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
    pub fn reason(self) -> &'static str {
        match self {
            Self::Oversize => "token_oversize",
            Self::Malformed => "token_malformed",
            Self::Algorithm => "token_algorithm",
            Self::Type => "token_type",
            Self::Header => "token_header",
            Self::KeyId => "token_key_id",
            Self::Issuer => "token_issuer",
            Self::UnknownKey => "token_unknown_key",
            Self::Signature => "token_signature",
            Self::Expired => "token_expired",
            Self::Revoked => "token_revoked",
            Self::Time => "token_time",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Audience => "token_audience",
            Self::Subject => "token_subject",
            Self::ScopeShape => "token_scope_shape",
            Self::SenderConstraint => "token_sender_constraint",
            Self::Claims => "token_claims",
        }
    }

    /// The `error_description` of the challenge: enough to act on, nothing of the token (SPEC
    /// The body repeats it, so that both say the same.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Expired => "the token has expired",
            Self::Revoked => "the token has been revoked",
            Self::NotYetValid => "the token is not valid yet",
            Self::Audience => "the token is not for this resource",
            Self::Issuer => "the token is not from an issuer that this resource accepts",
            Self::SenderConstraint => "the token is bound to a key that this resource cannot check",
            Self::Type => "not an access token",
            Self::Oversize
            | Self::Malformed
            | Self::Algorithm
            | Self::Header
            | Self::KeyId
            | Self::UnknownKey
            | Self::Signature
            | Self::Time
            | Self::Subject
            | Self::ScopeShape
            | Self::Claims => "the token is not valid",
        }
    }
}

//! The OAuth errors of the authorization server: one table of codes and statuses.

use std::borrow::Cow;

use http::StatusCode;

/// A refusal of the embedded authorization server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    /// `error`.
    pub code: Code,
    /// `error_description`: what was found and what was expected. Only characters of RFC 6749 §5.2;
    /// no secret, and no part of the input.
    pub description: Cow<'static, str>,
}

/// `error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// `invalid_request`.
    InvalidRequest,
    /// `invalid_client`.
    InvalidClient,
    /// `invalid_grant`.
    InvalidGrant,
    /// `unauthorized_client`.
    UnauthorizedClient,
    /// `unsupported_grant_type`.
    UnsupportedGrantType,
    /// `unsupported_response_type`.
    UnsupportedResponseType,
    /// `invalid_scope`.
    InvalidScope,
    /// `invalid_target`.
    InvalidTarget,
    /// `access_denied`.
    AccessDenied,
    /// `login_required` (OpenID Connect Core §3.1.2.6): no user is logged in, and no page may be
    /// shown.
    LoginRequired,
    /// `consent_required` (same section): the user must be asked, and no page may be shown.
    ConsentRequired,
    /// `interaction_required` (same section): another page must be shown first, and no page may be
    /// shown.
    InteractionRequired,
    /// `request_not_supported` (same section): signed requests are not supported.
    RequestNotSupported,
    /// `request_uri_not_supported` (same section).
    RequestUriNotSupported,
    /// `invalid_redirect_uri`.
    InvalidRedirectUri,
    /// `invalid_client_metadata`.
    InvalidClientMetadata,
    /// `invalid_token`: the initial access token of a registration.
    InvalidToken,
    /// `slow_down` as RFC 8628 §3.5 names it: too many attempts.
    SlowDown,
    /// `temporarily_unavailable`: the store or the upstream IdP is not reachable.
    TemporarilyUnavailable,
    /// `server_error`.
    ServerError,
}

impl Code {
    /// The text of `error`, and the status of an answer that is not a redirect.
    #[must_use]
    pub fn row(self) -> (&'static str, StatusCode) {
        use StatusCode as S;
        match self {
            Self::InvalidRequest => ("invalid_request", S::BAD_REQUEST),
            Self::InvalidClient => ("invalid_client", S::UNAUTHORIZED),
            Self::InvalidGrant => ("invalid_grant", S::BAD_REQUEST),
            Self::UnauthorizedClient => ("unauthorized_client", S::BAD_REQUEST),
            Self::UnsupportedGrantType => ("unsupported_grant_type", S::BAD_REQUEST),
            Self::UnsupportedResponseType => ("unsupported_response_type", S::BAD_REQUEST),
            Self::InvalidScope => ("invalid_scope", S::BAD_REQUEST),
            Self::InvalidTarget => ("invalid_target", S::BAD_REQUEST),
            Self::AccessDenied => ("access_denied", S::FORBIDDEN),
            Self::LoginRequired => ("login_required", S::BAD_REQUEST),
            Self::ConsentRequired => ("consent_required", S::BAD_REQUEST),
            Self::InteractionRequired => ("interaction_required", S::BAD_REQUEST),
            Self::RequestNotSupported => ("request_not_supported", S::BAD_REQUEST),
            Self::RequestUriNotSupported => ("request_uri_not_supported", S::BAD_REQUEST),
            Self::InvalidRedirectUri => ("invalid_redirect_uri", S::BAD_REQUEST),
            Self::InvalidClientMetadata => ("invalid_client_metadata", S::BAD_REQUEST),
            Self::InvalidToken => ("invalid_token", S::UNAUTHORIZED),
            Self::SlowDown => ("slow_down", S::TOO_MANY_REQUESTS),
            Self::TemporarilyUnavailable => ("temporarily_unavailable", S::SERVICE_UNAVAILABLE),
            Self::ServerError => ("server_error", S::INTERNAL_SERVER_ERROR),
        }
    }

    /// This error with a description.
    #[must_use]
    pub fn because(self, description: impl Into<Cow<'static, str>>) -> OAuthError {
        OAuthError { code: self, description: description.into() }
    }
}

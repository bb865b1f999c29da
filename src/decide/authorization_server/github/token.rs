//! Reads the answers of GitHub's token endpoint.

use http::StatusCode;
use serde::Deserialize;

use crate::decide::authorization_server::idp_refusal::IdpRefusal;

/// What GitHub's token endpoint answers.
#[derive(Debug, PartialEq, Eq)]
pub enum TokenAnswer {
    /// Tokens.
    Granted(GitHubTokens),
    /// An error code, perhaps with status 200.
    Refused(String),
}

/// What GitHub granted.
#[derive(Debug, PartialEq, Eq)]
pub struct GitHubTokens {
    /// For the REST API.
    pub access_token: Box<str>,
    /// Only a GitHub App whose user tokens expire has one.
    pub refresh_token: Option<Box<str>>,
    /// Whether a GitHub App issued it, whose permissions count in place of scopes.
    pub is_of_app: bool,
    /// The scopes of a token of an OAuth app.
    pub scopes: Vec<Box<str>>,
}

impl GitHubTokens {
    /// Whether the token may do what `scope` permits. Users can take scopes out of the request.
    #[must_use]
    pub fn may(&self, scope: &str) -> bool {
        self.is_of_app || permits(&self.scopes, scope)
    }
}

/// Whether these scopes of an OAuth app have `wanted` among them, or a wider one.
#[must_use]
pub fn permits(scopes: &[Box<str>], wanted: &str) -> bool {
    let wider: &[&str] = match wanted {
        "read:org" => &["write:org", "admin:org"],
        "user:email" => &["user"],
        _ => &[],
    };
    scopes.iter().any(|one| **one == *wanted || wider.contains(&&**one))
}

/// Reads an answer of the token endpoint; `None` if it is neither.
#[must_use]
pub fn token_answer(body: &[u8]) -> Option<TokenAnswer> {
    #[derive(Deserialize)]
    struct Said {
        error: Option<String>,
        access_token: Option<Box<str>>,
        refresh_token: Option<Box<str>>,
        scope: Option<String>,
    }
    let said: Said = serde_json::from_slice(body).ok()?;
    if let Some(error) = said.error {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
        return Some(TokenAnswer::Refused(error.chars().filter(is_plain).take(64).collect()));
    }
    let access_token = said.access_token.filter(|token| !token.is_empty())?;
    let scope = said.scope.unwrap_or_default();
    Some(TokenAnswer::Granted(GitHubTokens {
        is_of_app: access_token.starts_with("ghu_"),
        access_token,
        refresh_token: said.refresh_token.filter(|token| !token.is_empty()),
        scopes: scope.split([',', ' ']).filter(|one| !one.is_empty()).map(Box::from).collect(),
    }))
}

/// Whom a refusal of the token endpoint is about.
/// <https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps>, "troubleshooting".
#[must_use]
pub fn classify(status: StatusCode, error: &str) -> IdpRefusal {
    if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
        return IdpRefusal::Moment;
    }
    match error {
        "bad_verification_code" | "bad_refresh_token" | "invalid_grant" => IdpRefusal::Session,
        // The user must verify their address first.
        "unverified_user_email" => IdpRefusal::Session,
        // `Not Found` is the answer to an unknown client id.
        "incorrect_client_credentials" | "redirect_uri_mismatch" | "unsupported_grant_type" | "Not Found" => {
            IdpRefusal::Gateway
        }
        "invalid_client" | "unauthorized_client" | "application_suspended" => IdpRefusal::Gateway,
        _ => IdpRefusal::Moment,
    }
}

//! A sign-in at the company IdP: what leads there, what its answer must match, what it brings.

use std::time::Duration;

use super::session::IdpSession;
use crate::{
    base::{clock::Now, digest::sha256_base64url},
    decide::authorization_server::{
        error::{Code, OAuthError},
        form::Form,
        idp_failures::SeenBy,
        people::Person,
    },
    outbound::fault::Fault,
};

/// What the answer of the IdP must match.
pub(crate) struct ExpectedAnswer {
    /// `nonce`.
    pub(crate) nonce: Box<str>,
    /// The code verifier.
    pub(crate) verifier: Box<str>,
}

impl ExpectedAnswer {
    /// From the secret of a `state`.
    pub(crate) fn of(secret: &str) -> Self {
        let derived = |what: &str| sha256_base64url(&format!("{what} {secret}")).into();
        Self { nonce: derived("nonce"), verifier: derived("verifier") }
    }
}

/// What the browser takes to the IdP.
pub(crate) struct IdpRequest<'a> {
    /// `state`.
    pub(crate) state: &'a str,
    /// What the answer must match.
    pub(crate) expected: &'a ExpectedAnswer,
    /// Where the IdP sends the browser back to.
    pub(crate) callback: &'a str,
    /// `prompt`; empty for none.
    pub(crate) prompt: &'a str,
    /// `max_age`.
    pub(crate) max_age: Option<u64>,
    /// `login_hint`.
    pub(crate) login_hint: Option<&'a str>,
}

impl IdpRequest<'_> {
    /// The hint to send: with another account it would lead back to the same one.
    pub(super) fn hint(&self) -> Option<&str> {
        self.login_hint.filter(|_| !self.prompt.contains("select_account"))
    }
}

/// What the browser brings back.
pub(crate) struct IdpAnswer<'a> {
    /// The parameters of the answer.
    pub(crate) form: &'a Form,
    /// What it must match.
    pub(crate) expected: &'a ExpectedAnswer,
    /// The address that it came to.
    pub(crate) callback: &'a str,
    /// Whether no page may be shown (`prompt=none`).
    pub(crate) never_ask: bool,
    /// When the user must have signed in, by `max_age`.
    pub(crate) earliest: Option<Duration>,
    /// When.
    pub(crate) now: Now,
    /// Which browser it was.
    pub(crate) seen_by: SeenBy,
}

/// The user who has signed in.
pub(crate) struct IdpSignIn {
    /// The user.
    pub(crate) person: Person,
    /// With what the IdP can be asked again; `None` if it gave nothing for that. Without it the
    /// client gets no refresh token (SPEC E-41).
    pub(crate) session: Option<IdpSession>,
}

/// Why no user was logged in, and who is told.
pub(crate) enum LoginFault {
    /// The client.
    ToClient(OAuthError),
    /// The user: only a person can help, and a client would begin again and again.
    OnPage(OAuthError),
    /// The user, who can only tell the administrator.
    ForAdministrator(OAuthError),
}

impl From<OAuthError> for LoginFault {
    fn from(error: OAuthError) -> Self {
        Self::ToClient(error)
    }
}

/// The IdP cannot be asked. The client does not learn the cause; the log has it (SPEC D-34).
pub(crate) fn unavailable(fault: &Fault) -> OAuthError {
    tracing::warn!(%fault, "the company IdP cannot be asked");
    Code::TemporarilyUnavailable.because("the company's identity provider cannot be asked now; try again later")
}

/// The IdP refuses the gateway: the operator must act.
pub(crate) fn refuses_the_gateway() -> OAuthError {
    Code::TemporarilyUnavailable.because(
        "the company's identity provider refuses this gateway: the administrator must act, signing in again does not help",
    )
}

/// The IdP's answers do not say who a user is: the operator must act.
pub(crate) fn not_understood() -> OAuthError {
    Code::TemporarilyUnavailable.because(
        "this gateway cannot use the answers of the company's identity provider: the administrator must act, signing in again does not help",
    )
}

/// What the IdP says about a user is too large: the operator must act.
pub(crate) fn too_large() -> OAuthError {
    Code::TemporarilyUnavailable.because(
        "what the company's identity provider says about this user is too large: the administrator must act, signing in again does not help",
    )
}

/// The error code of an IdP's answer, for the log. Its description is not logged: it is text from
/// outside (attack 165).
pub(crate) fn logged_error(error: &str) -> String {
    let error: String = error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
    tracing::info!(error, "the company IdP answered with an error");
    error
}

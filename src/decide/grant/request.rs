//! An authorization request: what must be right before anything is redirected, and what is told by a redirect (SPEC E-10…E-14).

use serde::{Deserialize, Serialize};

use crate::{
    base::names::Scope,
    decide::grant::{client::Client, error::OAuthError, form::Form, pkce::Challenge, redirect::RedirectUri},
};

/// Where the answer to a request goes, known to be the client's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnTo {
    /// The redirect URI, as asked for (with its port).
    pub uri: RedirectUri,
    /// `state`, unchanged.
    pub state: Option<Box<str>>,
}

/// A resource that tokens can be made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// Its identifier (RFC 8707 `resource`, and `aud`).
    pub resource: Box<str>,
    /// Its name in the configuration, for the consent page.
    pub name: Box<str>,
    /// Scopes that it names.
    pub scopes: Vec<Scope>,
    /// What is granted where a request names none.
    pub default_scopes: Vec<Scope>,
}

/// A whole request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// `client_id`.
    pub client: Box<str>,
    /// Where the answer goes.
    pub back: ReturnTo,
    /// Whether the request itself named the redirect URI: then the token request must name the same (RFC 6749 §4.1.3).
    pub named_redirect: bool,
    /// `code_challenge`.
    pub challenge: Challenge,
    /// `resource`, each of them one of ours; never empty.
    pub resources: Vec<Box<str>>,
    /// `scope`, else the defaults of the resources.
    pub scopes: Vec<Scope>,
    /// `login_hint`, for the company's IdP.
    pub login_hint: Option<Box<str>>,
    /// `prompt` has `consent` or `login` in it: nothing is skipped.
    pub always_ask: bool,
    /// `prompt=none`: nothing may be shown.
    pub never_ask: bool,
}

impl ReturnTo {
    /// Finds where the answer to `form` goes. One registered redirect URI may be left out of the request.
    ///
    /// # Errors
    /// What to show on our own page: nothing may be sent to an address that is not the client's (RFC 6749 §4.1.2.1).
    pub fn find(_client: &Client, _form: &Form) -> Result<Self, OAuthError> {
        todo!()
    }

    /// The address with a code (RFC 6749 §4.1.2, RFC 9207).
    #[must_use]
    pub fn with_code(&self, _code: &str, _issuer: &str) -> String {
        todo!()
    }

    /// The address with an error.
    #[must_use]
    pub fn with_error(&self, _error: &OAuthError, _issuer: &str) -> String {
        todo!()
    }
}

impl AuthorizationRequest {
    /// Reads the rest of a request whose client and return address are known.
    ///
    /// # Errors
    /// What to tell the client by a redirect.
    pub fn read(_client: &Client, _back: ReturnTo, _form: &Form, _resources: &[Protected]) -> Result<Self, OAuthError> {
        todo!()
    }
}

/// `resource` of a token request: what of `granted` it narrows the token to; all of it where it names none (SPEC E-22).
///
/// # Errors
/// `invalid_target`.
pub fn narrow(_granted: &[Box<str>], _form: &Form) -> Result<Vec<Box<str>>, OAuthError> {
    todo!()
}

//! Who asks for tokens: a client that the operator wrote, one that registered itself (RFC 7591), or one that its document describes.

use serde::{Deserialize, Serialize};

use crate::{
    base::names::Scope,
    decide::authorization_server::{
        client_id_document::DocumentUrl, error::OAuthError, redirect_uri::RedirectUri, url::Url,
    },
};

mod metadata;
#[cfg(test)]
mod tests;

/// A client, whatever it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `client_id`.
    pub id: Box<str>,
    /// `client_name`: a stranger's text, to be escaped wherever it is shown.
    pub name: Option<Box<str>>,
    /// Where it came from.
    pub origin: Origin,
    /// `redirect_uris`.
    pub redirect_uris: Vec<RedirectUri>,
    /// How it proves who it is.
    pub auth: ClientAuth,
    /// What it may ask for.
    pub grants: Grants,
    /// `scope`: more than these it never gets; `None` for no such bound.
    pub scopes: Option<Vec<Scope>>,
}

/// Where a client came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// The configuration.
    Configured,
    /// Dynamic client registration.
    Dynamic,
    /// Its own document.
    Document,
}

/// How a client proves who it is (`token_endpoint_auth_method`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientAuth {
    /// `none`: a public client, PKCE alone.
    None,
    /// `client_secret_basic` and `client_secret_post`: SHA-256 of the secret, which has 256 bits of its own.
    Secret([u8; 32]),
    /// `private_key_jwt`: a key set, as its JSON text.
    Keys(Box<str>),
    /// `private_key_jwt`: a key set at this `https` URL, fetched as a stranger's document.
    KeysAt(Box<str>),
}

/// `grant_types`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// `authorization_code`.
    pub code: bool,
    /// `refresh_token`.
    pub refresh: bool,
    /// `client_credentials`.
    pub credentials: bool,
}

impl Client {
    /// The host that vouches for the client, where one does: that of its document.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let url = (self.origin == Origin::Document).then(|| Url::read(&self.id));
        url?.ok().map(|url| url.host)
    }

    /// Whether every redirect leads to the user's own machine, where any program may pose as this client (SPEC E-34).
    #[must_use]
    pub fn is_native(&self) -> bool {
        !self.redirect_uris.is_empty() && self.redirect_uris.iter().all(RedirectUri::is_native)
    }
}

/// What a registration asks for, checked (RFC 7591 §2): what it does not say is filled in, what we do not know is ignored,
/// and a `client_id` of its own choice too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// `client_name`.
    pub name: Option<Box<str>>,
    /// `redirect_uris`.
    pub redirect_uris: Vec<RedirectUri>,
    /// `token_endpoint_auth_method`.
    pub method: Method,
    /// `grant_types`; `client_credentials` is for clients that the operator wrote.
    pub grants: Grants,
    /// `scope`.
    pub scopes: Option<Vec<Scope>>,
}

/// `token_endpoint_auth_method` of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// `none`.
    None,
    /// `client_secret_basic`; the default of RFC 7591.
    SecretBasic,
    /// `client_secret_post`.
    SecretPost,
    /// `private_key_jwt` with `jwks` in the registration, as its JSON text.
    Keys(Box<str>),
    /// `private_key_jwt` with `jwks_uri`.
    KeysAt(Box<str>),
}

impl Registration {
    /// Reads a registration request.
    ///
    /// # Errors
    /// `invalid_redirect_uri`, `invalid_client_metadata`.
    pub fn read(json: &[u8]) -> Result<Self, OAuthError> {
        metadata::registration(json).map_err(|wrong| wrong.code.because(wrong.what))
    }

    /// The client that it becomes.
    ///
    /// Its `scope` does not bind it: a client that registers with what the first challenge asked for must be able to ask for more
    /// when a later one says so (SPEC A-51, E-16), and one that nobody vouches for is held by rules and consent, not by itself.
    #[must_use]
    pub fn into_client(self, id: Box<str>, auth: ClientAuth) -> Client {
        Client {
            id,
            name: self.name,
            origin: Origin::Dynamic,
            redirect_uris: self.redirect_uris,
            auth,
            grants: self.grants,
            scopes: None,
        }
    }
}

/// Reads the document that was fetched from `url` (SPEC E-33, E-24): its `client_id` must be that very URL, `client_name` and
/// `redirect_uris` must be there, and it must not ask for a shared secret. Its `scope` does not bind the client either.
///
/// # Errors
/// What is wrong with it.
pub fn read_document(url: &DocumentUrl, json: &[u8]) -> Result<Client, &'static str> {
    let (registration, auth) = metadata::document(url, json).map_err(|wrong| wrong.what)?;
    Ok(Client { origin: Origin::Document, ..registration.into_client(url.as_str().into(), auth) })
}

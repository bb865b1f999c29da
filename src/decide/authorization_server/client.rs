//! OAuth clients: configured, registered (RFC 7591), or described by their own document.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    base::names::Scope,
    decide::authorization_server::{people::RegisteredBy, redirect_uri::RedirectUri, url::WebUrl},
};

/// The start of the ids of registered clients. It does not look like the URL of a document, and a
/// configured client may not use it (SPEC E-37).
pub const REGISTERED_PREFIX: &str = "dyn_";
/// The start of the ids of those that registered with the operator's initial access token: whether
/// an access token of such a client counts is decided from the token alone.
pub const WITH_TOKEN_PREFIX: &str = "dyn_token_";
/// The random characters after either: 128 bits as base64url.
const RANDOM_CHARS: usize = 22;

/// How the client with this id registered; `None` if it is not the id of a registered client.
#[must_use]
pub fn registered_by(id: &str) -> Option<RegisteredBy> {
    let begins = |prefix: &str| id.strip_prefix(prefix).is_some_and(|rest| rest.len() == RANDOM_CHARS);
    // The lengths differ, so no id has both beginnings.
    match (begins(WITH_TOKEN_PREFIX), begins(REGISTERED_PREFIX)) {
        (true, _) => Some(RegisteredBy::Token),
        (false, true) => Some(RegisteredBy::Anyone),
        (false, false) => None,
    }
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `client_id`.
    pub id: Box<str>,
    /// `client_name`: untrusted text; escape it wherever it is shown.
    pub name: Option<Box<str>>,
    /// Where the client was defined.
    pub origin: ClientOrigin,
    /// `redirect_uris`.
    pub redirect_uris: Vec<RedirectUri>,
    /// How the client authenticates.
    pub auth: ClientAuth,
    /// The grant types that it may use.
    pub grants: Grants,
    /// `scope`: the most scopes that it can get; `None` for no bound.
    pub scopes: Option<Vec<Scope>>,
    /// The servers whose tokens it may introspect; only configured clients have any. Absent in
    /// entries of earlier releases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub introspects: Vec<Box<str>>,
    /// Whether the operator has consented for all users; only configured clients are. Absent in
    /// entries of earlier releases.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trusted: bool,
    /// Whether it registered with the operator's initial access token. Absent in entries of earlier
    /// releases.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_token: bool,
}

/// Where a client was defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientOrigin {
    /// The configuration.
    Configured,
    /// Dynamic client registration.
    Dynamic,
    /// Its own document.
    Document,
}

/// How a client authenticates (`token_endpoint_auth_method`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientAuth {
    /// `none`: a public client, with PKCE only.
    None,
    /// `client_secret_basic` and `client_secret_post`: SHA-256 of the secret, which is 256 random
    /// bits.
    Secret([u8; 32]),
    /// `private_key_jwt`: a key set, as its JSON text.
    Keys(Box<str>),
    /// `private_key_jwt`: a key set at this `https` URL, fetched with the restrictions of a
    /// client's document.
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
    /// The host of the client's document, which vouches for the client.
    #[must_use]
    pub fn host(&self) -> Option<Cow<'_, str>> {
        let url = (self.origin == ClientOrigin::Document).then(|| WebUrl::read(&self.id));
        url?.ok().map(|url| url.host)
    }

    /// Whether every redirect URI leads to the user's own machine, where any program can
    /// impersonate this client (SPEC E-34).
    #[must_use]
    pub fn is_native(&self) -> bool {
        !self.redirect_uris.is_empty() && self.redirect_uris.iter().all(RedirectUri::is_native)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e37_login_b9_an_id_says_how_its_client_registered() {
        let random = "0123456789-_abcdefghij";
        for (id, wanted) in [
            (format!("dyn_{random}"), Some(RegisteredBy::Anyone)),
            (format!("dyn_token_{random}"), Some(RegisteredBy::Token)),
            // Random characters that look like the longer beginning.
            ("dyn_token_0123456789abcdef".to_owned(), Some(RegisteredBy::Anyone)),
            (format!("dyn_{random}x"), None),
            (format!("dyn_token_{random}x"), None),
            ("dyn_".to_owned(), None),
            ("dyn_token_".to_owned(), None),
            (random.to_owned(), None),
            (format!("Dyn_{random}"), None),
            ("desktop".to_owned(), None),
        ] {
            assert_eq!(registered_by(&id), wanted, "{id}");
        }
    }
}

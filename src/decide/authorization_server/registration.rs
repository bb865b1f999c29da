//! A checked registration request (RFC 7591 §2).

use crate::{
    base::names::Scope,
    decide::authorization_server::{
        client::{Client, ClientAuth, ClientOrigin, Grants},
        own_origins::OwnOrigins,
        redirect_scheme::RedirectSchemes,
        redirect_uri::RedirectUri,
    },
};

/// Why a redirect URI at the gateway's own origin is refused.
pub const AT_THE_GATEWAY: &str = "the URL is at the gateway's own address, at a path that the gateway answers or may pass to an MCP server, so \
     that the client would not receive the answer; use a path that leads to the client, or ask the operator to \
     write the client into `clients`";

/// What clients may register.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Which private-use schemes their redirect URIs may have.
    pub schemes: &'a RedirectSchemes,
    /// Whether they may use `client_credentials`.
    pub may_act_alone: bool,
    /// Where no redirect URI may lead; `None` if that is decided at each use.
    pub own: Option<&'a OwnOrigins>,
}

impl Terms<'_> {
    /// For documents: the configuration decides about schemes and origins at each use.
    pub const OF_DOCUMENTS: Self = Self { schemes: &RedirectSchemes::Any, may_act_alone: false, own: None };

    /// Reads a redirect URI that a client wants to register.
    ///
    /// # Errors
    /// What is wrong with it, for `error_description`.
    pub fn read(&self, text: &str) -> Result<RedirectUri, &'static str> {
        let uri = self.schemes.read(text)?;
        match self.own.is_some_and(|own| own.have(&uri)) {
            true => Err(AT_THE_GATEWAY),
            false => Ok(uri),
        }
    }
}

/// A checked registration request (RFC 7591 §2). Defaults are filled in; unknown members, and a
/// `client_id` that the client chose, are ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationRequest {
    /// `client_name`.
    pub name: Option<Box<str>>,
    /// `application_type`.
    pub application_type: Option<ApplicationType>,
    /// `redirect_uris`, as far as they can be used.
    pub redirect_uris: Vec<RedirectUri>,
    /// What is wrong with the first redirect URI that was left out.
    pub left_out: Option<&'static str>,
    /// `token_endpoint_auth_method`.
    pub method: ClientAuthMethod,
    /// `grant_types`; `client_credentials` only if the terms permit it.
    pub grants: Grants,
    /// `scope`.
    pub scopes: Option<Vec<Scope>>,
}

/// `application_type` (OpenID Connect Dynamic Client Registration §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationType {
    /// `native`.
    Native,
    /// `web`.
    Web,
}

/// `token_endpoint_auth_method` of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuthMethod {
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

impl ApplicationType {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Web => "web",
        }
    }
}

impl RegistrationRequest {
    /// The registered client.
    ///
    /// The `scope` is not a limit: a client that registers with the scope of the first challenge
    /// must be able to request more later (SPEC A-51, E-16). Rules and consent limit it.
    #[must_use]
    pub fn into_client(self, id: Box<str>, auth: ClientAuth) -> Client {
        Client {
            id,
            name: self.name,
            origin: ClientOrigin::Dynamic,
            redirect_uris: self.redirect_uris,
            auth,
            grants: self.grants,
            scopes: None,
            introspects: Vec::new(),
            with_token: false,
            trusted: false,
        }
    }
}

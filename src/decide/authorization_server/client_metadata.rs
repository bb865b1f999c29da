//! Reads client metadata: strict JSON, short values, and names that do not deceive a user.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{
    base::limits::authorization_server::{
        CLIENT_ID_BYTES_MAX, CLIENT_NAME_CHARS_MAX, CLIENT_WORDS_MAX, REDIRECT_URIS_MAX, REGISTRATION_BYTES_MAX,
        REGISTRATION_JSON_DEPTH_MAX,
    },
    decide::{
        authorization_server::{
            client::{Client, ClientAuth, ClientOrigin, Grants},
            client_id_document::{DocumentUrl, check_fetchable},
            error::{Code, OAuthError},
            people::read_scope,
            redirect_uri::RedirectUri,
            registration::{ApplicationType, ClientAuthMethod, RegistrationRequest, Terms},
            url::WebUrl,
            visible_text::visible,
        },
        json::strict,
        token::jwk::KeySet,
    },
};

impl RegistrationRequest {
    /// Reads a registration request. Redirect URIs that cannot be used are left out; it is refused
    /// only if no other remains.
    ///
    /// # Errors
    /// `invalid_redirect_uri`, `invalid_client_metadata`.
    pub fn read(json: &[u8], terms: Terms<'_>) -> Result<Self, OAuthError> {
        registration(json, terms).map_err(|wrong| wrong.code.because(wrong.what))
    }
}

/// Reads the document that was fetched from `url` (SPEC E-33, E-24). Its `client_id` must equal the
/// URL, `client_name` and `redirect_uris` are required, and it must not ask for a shared secret.
/// Its `scope` does not limit the client. Redirect URIs with any private-use scheme are kept: the
/// configuration, which may change while the document is kept, decides about them at each use.
///
/// # Errors
/// What is wrong with it.
pub fn read_document(url: &DocumentUrl, json: &[u8]) -> Result<Client, Cow<'static, str>> {
    let (registration, auth) = document(url, json).map_err(|wrong| wrong.what)?;
    Ok(Client { origin: ClientOrigin::Document, ..registration.into_client(url.as_str().into(), auth) })
}

/// The values of `token_endpoint_auth_method` that a client can register.
const METHODS: [&str; 4] = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"];

/// What is wrong with it.
struct Wrong {
    code: Code,
    what: Cow<'static, str>,
}

/// A fault of redirect URIs, which have an own error code in RFC 7591 §3.2.2.
fn redirect(what: impl Into<Cow<'static, str>>) -> Wrong {
    Wrong { code: Code::InvalidRedirectUri, what: what.into() }
}

fn wrong(what: impl Into<Cow<'static, str>>) -> Wrong {
    Wrong { code: Code::InvalidClientMetadata, what: what.into() }
}

/// A registration request.
fn registration(json: &[u8], terms: Terms<'_>) -> Result<RegistrationRequest, Wrong> {
    // RFC 8259 §8.1 lets a reader ignore a byte order mark.
    let members = Members::read(json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json))?.mended();
    // RFC 7591 §2 defines the default. The gateway assigns `client_id` and `client_secret`, and
    // ignores those in the request.
    members.registration(terms, |members| members.method("client_secret_basic", false))
}

/// A client's document, and how the client authenticates.
fn document(url: &DocumentUrl, json: &[u8]) -> Result<(RegistrationRequest, ClientAuth), Wrong> {
    let members = Members::read(json)?;
    if members.text("client_id")? != Some(url.as_str()) {
        return Err(wrong("the document's client_id is not the document's URL"));
    }
    // A public document cannot hold a secret.
    if members.get("client_secret").is_some() || members.get("client_secret_expires_at").is_some() {
        return Err(wrong("the document has a client secret"));
    }
    let registration =
        members.registration(Terms::OF_DOCUMENTS, |members| members.method("none", url.is_loopback()))?;
    if registration.name.is_none() {
        return Err(wrong("client_name is missing"));
    }
    let auth = match &registration.method {
        ClientAuthMethod::None => ClientAuth::None,
        ClientAuthMethod::Keys(keys) => ClientAuth::Keys(keys.clone()),
        ClientAuthMethod::KeysAt(url) => ClientAuth::KeysAt(url.clone()),
        ClientAuthMethod::SecretBasic | ClientAuthMethod::SecretPost => {
            return Err(wrong("token_endpoint_auth_method must be none or private_key_jwt in a document"));
        }
    };
    Ok((registration, auth))
}

struct Members(Map<String, Value>);

impl Members {
    fn read(json: &[u8]) -> Result<Self, Wrong> {
        if json.len() > REGISTRATION_BYTES_MAX {
            return Err(wrong("the client metadata is too long"));
        }
        let members = strict::object(json, REGISTRATION_JSON_DEPTH_MAX);
        members.map(Self).map_err(|_| wrong("the client metadata is not a JSON object with each name once"))
    }

    /// The members of a registration with what RFC 7591 §3.2.1 lets the server replace: one string
    /// for a list is a list of one, and a name or a method that cannot be used counts as absent.
    /// The answer says what holds.
    fn mended(mut self) -> Self {
        for list in ["redirect_uris", "grant_types", "response_types"] {
            if let Some(value) = self.0.get_mut(list).filter(|value| value.is_string()) {
                *value = Value::Array(vec![value.take()]);
            }
        }
        self.0.retain(|name, value| match (&**name, &*value) {
            ("client_name", value) => value.is_string(),
            ("token_endpoint_auth_method", value) => value.as_str().is_some_and(|word| METHODS.contains(&word)),
            _ => true,
        });
        self
    }

    /// The member `name`; `null` counts as absent.
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<&str>, Wrong> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(format!("{name} is not a string"))),
        }
    }

    /// A list of strings.
    fn words(&self, name: &str) -> Result<Option<Vec<&str>>, Wrong> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let words = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        match words {
            Some(words) if words.len() <= CLIENT_WORDS_MAX => Ok(Some(words)),
            _ => Err(wrong(format!("{name} is not a list of at most {CLIENT_WORDS_MAX} strings"))),
        }
    }

    fn registration(
        &self,
        terms: Terms<'_>,
        method: impl Fn(&Self) -> Result<ClientAuthMethod, Wrong>,
    ) -> Result<RegistrationRequest, Wrong> {
        // First, because a client that acts for itself has no redirect URI.
        let grants = self.grants(terms.may_act_alone)?;
        let method = method(self)?;
        if grants.credentials && method == ClientAuthMethod::None {
            // OAuth 2.1 §4.2: the id alone must not be enough to get a token.
            return Err(wrong(
                "client_credentials needs a client secret or keys; token_endpoint_auth_method names neither",
            ));
        }
        let (redirect_uris, left_out) = match grants.code {
            true => self.redirect_uris(terms)?,
            false => (Vec::new(), None),
        };
        self.check_response_types()?;
        // Not a limit, so a list that cannot be read keeps no client out.
        let scopes = self.get("scope").and_then(Value::as_str).and_then(|text| read_scope(text).ok());
        Ok(RegistrationRequest {
            name: self.name()?,
            application_type: self.application_type(&redirect_uris),
            redirect_uris,
            left_out,
            method,
            grants,
            scopes,
        })
    }

    /// The redirect URIs that can be used, and what is wrong with the first other one.
    fn redirect_uris(&self, terms: Terms<'_>) -> Result<(Vec<RedirectUri>, Option<&'static str>), Wrong> {
        let no_list = || format!("redirect_uris is not a list of 1 to {REDIRECT_URIS_MAX} URLs");
        let list = match self.get("redirect_uris") {
            None => return Err(redirect("redirect_uris is missing")),
            Some(Value::Array(list)) if (1..=REDIRECT_URIS_MAX).contains(&list.len()) => list,
            Some(_) => return Err(redirect(no_list())),
        };
        let (mut uris, mut left_out): (Vec<RedirectUri>, _) = (Vec::with_capacity(list.len()), None);
        for value in list {
            let text = value.as_str().ok_or_else(|| redirect(no_list()))?;
            match terms.read(text) {
                Ok(uri) if uris.contains(&uri) => {}
                Ok(uri) => uris.push(uri),
                Err(what) => left_out = left_out.or(Some(what)),
            }
        }
        match left_out {
            Some(what) if uris.is_empty() => Err(redirect(format!("redirect_uris has no usable URL: {what}"))),
            _ => Ok((uris, left_out)),
        }
    }

    /// `application_type`: nothing depends on it. A client that calls itself `web` and has a
    /// redirect URI on the user's machine is native (SPEC E-36); unknown types are ignored.
    fn application_type(&self, uris: &[RedirectUri]) -> Option<ApplicationType> {
        match self.get("application_type").and_then(Value::as_str) {
            Some("native") => Some(ApplicationType::Native),
            Some("web") if uris.iter().any(RedirectUri::is_native) => Some(ApplicationType::Native),
            Some("web") => Some(ApplicationType::Web),
            _ => None,
        }
    }

    fn check_response_types(&self) -> Result<(), Wrong> {
        match self.words("response_types")? {
            // A client that acts for itself uses none.
            Some(types) if !types.is_empty() && !types.contains(&"code") => {
                Err(wrong("response_types must contain code"))
            }
            _ => Ok(()),
        }
    }

    /// The default of RFC 7591 §2 is `authorization_code` only, but clients that leave out
    /// `grant_types`, or leave it empty, want to stay signed in as well, and §3.2.1 lets the server
    /// decide. Grant types that registered clients cannot have are left out, and the answer lists
    /// the rest.
    fn grants(&self, may_act_alone: bool) -> Result<Grants, Wrong> {
        let types = self.words("grant_types")?.filter(|types| !types.is_empty());
        let types = types.unwrap_or_else(|| vec!["authorization_code", "refresh_token"]);
        let has = |name: &str| types.contains(&name);
        let code = has("authorization_code");
        let credentials = may_act_alone && has("client_credentials");
        match (code || credentials, has("client_credentials")) {
            (true, _) => Ok(Grants { code, refresh: code && has("refresh_token"), credentials }),
            (false, true) => Err(wrong("client_credentials is not allowed here for clients that register themselves")),
            (false, false) => Err(wrong("grant_types must contain authorization_code")),
        }
    }

    fn method(&self, default: &str, allow_loopback: bool) -> Result<ClientAuthMethod, Wrong> {
        match self.text("token_endpoint_auth_method")?.unwrap_or(default) {
            "none" => Ok(ClientAuthMethod::None),
            "client_secret_basic" => Ok(ClientAuthMethod::SecretBasic),
            "client_secret_post" => Ok(ClientAuthMethod::SecretPost),
            "private_key_jwt" => self.keys(allow_loopback),
            _ => Err(wrong("token_endpoint_auth_method is not supported")),
        }
    }

    /// The key set: `jwks` or `jwks_uri`, not both, because they could differ (RFC 7591 §2).
    fn keys(&self, allow_loopback: bool) -> Result<ClientAuthMethod, Wrong> {
        match (self.get("jwks"), self.text("jwks_uri")?) {
            (Some(keys), None) => {
                let text = keys.to_string();
                match KeySet::read(text.as_bytes()) {
                    Ok(_) => Ok(ClientAuthMethod::Keys(text.into())),
                    Err(_) => Err(wrong("jwks has no key that could verify a signature")),
                }
            }
            (None, Some(url)) if url.len() <= CLIENT_ID_BYTES_MAX => {
                let read = WebUrl::read(url).and_then(|url| check_fetchable(&url, allow_loopback));
                read.map_err(wrong).map(|()| ClientAuthMethod::KeysAt(url.into()))
            }
            (None, Some(_)) => Err(wrong("jwks_uri is too long")),
            (Some(_), Some(_)) => Err(wrong("there are both jwks and jwks_uri")),
            (None, None) => Err(wrong("private_key_jwt needs jwks or jwks_uri")),
        }
    }

    /// The name as people can see it, shortened if it is longer than a line.
    fn name(&self) -> Result<Option<Box<str>>, Wrong> {
        let name = visible(self.text("client_name")?.unwrap_or_default());
        let name = name.trim();
        let mut short: String = name.chars().take(CLIENT_NAME_CHARS_MAX).collect();
        if short.len() < name.len() {
            short.pop();
            short.push('…');
        }
        Ok((!short.is_empty()).then(|| short.into()))
    }
}

#[cfg(test)]
mod tests;

//! Reads an authorization request, and decides which errors are redirected (SPEC E-10…E-14).

use serde::{Deserialize, Serialize};

use crate::{
    base::{
        limits::authorization_server::{
            LOGIN_HINT_BYTES_MAX, NAMED_SCOPES_BYTES_MAX, PROMPT_BYTES_MAX, STATE_BYTES_MAX,
        },
        names::Scope,
    },
    decide::authorization_server::{
        client::Client,
        error::{Code, OAuthError},
        form::Form,
        people::read_scope,
        pkce::Challenge,
        redirect_uri::RedirectUri,
        resources::{OFFLINE_ACCESS, Protected, is_of_openid, requested},
    },
};

#[cfg(test)]
mod tests;

/// The verified redirect URI of the client, and `state`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnTo {
    /// The redirect URI of the request, with its port.
    pub uri: RedirectUri,
    /// `state`, unchanged.
    pub state: Option<Box<str>>,
}

/// A checked authorization request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// `client_id`.
    pub client: Box<str>,
    /// Where the answer goes.
    pub back: ReturnTo,
    /// Whether the request named the redirect URI. Then the token request must name it as well (RFC
    /// 6749 §4.1.3).
    pub named_redirect: bool,
    /// `code_challenge`.
    pub challenge: Challenge,
    /// `resource`: identifiers of known resources; never empty.
    pub resources: Vec<Box<str>>,
    /// `scope`, else the defaults of the resources.
    pub scopes: Vec<Scope>,
    /// Scopes that the request named besides `scopes`: a client may repeat them at a refresh.
    /// `offline_access` is first. Missing in flows of a release that did not remember them.
    #[serde(default)]
    pub named: Vec<Scope>,
    /// `login_hint`, for the upstream IdP.
    pub login_hint: Option<Box<str>>,
    /// `prompt` contains `consent`, `login` or `select_account`: consent is asked again.
    pub always_ask: bool,
    /// `prompt` contains `login` or `select_account`: the user signs in again. `consent` alone asks
    /// for no password (OpenID Connect Core §3.1.2.1). Missing in flows of a release that did not
    /// tell them apart: those have asked already.
    #[serde(default)]
    pub signs_in_again: bool,
    /// `prompt=none`: no page may be shown.
    pub never_ask: bool,
    /// The words of `prompt` that are for the upstream IdP: `none`, `login` and `select_account`.
    /// `consent` is for this server's own page. Missing in flows of earlier releases.
    #[serde(default)]
    pub idp_prompt: Box<str>,
    /// `max_age`: the user must have signed in at most so many seconds ago. Missing in flows of
    /// earlier releases.
    #[serde(default)]
    pub max_age: Option<u64>,
}

impl ReturnTo {
    /// Finds the redirect URI for the answer to `form`. The request may leave it out if only one is
    /// registered.
    ///
    /// # Errors
    /// The error for the gateway's own page: no answer may be sent to a URI that is not the
    /// client's (RFC 6749 §4.1.2.1).
    pub fn find(client: &Client, form: &Form) -> Result<Self, OAuthError> {
        let wrong = |what: &'static str| Code::InvalidRequest.because(what);
        let state = form.get("state");
        if state.is_some_and(|state| state.len() > STATE_BYTES_MAX) {
            return Err(wrong("state is too long"));
        }
        let uri = match (form.get("redirect_uri"), client.redirect_uris.as_slice()) {
            (_, []) => return Err(wrong("this client has no redirect URI that is accepted here")),
            (Some(asked), registered) if registered.iter().any(|uri| uri.matches(asked)) => {
                RedirectUri::parse(asked).map_err(wrong)?
            }
            (Some(_), _) => return Err(wrong("redirect_uri is not registered for this client")),
            (None, [only]) => only.clone(),
            (None, _) => return Err(wrong("redirect_uri is missing, and this client has registered several")),
        };
        Ok(Self { uri, state: state.map(Into::into) })
    }

    /// The redirect URI with a code (RFC 6749 §4.1.2, RFC 9207).
    #[must_use]
    pub fn with_code(&self, code: &str, issuer: &str) -> String {
        self.with(&[("code", code)], issuer)
    }

    /// The redirect URI with an error.
    #[must_use]
    pub fn with_error(&self, error: &OAuthError, issuer: &str) -> String {
        let (word, _) = error.code.row();
        self.with(&[("error", word), ("error_description", &error.description)], issuer)
    }

    fn with(&self, answer: &[(&str, &str)], issuer: &str) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        // RFC 9207 §2: errors carry `iss` as well.
        let parameters: Vec<(&str, &str)> = answer.iter().copied().chain(state).chain([("iss", issuer)]).collect();
        self.uri.with(&parameters)
    }
}

impl AuthorizationRequest {
    /// Reads the rest of a request whose client and return address are known.
    ///
    /// `offline_access` is not among the scopes unless a server names it: only the client's grant
    /// types decide whether it gets a refresh token, and the answer with one echoes it. Nor are the
    /// other scopes of OpenID Connect: a request for them alone is one without scopes. Further
    /// scopes that no requested server names are not granted, and refused only if nothing else is
    /// requested (E-16).
    ///
    /// # Errors
    /// The error that the client gets by a redirect.
    pub fn read(client: &Client, back: ReturnTo, form: &Form, resources: &[Protected]) -> Result<Self, OAuthError> {
        if !client.grants.code {
            return Err(Code::UnauthorizedClient.because("this client may not use the authorization code grant"));
        }
        check_form(form)?;
        let challenge = Challenge::read(form.get("code_challenge"), form.get("code_challenge_method"))?;
        let asked = requested(form, resources)?;
        let scopes = scopes(client, form, &asked)?;
        let named = named(form, &scopes)?;
        let login_hint = form.get("login_hint");
        if login_hint.is_some_and(|hint| hint.len() > LOGIN_HINT_BYTES_MAX || hint.contains(char::is_control)) {
            return Err(Code::InvalidRequest.because("login_hint is too long, or has control characters"));
        }
        let prompt = Prompt::read(form.get("prompt").unwrap_or_default())?;
        Ok(Self {
            client: client.id.clone(),
            back,
            named_redirect: form.get("redirect_uri").is_some(),
            challenge,
            resources: asked.iter().map(|one| one.resource.clone()).collect(),
            scopes,
            named,
            login_hint: login_hint.map(Into::into),
            always_ask: prompt.always_ask,
            signs_in_again: prompt.signs_in_again,
            never_ask: prompt.never_ask,
            idp_prompt: prompt.for_idp,
            max_age: max_age(form)?,
        })
    }
}

/// Refuses unsupported parameters, if to ignore them would change the request or leave the client
/// waiting.
fn check_form(form: &Form) -> Result<(), OAuthError> {
    match form.get("response_type") {
        Some("code") => {}
        Some(_) => return Err(Code::UnsupportedResponseType.because("response_type must be code")),
        None => return Err(Code::InvalidRequest.because("response_type is missing; it must be code")),
    }
    if form.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(Code::InvalidRequest.because("response_mode must be query"));
    }
    if form.get("request").is_some() {
        return Err(Code::RequestNotSupported.because("request objects are not supported"));
    }
    if form.get("request_uri").is_some() {
        return Err(Code::RequestUriNotSupported.because("request_uri is not supported"));
    }
    Ok(())
}

/// The scopes that `form` asks for at `resources`: those that one of them names and that the client
/// may have; without `scope`, the defaults of the resources.
///
/// # Errors
/// `invalid_scope`.
pub fn scopes(client: &Client, form: &Form, resources: &[&Protected]) -> Result<Vec<Scope>, OAuthError> {
    let text = form.get("scope").unwrap_or_default();
    let mut asked = read_scope(text).map_err(|what| Code::InvalidScope.because(what))?;
    let is_named = |scope: &Scope| resources.iter().any(|one| one.scopes.contains(scope));
    asked.retain(|scope| !is_of_openid(scope) || is_named(scope));
    let is_within = |scope: &Scope| client.scopes.as_ref().is_none_or(|bound| bound.contains(scope));
    if asked.is_empty() {
        let defaults = resources.iter().flat_map(|one| &one.default_scopes).filter(|scope| is_within(scope));
        let mut scopes: Vec<Scope> = Vec::new();
        for scope in defaults {
            if !scopes.contains(scope) {
                scopes.push(scope.clone());
            }
        }
        return Ok(scopes);
    }
    asked.retain(|scope| is_named(scope) && is_within(scope));
    // For a server without scopes, a token without scopes is enough.
    if asked.is_empty() && resources.iter().any(|one| !one.scopes.is_empty()) {
        return Err(Code::InvalidScope.because("scope has no scope that this client may request for this resource"));
    }
    Ok(asked)
}

/// The scopes that `form` names besides `scopes`, as far as they are short.
fn named(form: &Form, scopes: &[Scope]) -> Result<Vec<Scope>, OAuthError> {
    let text = form.get("scope").unwrap_or_default();
    let mut named = read_scope(text).map_err(|what| Code::InvalidScope.because(what))?;
    named.retain(|scope| !scopes.contains(scope));
    named.sort_by_key(|scope| scope.as_str() != OFFLINE_ACCESS);
    // The flow is stored for a client for which no user has signed in yet.
    let mut room = NAMED_SCOPES_BYTES_MAX;
    named.retain(|scope| {
        let fits = scope.as_str().len() < room;
        room = if fits { room - scope.as_str().len() } else { room };
        fits
    });
    Ok(named)
}

/// `max_age` (OpenID Connect Core §3.1.2.1): seconds.
fn max_age(form: &Form) -> Result<Option<u64>, OAuthError> {
    let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match form.get("max_age") {
        None => Ok(None),
        Some(text) => match Some(text).filter(is_number).and_then(|text| text.parse().ok()) {
            Some(secs) => Ok(Some(secs)),
            None => Err(Code::InvalidRequest.because("max_age must be a number of seconds")),
        },
    }
}

/// What `prompt` says.
struct Prompt {
    always_ask: bool,
    signs_in_again: bool,
    never_ask: bool,
    for_idp: Box<str>,
}

impl Prompt {
    /// Unknown words are ignored, as unknown parameters are.
    fn read(text: &str) -> Result<Self, OAuthError> {
        if text.len() > PROMPT_BYTES_MAX {
            return Err(Code::InvalidRequest.because("prompt is too long"));
        }
        let has = |wanted: &[&str]| text.split(' ').any(|word| wanted.contains(&word));
        let never_ask = has(&["none"]);
        if never_ask && text != "none" {
            return Err(Code::InvalidRequest.because("prompt has none and another value"));
        }
        let signs_in_again = has(&["login", "select_account"]);
        let words = ["none", "login", "select_account"].into_iter().filter(|word| has(&[word]));
        let for_idp = words.collect::<Vec<_>>().join(" ").into();
        Ok(Self { always_ask: signs_in_again || has(&["consent"]), signs_in_again, never_ask, for_idp })
    }
}

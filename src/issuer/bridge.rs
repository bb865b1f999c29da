//! Hands the login to the company's OpenID Connect provider: our own PKCE, state and nonce, its tokens never a client's (SPEC D-04…D-06, D-56, E-40…E-43).

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{
    base::{
        clock::{Clock, Now},
        names::Scope,
    },
    decide::{
        authorization_server::{
            error::{Code, OAuthError},
            form::{self, Form},
            people::{self, Grantee, Person},
            pkce::Challenge,
        },
        resource_server::issuer_metadata::{self, ServerMetadata},
        token::rules::TokenRules,
    },
    issuer::{
        Answer, Asked, Embedded, OidcSettings,
        flow::{self, BridgeFlow, Flow},
        page, reply,
        seal::{digest_of, unguessable},
    },
    outbound::{
        Fault,
        fetch::Fetch,
        keys::{IssuerKeys, IssuerSettings, KeySource},
    },
};

mod exchange;
mod person;
#[cfg(test)]
mod tests;

/// Algorithms of ID tokens: asymmetric. RS256 is what every IdP can (OpenID Connect Core §15.1).
const ALGORITHMS: [jsonwebtoken::Algorithm; 4] = [
    jsonwebtoken::Algorithm::RS256,
    jsonwebtoken::Algorithm::PS256,
    jsonwebtoken::Algorithm::ES256,
    jsonwebtoken::Algorithm::EdDSA,
];
/// How far the clocks of the IdP and ours may be apart.
const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// Between two fetches of the IdP's keys for the sake of an unknown one.
const REFETCH_FLOOR: Duration = Duration::from_secs(10);
/// Under this name the sealer keeps what is to be told to the IdP again.
const PLACE: &str = "bridge";

/// The company's IdP: its metadata and keys, kept fresh by [`Self::keep`].
pub struct Bridge {
    settings: OidcSettings,
    keys: Arc<IssuerKeys>,
    fetch: Fetch,
    clock: Arc<dyn Clock>,
}

/// What a refresh at the IdP says.
#[derive(Debug)]
pub(super) enum Renewed {
    /// The session goes on; perhaps with other claims, and with another token of theirs, sealed.
    Alive(Person, Vec<u8>),
    /// The IdP has ended it: ours ends, too.
    Ended,
}

/// What is kept, sealed, beside a family: enough to ask the IdP whether the session still lives.
#[derive(Serialize, Deserialize)]
struct Session {
    person: Person,
    refresh_token: Box<str>,
}

impl Bridge {
    /// Knows nothing yet: [`Self::keep`] fetches.
    #[must_use]
    pub fn new(settings: OidcSettings, fetch: Fetch, clock: Arc<dyn Clock>) -> Self {
        let rules = TokenRules {
            name: "login.oidc".into(),
            issuers: vec![settings.issuer.clone()],
            algorithms: ALGORITHMS.to_vec(),
            token_types: Vec::new(),
            clock_skew: CLOCK_SKEW,
            scope_claims: Vec::new(),
            client_claims: Vec::new(),
            scope_prefixes: Vec::new(),
        };
        let of_keys = IssuerSettings {
            rules,
            keys: KeySource::Discover,
            refetch_floor: REFETCH_FLOOR,
            allow_http: settings.allow_http,
        };
        let keys = IssuerKeys::new(of_keys, fetch.clone(), Arc::clone(&clock));
        Self { settings, keys, fetch, clock }
    }

    /// Keeps metadata and keys fresh for as long as it is polled.
    pub async fn keep(&self) {
        Arc::clone(&self.keys).keep_fresh().await;
    }

    async fn metadata(&self) -> Result<ServerMetadata, OAuthError> {
        let document = self.keys.discovery().document().await.map_err(|fault| away(&fault))?;
        issuer_metadata::read(&document, &self.settings.issuer)
            .map_err(|fault| away(&Fault::idp("metadata", format_args!("{fault:?}"))))
    }

    /// Asks the IdP whether the session behind `sealed` still lives (SPEC E-41).
    ///
    /// # Errors
    /// `temporarily_unavailable` where it cannot be asked.
    pub(super) async fn renew(&self, embedded: &Embedded, sealed: &[u8]) -> Result<Renewed, OAuthError> {
        let Some(session) = embedded.state.sealer.open_value::<Session>(PLACE, sealed) else {
            tracing::warn!("what was sealed for the company's IdP does not open any more: its key is gone");
            return Ok(Renewed::Ended);
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*session.refresh_token)];
        let Some(granted) = self.exchange(&form).await? else { return Ok(Renewed::Ended) };
        let person = match &granted.id_token {
            None => session.person.clone(),
            Some(token) => {
                let person = self.person(token, None, self.clock.now()).await?;
                if person.subject != session.person.subject {
                    // OpenID Connect Core §12.2: a refresh never changes who it is.
                    tracing::error!("the company's IdP answered a refresh with somebody else's ID token");
                    return Ok(Renewed::Ended);
                }
                person
            }
        };
        // An IdP that does not rotate says nothing, and the token before goes on.
        let refresh_token = granted.refresh_token.unwrap_or(session.refresh_token);
        let sealed = seal(embedded, &Session { person: person.clone(), refresh_token })?;
        Ok(Renewed::Alive(person, sealed))
    }
}

fn seal(embedded: &Embedded, session: &Session) -> Result<Vec<u8>, OAuthError> {
    embedded.state.sealer.seal_value(PLACE, session).map_err(|why| Code::ServerError.because(why))
}

/// The IdP is away. What happened is for the log (SPEC D-34).
fn away(fault: &Fault) -> OAuthError {
    tracing::warn!(%fault, "the company's IdP cannot be asked");
    Code::TemporarilyUnavailable.because("the company's identity provider cannot be asked now; try again later")
}

/// After consent: sets state, nonce and verifier on the flow, and says where to send the browser (SPEC D-04).
///
/// # Errors
/// `temporarily_unavailable`, or the flow's own.
pub(super) async fn depart(embedded: &Embedded, id: &str, before: &[u8], mut flow: Flow) -> Result<String, OAuthError> {
    let bridge = bridge_of(embedded)?;
    let metadata = bridge.metadata().await?;
    let endpoint = metadata.authorization_endpoint.as_deref().unwrap_or_default();
    if !is_web_address(endpoint, bridge.settings.allow_http) {
        return Err(away(&Fault::idp("metadata", "the authorization_endpoint is no https URL")));
    }
    let random = || unguessable().map_err(|why| Code::ServerError.because(why));
    let (state, nonce, verifier) = (format!("{id}.{}", random()?), random()?, random()?);
    let challenge = Challenge::of(&verifier);
    let hint = flow.request.login_hint.clone();
    flow.bridge = Some(BridgeFlow {
        state: digest_of(state.as_bytes()),
        nonce: nonce.as_str().into(),
        verifier: verifier.into(),
    });
    flow::advance(embedded, id, before, &flow).await?;

    let (scope, callback) = (scope_of(&bridge.settings), callback_url(embedded));
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", &*bridge.settings.client_id),
        ("redirect_uri", &*callback),
        ("scope", &*scope),
        ("state", &*state),
        ("nonce", &*nonce),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    parameters.extend(hint.as_deref().map(|hint| ("login_hint", hint)));
    let mark = if endpoint.contains('?') { '&' } else { '?' };
    Ok(format!("{endpoint}{mark}{}", form::encode(&parameters)))
}

/// `GET callback`: the browser comes back from the IdP.
pub(super) async fn callback(embedded: &Embedded, asked: &Asked<'_>) -> Answer {
    match arrive(embedded, asked).await {
        Ok(location) => reply::redirect(&location, &[]),
        Err(error) => page::error(embedded, &error),
    }
}

/// Where the browser goes next. An error is for a page of ours: there is no flow of this browser's to send it back by.
async fn arrive(embedded: &Embedded, asked: &Asked<'_>) -> Result<String, OAuthError> {
    const UNKNOWN: &str = "this answer of the identity provider belongs to no login that was begun here";
    let bridge = bridge_of(embedded)?;
    let form = Form::read(asked.head.uri.query().unwrap_or_default().as_bytes())?;
    let state = form.get("state").ok_or_else(|| Code::InvalidRequest.because(UNKNOWN))?;
    let (id, _) = state.split_once('.').ok_or_else(|| Code::InvalidRequest.because(UNKNOWN))?;
    // Only the browser that consented has the cookie: an IdP address that somebody was sent leads nowhere (attack 163).
    let (mut flow, before) = flow::resume(embedded, id, asked).await?;
    let of_bridge = flow.bridge.take().ok_or_else(|| Code::InvalidRequest.because(UNKNOWN))?;
    let is_ours =
        aws_lc_rs::constant_time::verify_slices_are_equal(&of_bridge.state, &digest_of(state.as_bytes())).is_ok();
    if !is_ours || flow.consented.is_none() {
        return Err(Code::InvalidRequest.because(UNKNOWN));
    }
    // From here on the state is spent, whatever comes of it.
    flow::advance(embedded, id, &before, &flow).await?;
    match log_in(embedded, bridge, &form, &of_bridge, asked.now).await {
        Ok((person, sealed)) => admit(embedded, id, flow, person, sealed).await,
        // What is not the IdP's, or cannot be believed, ends here: the client learns nothing of it (SPEC E-43, attack 164).
        Err(error) if error.code == Code::InvalidRequest => Err(error),
        Err(error) => {
            tracing::info!(
                target: "portcullis::issuer", event = "login", outcome = "refused", client = %flow.request.client,
                why = %error.description, "the company's IdP did not log the user in"
            );
            Ok(flow.request.back.with_error(&error, &embedded.settings.issuer))
        }
    }
}

/// From the IdP's answer to the person who logged in there.
async fn log_in(
    embedded: &Embedded,
    bridge: &Bridge,
    form: &Form,
    of_bridge: &BridgeFlow,
    now: Now,
) -> Result<(Person, Option<Vec<u8>>), OAuthError> {
    let metadata = bridge.metadata().await?;
    // Mix-up: an answer in the name of another IdP, or one without the name that this IdP always gives (RFC 9207 §2.4).
    match form.get("iss") {
        Some(issuer) if issuer == bridge.settings.issuer.as_str() => {}
        None if !metadata.authorization_response_iss_parameter_supported => {}
        _ => return Err(Code::InvalidRequest.because("the answer is not the identity provider's")),
    }
    // What the IdP says about its error is a stranger's text: the log has the code, nobody else (attack 165).
    if let Some(error) = form.get("error") {
        let error: String = error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
        tracing::info!(error, "the company's IdP answered with an error");
        return Err(Code::AccessDenied.because("the identity provider did not log the user in"));
    }
    let code = form.get("code").ok_or_else(|| Code::AccessDenied.because("the identity provider sent no code"))?;
    let callback = callback_url(embedded);
    let granted = bridge
        .exchange(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &callback),
            ("code_verifier", &of_bridge.verifier),
        ])
        .await?
        .ok_or_else(|| Code::AccessDenied.because("the identity provider does not take its own code"))?;
    let token =
        granted.id_token.ok_or_else(|| Code::InvalidRequest.because("the identity provider sent no ID token"))?;
    let person = bridge.person(&token, Some(&of_bridge.nonce), now).await?;
    // Without a token of theirs nobody could ask whether the session still lives, so it gets no refresh token of ours (SPEC E-41).
    let Some(refresh_token) = granted.refresh_token else {
        tracing::warn!(
            "the company's IdP gave no refresh token, so people log in anew when their access token ends; is `offline_access` in login.oidc.scopes?"
        );
        return Ok((person, None));
    };
    let sealed = seal(embedded, &Session { person: person.clone(), refresh_token })?;
    Ok((person, Some(sealed)))
}

/// The person gets what the rules give them of what they consented to.
async fn admit(
    embedded: &Embedded,
    id: &str,
    flow: Flow,
    person: Person,
    sealed: Option<Vec<u8>>,
) -> Result<String, OAuthError> {
    let consented: Vec<Scope> = flow.consented.clone().unwrap_or_default();
    let (grants, grantee) = (&embedded.settings.grants, Grantee::Person(&person));
    let scopes = people::allowed(grants, grantee, &consented);
    if scopes.is_empty() && !(consented.is_empty() && people::is_named(grants, grantee)) {
        let error = Code::AccessDenied.because("this account may get nothing of what was asked for");
        return Ok(flow.request.back.with_error(&error, &embedded.settings.issuer));
    }
    flow::finish(embedded, id, flow, person, scopes, sealed).await
}

fn bridge_of(embedded: &Embedded) -> Result<&Bridge, OAuthError> {
    let none = || Code::InvalidRequest.because("people log in here with local accounts");
    embedded.state.bridge.as_ref().ok_or_else(none)
}

/// `openid` and what is configured, each once.
fn scope_of(settings: &OidcSettings) -> String {
    let mut scopes = vec![Scope::from("openid")];
    scopes.extend(settings.scopes.iter().filter(|scope| &***scope != "openid").cloned());
    Scope::join(&scopes)
}

/// Ours alone: one authorization server has one IdP, so its callback tells IdPs apart (SPEC D-56).
fn callback_url(embedded: &Embedded) -> String {
    embedded.url(crate::decide::routing::IssuerEndpoint::Callback)
}

/// Whether a browser may be sent there.
fn is_web_address(url: &str, allow_http: bool) -> bool {
    let is_plain =
        url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'#'));
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let is_loopback = uri.host().is_some_and(crate::base::names::is_loopback_name);
    is_plain
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_loopback || allow_http,
            _ => false,
        }
}

/// What the IdP granted.
struct Granted {
    id_token: Option<Box<str>>,
    refresh_token: Option<Box<str>>,
}

/// A refusal that says that code or token are not good; anything else means that the IdP could not be asked.
fn is_refusal(status: StatusCode, error: &str) -> bool {
    status == StatusCode::BAD_REQUEST && error == "invalid_grant"
}

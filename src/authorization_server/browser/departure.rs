//! Sends the browser to the company IdP, and recognises it when it comes back (SPEC D-04, D-56).

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::{
    authorization_server::{
        browser::{
            flow::{self, EarlierDeparture, Flow, FlowAt},
            sealed_flow::{self, FlowDestination},
        },
        embedded::{Asked, Embedded},
        keys::random::unguessable,
        person::bridge::{Bridge, unavailable},
        settings::OidcSettings,
    },
    base::{
        digest::{sha256, sha256_base64url},
        names::{Scope, is_loopback_name},
    },
    decide::{
        authorization_server::{
            error::{Code, OAuthError},
            form, idp_request,
            pkce::Challenge,
        },
        routing::IssuerEndpoint,
    },
    outbound::fault::{Fault, FaultKind},
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
    fn of(secret: &str) -> Self {
        let derived = |what: &str| sha256_base64url(&format!("{what} {secret}")).into();
        Self { nonce: derived("nonce"), verifier: derived("verifier") }
    }
}

/// The IdP's address for the browser. The flow travels sealed in `state`. `prompt` replaces that of
/// the client.
///
/// # Errors
/// `temporarily_unavailable`, or `invalid_request` if the flow is too long to travel.
pub(crate) async fn depart(
    embedded: &Embedded,
    id: &str,
    flow: &Flow,
    prompt: Option<&str>,
) -> Result<String, OAuthError> {
    let bridge = bridge_of(embedded)?;
    let link = bridge.link();
    let settings = &link.settings;
    let metadata = bridge.metadata().await?;
    let endpoint = metadata.authorization_endpoint.as_deref().unwrap_or_default();
    // With `reach_at` alone, `allow_http` is for the network inside, not for browsers.
    let allow_http = settings.reach.allow_http && settings.issuer.starts_with("http://");
    if !is_web_address(endpoint, allow_http) {
        return Err(unavailable(&Fault::new(FaultKind::Metadata, "the authorization_endpoint is not an https URL")));
    }
    let secret = unguessable().map_err(|why| Code::ServerError.because(why))?;
    let state = sealed_flow::seal(embedded, FlowDestination::Idp, (id, flow), &secret)?;
    let expected = ExpectedAnswer::of(&secret);
    let challenge = Challenge::of(&expected.verifier);

    let (scope, callback) = (scope_of(settings), callback_url(embedded));
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", &*settings.client_id),
        ("redirect_uri", &*callback),
        ("scope", &*scope),
        ("state", &*state),
        ("nonce", &*expected.nonce),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let request = &flow.request;
    let prompt = prompt.unwrap_or(&request.idp_prompt);
    let max_age = request.max_age.map(|secs| secs.to_string());
    parameters.extend(Some(("prompt", prompt)).filter(|_| !prompt.is_empty()));
    parameters.extend(max_age.as_deref().map(|secs| ("max_age", secs)));
    // With another account the hint would lead back to the same one.
    let hint = request.login_hint.as_deref().filter(|_| !prompt.contains("select_account"));
    parameters.extend(hint.map(|hint| ("login_hint", hint)));
    let parameters = idp_request::with_configured(parameters, &settings.authorize_parameters);
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mark = if endpoint.contains('?') { '&' } else { '?' };
    Ok(format!("{endpoint}{mark}{}", form::encode(&parameters)))
}

/// The flow of a `state` that came back, if this browser took it to the IdP (attack 163).
///
/// # Errors
/// `access_denied` for another browser; `invalid_request` if the state is not of this server, has
/// expired, or was used.
pub(crate) async fn returned(
    embedded: &Embedded,
    state: &str,
    asked: &Asked<'_>,
) -> Result<(Flow, FlowAt, ExpectedAnswer), OAuthError> {
    let unknown =
        || Code::InvalidRequest.because("this answer of the identity provider belongs to no login of this server");
    if let Some((id, _)) = state.split_once('.') {
        return returned_earlier(embedded, id, state, asked).await?.ok_or_else(unknown);
    }
    let opened = sealed_flow::open(embedded, FlowDestination::Idp, state).ok_or_else(unknown)?;
    let at = FlowAt::travelling(&opened.id);
    flow::check(embedded, &opened.flow, &at, asked)?;
    match embedded.state.used_states.is_first(state) {
        true => Ok((opened.flow, at, ExpectedAnswer::of(&opened.secret))),
        false => Err(flow::over()),
    }
}

/// As [`returned`], for a flow that an earlier release stored: its browser left before an upgrade.
async fn returned_earlier(
    embedded: &Embedded,
    id: &str,
    state: &str,
    asked: &Asked<'_>,
) -> Result<Option<(Flow, FlowAt, ExpectedAnswer)>, OAuthError> {
    let (mut flow, at) = flow::stored(embedded, id).await?;
    flow::check(embedded, &flow, &at, asked)?;
    let Some(EarlierDeparture { state: sent, nonce, verifier }) = flow.bridge.take() else { return Ok(None) };
    if verify_slices_are_equal(&sent, &sha256(state.as_bytes())).is_err() {
        return Ok(None);
    }
    // From here on the state cannot be used again, whatever the outcome.
    let at = flow::sign_in(embedded, &at, &flow).await?;
    Ok(Some((flow, at, ExpectedAnswer { nonce, verifier })))
}

/// The company IdP, if users log in there.
///
/// # Errors
/// `invalid_request`.
pub(crate) fn bridge_of(embedded: &Embedded) -> Result<&Bridge, OAuthError> {
    let none = || Code::InvalidRequest.because("users log in with local accounts here");
    embedded.state.bridge.as_ref().ok_or_else(none)
}

/// `openid` and the configured scopes, each once.
fn scope_of(settings: &OidcSettings) -> String {
    let mut scopes = vec![Scope::from("openid")];
    scopes.extend(settings.scopes.iter().filter(|scope| &***scope != "openid").cloned());
    Scope::join(&scopes)
}

/// The redirect URI for the IdP. Each embedded server has one IdP, so the URI identifies the IdP
/// (SPEC D-56).
pub(crate) fn callback_url(embedded: &Embedded) -> String {
    embedded.url(IssuerEndpoint::Callback)
}

/// Whether a browser may be sent to this URL.
fn is_web_address(url: &str, allow_http: bool) -> bool {
    let is_plain =
        url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'#'));
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let is_loopback = uri.host().is_some_and(is_loopback_name);
    is_plain
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_loopback || allow_http,
            _ => false,
        }
}

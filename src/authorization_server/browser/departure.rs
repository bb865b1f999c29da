//! Sends the browser to the company IdP after consent (SPEC D-04, D-56).

use crate::{
    authorization_server::{
        browser::flow::{self, BridgeFlow, Flow},
        embedded::Embedded,
        keys::random::unguessable,
        person::bridge::{Bridge, unavailable},
        settings::OidcSettings,
    },
    base::{
        digest::sha256,
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

/// Sets state, nonce and verifier on the flow, and returns the IdP's address for the browser.
///
/// # Errors
/// `temporarily_unavailable`, or those of [`flow::advance`].
pub(crate) async fn depart(embedded: &Embedded, id: &str, before: &[u8], mut flow: Flow) -> Result<String, OAuthError> {
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
    let random = || unguessable().map_err(|why| Code::ServerError.because(why));
    let (state, nonce, verifier) = (format!("{id}.{}", random()?), random()?, random()?);
    let challenge = Challenge::of(&verifier);
    let hint = flow.request.login_hint.clone();
    flow.bridge =
        Some(BridgeFlow { state: sha256(state.as_bytes()), nonce: nonce.as_str().into(), verifier: verifier.into() });
    flow::advance(embedded, id, before, &flow).await?;

    let (scope, callback) = (scope_of(settings), callback_url(embedded));
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", &*settings.client_id),
        ("redirect_uri", &*callback),
        ("scope", &*scope),
        ("state", &*state),
        ("nonce", &*nonce),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    parameters.extend(hint.as_deref().map(|hint| ("login_hint", hint)));
    let parameters = idp_request::with_configured(parameters, &settings.authorize_parameters);
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mark = if endpoint.contains('?') { '&' } else { '?' };
    Ok(format!("{endpoint}{mark}{}", form::encode(&parameters)))
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

//! Sends users to the OpenID Connect provider, and reads the answer (SPEC D-05, D-06, E-43).

use super::{
    OidcBridge,
    exchange::NotGranted,
    id_token::{NotBelieved, signed_in_too_long_ago},
};
use crate::{
    authorization_server::{
        person::bridge::{
            session::IdpSession,
            sign_in::{IdpAnswer, IdpRequest, IdpSignIn, LoginFault, logged_error, unavailable},
        },
        settings::OidcSettings,
    },
    base::{
        limits::fetch::FETCH_TIMEOUT,
        names::{Scope, is_loopback_name},
    },
    decide::authorization_server::{
        error::{Code, OAuthError},
        form, idp_request,
        pkce::Challenge,
    },
    outbound::fault::{Fault, FaultKind},
};

impl OidcBridge {
    /// The address for the browser.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(in crate::authorization_server::person::bridge) async fn departure(
        &self,
        to: &IdpRequest<'_>,
    ) -> Result<String, OAuthError> {
        let link = self.link();
        let settings = &link.settings;
        let metadata = self.metadata().await?;
        let endpoint = metadata.authorization_endpoint.as_deref().unwrap_or_default();
        // With `reach_at` alone, `allow_http` is for the network inside, not for browsers.
        let allow_http = settings.reach.allow_http && settings.issuer.starts_with("http://");
        if !is_web_address(endpoint, allow_http) {
            return Err(unavailable(&Fault::new(
                FaultKind::Metadata,
                "the authorization_endpoint is not an https URL",
            )));
        }
        let (scope, challenge) = (scope_of(settings), Challenge::of(&to.expected.verifier));
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", &*settings.client_id),
            ("redirect_uri", to.callback),
            ("scope", &*scope),
            ("state", to.state),
            ("nonce", &*to.expected.nonce),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let max_age = to.max_age.map(|secs| secs.to_string());
        parameters.extend(Some(("prompt", to.prompt)).filter(|_| !to.prompt.is_empty()));
        parameters.extend(max_age.as_deref().map(|secs| ("max_age", secs)));
        // With another account the hint would lead back to the same one.
        let hint = to.login_hint.filter(|_| !to.prompt.contains("select_account"));
        parameters.extend(hint.map(|hint| ("login_hint", hint)));
        let parameters = idp_request::with_configured(parameters, &settings.authorize_parameters);
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mark = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{mark}{}", form::encode(&parameters)))
    }

    /// The user of the IdP's answer.
    ///
    /// # Errors
    /// Why no user is logged in.
    pub(in crate::authorization_server::person::bridge) async fn arrived(
        &self,
        answer: &IdpAnswer<'_>,
    ) -> Result<IdpSignIn, LoginFault> {
        let IdpAnswer { form, expected, .. } = answer;
        let metadata = self.metadata().await?;
        // Mix-up attack: `iss` names another IdP, or is missing although this IdP always sends it
        // (RFC 9207 §2.4).
        match form.get("iss") {
            Some(issuer) if issuer == self.link().settings.issuer.as_str() => {}
            None if !metadata.authorization_response_iss_parameter_supported => {}
            _ => {
                return Err(Code::InvalidRequest.because("the answer does not come from the identity provider").into());
            }
        }
        if let Some(error) = form.get("error") {
            return Err(not_signed_in(&logged_error(error), answer.never_ask).into());
        }
        let code = form.get("code").ok_or_else(|| Code::AccessDenied.because("the identity provider sent no code"))?;
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", answer.callback),
            ("code_verifier", &*expected.verifier),
        ];
        let granted = self.exchange(&parameters, None, FETCH_TIMEOUT).await.map_err(|failed| match failed {
            NotGranted::Over => {
                LoginFault::ToClient(Code::AccessDenied.because("the identity provider refused its own code"))
            }
            NotGranted::Gateway(error) => LoginFault::OnPage(error),
            NotGranted::Unavailable(error) => LoginFault::ToClient(error),
        })?;
        let person =
            self.signs_in(&granted, &expected.nonce, answer.earliest, answer.now).await.map_err(
                |fault| match fault {
                    NotBelieved::Gateway(error) => LoginFault::OnPage(error),
                    NotBelieved::TooLongAgo => LoginFault::ToClient(signed_in_too_long_ago(answer.never_ask)),
                    fault => LoginFault::ToClient(fault.into_error()),
                },
            )?;
        let link = self.link();
        let Some(refresh_token) = granted.refresh_token else {
            let advice = link.settings.refresh_token_advice();
            tracing::warn!(
                "the company IdP sent no refresh token, so users must log in again when their access token expires; {advice}"
            );
            return Ok(IdpSignIn { person, session: None });
        };
        let session = IdpSession {
            person: person.clone(),
            refresh_token,
            is_access_token: false,
            idp: Some(link.settings.identity().into()),
            claims_at: Some(answer.now.wall.as_secs()),
            has_no_claims: false,
        };
        Ok(IdpSignIn { person, session: Some(session) })
    }
}

/// What the client is told of an error of the IdP. With `prompt=none` it must learn that a page is
/// needed (OpenID Connect Core §3.1.2.6).
fn not_signed_in(error: &str, never_ask: bool) -> OAuthError {
    let code = match error {
        "login_required" if never_ask => Code::LoginRequired,
        "interaction_required" | "consent_required" | "account_selection_required" if never_ask => {
            Code::InteractionRequired
        }
        _ => Code::AccessDenied,
    };
    code.because("the identity provider did not log the user in")
}

/// `openid` and the configured scopes, each once.
fn scope_of(settings: &OidcSettings) -> String {
    let mut scopes = vec![Scope::from("openid")];
    scopes.extend(settings.scopes.iter().filter(|scope| &***scope != "openid").cloned());
    Scope::join(&scopes)
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

//! Sends users to the OpenID Connect provider, and reads the answer (SPEC D-05, D-06, E-43).

use super::{
    OidcBridge,
    exchange::{AskedFor, NotGranted},
    id_token::{NotBelieved, signed_in_too_long_ago},
};
use crate::{
    authorization_server::{
        person::bridge::{
            session::IdpSession,
            sign_in::{IdpAnswer, IdpRequest, IdpSignIn, LoginFault, logged_error, refuses_the_gateway, unavailable},
        },
        settings::OidcSettings,
    },
    base::{limits::fetch::FETCH_TIMEOUT, names::Scope},
    decide::authorization_server::{
        error::{Code, OAuthError},
        form,
        idp_failures::{self, AuthorizationError},
        idp_metadata::is_web_address,
        idp_request,
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
        if !is_web_address(endpoint, settings.browsers_may_use_http()) {
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
        parameters.extend(to.hint().map(|hint| ("login_hint", hint)));
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
            return Err(Box::pin(self.not_signed_in(&logged_error(error), answer)).await);
        }
        let code = form.get("code").ok_or_else(|| Code::AccessDenied.because("the identity provider sent no code"))?;
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", answer.callback),
            ("code_verifier", &*expected.verifier),
        ];
        let granted = self.exchange(&parameters, &AskedFor::Browser(answer.seen_by), FETCH_TIMEOUT).await;
        let granted = granted.map_err(|failed| match failed {
            NotGranted::Over => LoginFault::ToClient(
                Code::AccessDenied.because("the identity provider refused the code that it had just issued"),
            ),
            NotGranted::Gateway(error) => LoginFault::ForAdministrator(error),
            NotGranted::Unavailable(error) => LoginFault::ToClient(error),
        })?;
        let person = self.signs_in(&granted, &expected.nonce, answer.earliest, answer.now).await;
        let person = person.inspect_err(|fault| self.count(fault)).map_err(|fault| match fault {
            NotBelieved::Gateway(error) => LoginFault::ForAdministrator(error),
            NotBelieved::TooLongAgo => LoginFault::ToClient(signed_in_too_long_ago(answer.never_ask)),
            fault => LoginFault::ToClient(fault.into_error()),
        })?;
        self.health.granted();
        self.health.signed_in();
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

    /// What an error of the authorization endpoint means, and who is told.
    async fn not_signed_in(&self, error: &str, answer: &IdpAnswer<'_>) -> LoginFault {
        let meaning = AuthorizationError::of(error, answer.never_ask);
        if !matches!(meaning, AuthorizationError::User(_)) {
            let advice = idp_failures::advice(error);
            let why = format!(
                "login.oidc: no user can sign in: the authorization endpoint of the company IdP answers {error}: {advice}"
            );
            // The browser may have made it up, unless the gateway is answered alike.
            let found = match self.health.wants_proof(answer.now.mono) {
                true => self.is_answered_with(error, answer.callback).await,
                false => None,
            };
            match found {
                Some(true) => self.health.proved(why),
                Some(false) => self.health.disproved(answer.now.mono),
                None => self.health.failed_unless_disproved(answer.seen_by, why, answer.now.mono),
            }
        }
        match meaning {
            AuthorizationError::User(code) => {
                LoginFault::ToClient(code.because("the identity provider did not log the user in"))
            }
            AuthorizationError::Moment(code) => {
                self.health.unavailable();
                LoginFault::ToClient(code.because("the identity provider cannot log users in now"))
            }
            AuthorizationError::Gateway => {
                self.health.count_refused();
                tracing::warn!(
                    error,
                    advice = idp_failures::advice(error),
                    "the company IdP refuses a sign-in of the gateway"
                );
                LoginFault::ForAdministrator(refuses_the_gateway())
            }
        }
    }
}

/// `openid` and the configured scopes, each once.
fn scope_of(settings: &OidcSettings) -> String {
    let mut scopes = vec![Scope::from("openid")];
    scopes.extend(settings.scopes.iter().filter(|scope| &***scope != "openid").cloned());
    Scope::join(&scopes)
}

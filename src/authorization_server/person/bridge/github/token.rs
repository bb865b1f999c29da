//! Asks GitHub's token endpoint for tokens, and at the start whether it knows the gateway.

use std::time::Duration;

use super::GitHubBridge;
use crate::{
    authorization_server::person::bridge::sign_in::{refuses_the_gateway, unavailable},
    base::limits::fetch::FETCH_TIMEOUT,
    decide::authorization_server::{
        error::OAuthError,
        form,
        github::token::{GitHubTokens, TokenAnswer, classify, token_answer},
        idp_refusal::IdpRefusal,
    },
    outbound::fault::{Fault, FaultKind},
};
use http::StatusCode;

/// The maximum length of a token response.
const BYTES_MAX: usize = 64 * 1024;
/// A code that GitHub never issued: its answer says whether it knows the app, and grants nothing.
const PROBE: &str = "is-this-app-known";

/// Why GitHub granted nothing.
pub(super) enum GitHubRefused {
    /// The session is over, or the code is not valid.
    Over,
    /// The primary address of the user is not verified.
    Unverified,
    /// It refuses the gateway: the operator must act.
    Gateway(OAuthError),
    /// It cannot be asked now.
    Unavailable(OAuthError),
}

impl GitHubBridge {
    /// What the token endpoint grants for `parameters`, with the refresh token of `user` or with a
    /// code. The outcome is counted.
    pub(super) async fn exchange(
        &self,
        parameters: &[(&str, &str)],
        user: Option<&str>,
        within: Duration,
    ) -> Result<GitHubTokens, GitHubRefused> {
        let answered = self.ask(parameters, within).await.map_err(|error| {
            self.health.unavailable();
            GitHubRefused::Unavailable(error)
        })?;
        let (status, error) = match answered {
            Ok(tokens) => {
                self.health.granted();
                return Ok(tokens);
            }
            Err(refusal) => refusal,
        };
        let about = classify(status, &error);
        match self.health.refused(about, (status, &error), user, self.clock.now().mono) {
            IdpRefusal::Session if error == "unverified_user_email" => Err(GitHubRefused::Unverified),
            IdpRefusal::Session => {
                tracing::info!(error, "GitHub says that a session or a code is no longer valid");
                Err(GitHubRefused::Over)
            }
            IdpRefusal::Gateway => Err(GitHubRefused::Gateway(refuses_the_gateway())),
            IdpRefusal::Unclear | IdpRefusal::Moment => {
                let status = status.as_u16();
                let cause = format_args!("GitHub's token endpoint refused the request: {status} {error}");
                Err(GitHubRefused::Unavailable(unavailable(&Fault::new(FaultKind::TokenEndpoint, cause))))
            }
        }
    }

    /// Asks once with a wrong code, because GitHub checks the app before the code; then whether the
    /// REST API is there.
    ///
    /// # Errors
    /// Why no user can sign in.
    pub(super) async fn probe(&self) -> Result<(), String> {
        let link = self.link();
        let url = &link.settings.place.web;
        let trouble = |why: &str| Err(format!("login.github: no user can sign in: {why}"));
        let Ok(answered) = self.ask(&[("code", PROBE)], FETCH_TIMEOUT).await else {
            return trouble(&format!(
                "{url} cannot be asked, or does not answer like GitHub: look whether url is right"
            ));
        };
        if let Err((status, error)) = answered {
            match classify(status, &error) {
                IdpRefusal::Gateway => {
                    self.health.refused(IdpRefusal::Gateway, (status, &error), None, self.clock.now().mono);
                }
                IdpRefusal::Session => self.health.known(),
                IdpRefusal::Unclear | IdpRefusal::Moment => {
                    let status = status.as_u16();
                    return trouble(&format!("{url} does not say whether it knows the app ({status} {error})"));
                }
            }
        }
        if let Err(why) = link.looks_like_the_api().await {
            return trouble(&why);
        }
        tracing::info!(%url, "GitHub was found");
        Ok(())
    }

    /// Asks the token endpoint: what it grants, or status and error code of its refusal.
    async fn ask(
        &self,
        parameters: &[(&str, &str)],
        within: Duration,
    ) -> Result<Result<GitHubTokens, (StatusCode, String)>, OAuthError> {
        let link = self.link();
        let settings = &link.settings;
        let secret = std::str::from_utf8(settings.client_secret.expose()).unwrap_or_default();
        let mut parameters = parameters.to_vec();
        parameters.extend([("client_id", &*settings.client_id), ("client_secret", secret)]);
        let url = format!("{}/login/oauth/access_token", settings.place.web);
        let posted = link.fetch.post_form(&link.wanted(&url, BYTES_MAX), form::encode(&parameters), None, within).await;
        let posted = match posted {
            // So GitHub answers a client id that it does not know.
            Ok(posted) if posted.status == StatusCode::NOT_FOUND => {
                return Ok(Err((StatusCode::NOT_FOUND, "Not Found".to_owned())));
            }
            Ok(posted) => posted,
            Err(fault) => return Err(unavailable(&fault)),
        };
        match token_answer(&posted.body) {
            Some(TokenAnswer::Granted(tokens)) if posted.status.is_success() => Ok(Ok(tokens)),
            Some(TokenAnswer::Refused(error)) => Ok(Err((posted.status, error))),
            _ => Err(unavailable(&Fault::new(
                FaultKind::TokenEndpoint,
                format_args!(
                    "GitHub's token endpoint does not answer with JSON that has a token or an error ({})",
                    posted.status
                ),
            ))),
        }
    }
}

//! Asks GitHub whether a user's session is still alive, and who they are now (SPEC E-41).

use super::{GitHubBridge, api::Known, token::GitHubRefused};
use crate::{
    authorization_server::person::bridge::session::{Believed, IdpSession, Refreshed},
    base::limits::authorization_server::IDP_REFRESH_TIMEOUT,
    decide::authorization_server::error::{Code, OAuthError},
};

impl GitHubBridge {
    /// Gets a new token for a session that has a refresh token; `None` if the session is over.
    ///
    /// # Errors
    /// `temporarily_unavailable` if GitHub cannot be asked, or refuses the gateway.
    pub(in crate::authorization_server::person::bridge) async fn refresh(
        &self,
        session: IdpSession,
    ) -> Result<Option<Refreshed>, OAuthError> {
        let identity = self.link().settings.identity();
        // A session that does not say its IdP is one of OpenID Connect.
        if session.idp.is_none() || !session.is_of(&identity) {
            return Ok(None);
        }
        if session.is_access_token {
            let access_token = Some(session.refresh_token.clone());
            return Ok(Some(Refreshed { session, is_rotated: false, id_token: None, access_token }));
        }
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*session.refresh_token)];
        let tokens = match self.exchange(&form, Some(&session.person.subject), IDP_REFRESH_TIMEOUT).await {
            Ok(tokens) => tokens,
            Err(GitHubRefused::Over | GitHubRefused::Unverified) => return Ok(None),
            Err(GitHubRefused::Gateway(error) | GitHubRefused::Unavailable(error)) => return Err(error),
        };
        // Without a refresh token the app no longer lets its tokens expire.
        let is_access_token = tokens.refresh_token.is_none();
        let refresh_token = tokens.refresh_token.unwrap_or_else(|| tokens.access_token.clone());
        let session = IdpSession { refresh_token, is_access_token, ..session };
        Ok(Some(Refreshed { session, is_rotated: true, id_token: None, access_token: Some(tokens.access_token) }))
    }

    /// Who the user is now.
    ///
    /// # Errors
    /// `temporarily_unavailable`: GitHub does not say it. That is not the user's fault, so the
    /// session stays.
    pub(in crate::authorization_server::person::bridge) async fn believe(
        &self,
        refreshed: Refreshed,
    ) -> Result<Believed, OAuthError> {
        let Refreshed { session, access_token, .. } = refreshed;
        let person = match self.user_of(access_token.as_deref().unwrap_or_default()).await? {
            Known::User(person) => person,
            Known::NotAdmitted(_) => return Ok(Believed::NotAdmitted),
            Known::Over => return Ok(Believed::Over),
            Known::Refused if session.is_access_token => return Ok(Believed::Over),
            // A new token of a GitHub App is refused: that is GitHub's trouble.
            Known::Refused => {
                return Err(Code::TemporarilyUnavailable
                    .because("GitHub does not accept the token that it has just issued; try again later"));
            }
            Known::Forbidden => {
                return Err(Code::TemporarilyUnavailable
                    .because("GitHub does not say to which organizations the user belongs; try again later"));
            }
        };
        if person.subject != session.person.subject {
            return Ok(Believed::OtherUser);
        }
        let claims_at = Some(self.clock.now().wall.as_secs());
        Ok(Believed::Session(IdpSession { person, claims_at, ..session }))
    }
}

//! Asks the OpenID Connect provider whether a user's session there is still alive (SPEC E-41).

use std::time::Duration;

use super::{
    OidcBridge,
    exchange::{AskedFor, NotGranted},
    id_token::{completed_by, described},
    userinfo::Userinfo,
};
use crate::{
    authorization_server::person::bridge::session::{Believed, IdpSession, Refreshed},
    base::limits::authorization_server::IDP_REFRESH_TIMEOUT,
    decide::authorization_server::{
        error::{Code, OAuthError},
        people::Person,
    },
};

/// The topic of what the operator is told about the userinfo endpoint.
const USERINFO: &str = "userinfo";

impl OidcBridge {
    /// Asks the IdP whether the session is still alive; `None` if it is over.
    ///
    /// # Errors
    /// `temporarily_unavailable` if the IdP cannot be asked, or refuses the gateway.
    pub(in crate::authorization_server::person::bridge) async fn refresh(
        &self,
        session: IdpSession,
    ) -> Result<Option<Refreshed>, OAuthError> {
        let identity = self.link().settings.identity();
        // GitHub's tokens are not for an OpenID Connect provider.
        if !session.is_of(&identity) || session.is_access_token {
            return Ok(None);
        }
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*session.refresh_token)];
        let granted = match self.exchange(&form, &AskedFor::User(&session.person.subject), IDP_REFRESH_TIMEOUT).await {
            Ok(granted) => granted,
            Err(NotGranted::Over) => return Ok(None),
            Err(NotGranted::Gateway(error) | NotGranted::Unavailable(error)) => return Err(error),
        };
        // Without a new refresh token the IdP does not rotate: the old one stays valid.
        let newer = granted.refresh_token.filter(|newer| *newer != session.refresh_token);
        let is_rotated = newer.is_some();
        let refresh_token = newer.unwrap_or(session.refresh_token);
        let session = IdpSession { refresh_token, idp: Some(identity.into()), ..session };
        let (id_token, access_token) = (granted.id_token, granted.access_token);
        Ok(Some(Refreshed { session, is_rotated, id_token, access_token }))
    }

    /// What the answer says about the user: by its ID token; by userinfo if it has none, or where
    /// that is configured; without either by the earlier claims, for as long as they count.
    ///
    /// # Errors
    /// `temporarily_unavailable`: the ID token is not valid, or something cannot be asked now. That
    /// is not the user's fault, so the session stays.
    pub(in crate::authorization_server::person::bridge) async fn believe(
        &self,
        refreshed: Refreshed,
    ) -> Result<Believed, OAuthError> {
        let Refreshed { session, id_token, access_token, .. } = refreshed;
        let (link, now) = (self.link(), self.clock.now());
        let settings = &link.settings;
        let said = |person, session: IdpSession| {
            Ok(Believed::Session(IdpSession { person, claims_at: Some(now.wall.as_secs()), ..session }))
        };
        let person = match &id_token {
            None => None,
            Some(token) => Some(
                self.person(token, None, None, now)
                    .await
                    .inspect_err(|fault| self.count(fault))
                    .map_err(|fault| Code::TemporarilyUnavailable.because(fault.into_error().description))?,
            ),
        };
        self.health.granted();
        if person.as_ref().is_some_and(|person| person.subject != session.person.subject) {
            return Ok(Believed::OtherUser);
        }
        let person = match person {
            Some(person) if !settings.userinfo => return said(person, session),
            person => person,
        };
        let why = match self.userinfo(access_token.as_deref(), &session.person.subject).await? {
            Userinfo::Claims(claims) => {
                self.health.settled(USERINFO);
                let person = match person {
                    Some(person) => completed_by(person, claims, settings.profile),
                    // Claims that it does not say are gone: the earlier ID token is old.
                    None => described(&claims, settings.profile),
                };
                return said(person, session);
            }
            Userinfo::OtherSubject => return Ok(Believed::OtherUser),
            Userinfo::Nothing(why) => why,
        };
        let said_at = session.claims_at.unwrap_or(now.wall.as_secs());
        let age = Duration::from_secs(now.wall.as_secs().saturating_sub(said_at));
        let is_old = age > settings.claims_max_age;
        if let Some(person) = person {
            let what = format!(
                "login.oidc.userinfo: {why}; at refreshes what only userinfo says counts as it was before, and not for longer than login.oidc.claims_max_age"
            );
            self.health.remark(USERINFO, what, now.mono);
            if is_old {
                return said(person, session);
            }
            // The earlier claims are never newer than those of this ID token.
            let before = Person { claims: session.person.claims.clone(), ..person.clone() };
            let person = completed_by(before, person.claims, settings.profile);
            return Ok(Believed::Session(IdpSession { person, claims_at: Some(said_at), ..session }));
        }
        if is_old {
            tracing::warn!(
                age_secs = age.as_secs(),
                max_age_secs = settings.claims_max_age.as_secs(),
                "a login ends because its claims are older than login.oidc.claims_max_age: at its refresh the IdP sent no ID token, and {why}"
            );
            return Ok(Believed::ClaimsTooOld);
        }
        Ok(Believed::Session(IdpSession { claims_at: Some(said_at), ..session }))
    }
}

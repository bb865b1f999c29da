//! Asks the company IdP whether a user's session there is still alive (SPEC E-41).

use serde::{Deserialize, Serialize};

use super::{Bridge, exchange::NotGranted};
use crate::{
    authorization_server::keys::seal::Sealer,
    base::limits::authorization_server::IDP_REFRESH_TIMEOUT,
    decide::authorization_server::{
        error::{Code, OAuthError},
        people::Person,
    },
};

/// The purpose that sessions are sealed for.
pub(crate) const SEALED_FOR: &str = "bridge";

/// The session as a refresh family keeps it, sealed: enough to ask the IdP again.
#[derive(Serialize, Deserialize)]
pub(crate) struct IdpSession {
    /// The user as of the last answer.
    pub(crate) person: Person,
    /// The IdP's refresh token.
    pub(crate) refresh_token: Box<str>,
}

/// The answer of the IdP to a refresh. The session is alive, but nothing of the ID token is
/// verified.
pub(crate) struct Refreshed {
    /// The user as of the answer before, with the refresh token to use from now on.
    pub(crate) session: IdpSession,
    /// Whether that refresh token is a new one.
    pub(crate) is_rotated: bool,
    id_token: Option<Box<str>>,
}

impl Bridge {
    /// The session sealed for the store.
    pub(crate) fn seal(&self, sealer: &Sealer, session: &IdpSession) -> Result<Vec<u8>, OAuthError> {
        sealer.seal_value(SEALED_FOR, session).map_err(|why| Code::ServerError.because(why))
    }

    /// The session that was sealed.
    pub(crate) fn open(&self, sealer: &Sealer, sealed: &[u8]) -> Option<IdpSession> {
        let session = sealer.open_value(SEALED_FOR, sealed);
        if session.is_none() {
            tracing::warn!("an IdP session cannot be opened: its seal key is no longer configured");
        }
        session
    }

    /// Asks the IdP whether the session is still alive; `None` if it is over. The caller must store
    /// the answer's session before anything else: the IdP may not accept the old token again.
    ///
    /// # Errors
    /// `temporarily_unavailable` if the IdP cannot be asked, or refuses the gateway.
    pub(crate) async fn refresh(&self, session: IdpSession) -> Result<Option<Refreshed>, OAuthError> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*session.refresh_token)];
        let granted = match self.exchange(&form, Some(&session.person.subject), IDP_REFRESH_TIMEOUT).await {
            Ok(granted) => granted,
            Err(NotGranted::Over) => return Ok(None),
            Err(NotGranted::Gateway(error) | NotGranted::Unavailable(error)) => return Err(error),
        };
        // Without a new refresh token the IdP does not rotate: the old one stays valid.
        let newer = granted.refresh_token.filter(|newer| *newer != session.refresh_token);
        let is_rotated = newer.is_some();
        let refresh_token = newer.unwrap_or(session.refresh_token);
        let session = IdpSession { refresh_token, ..session };
        Ok(Some(Refreshed { session, is_rotated, id_token: granted.id_token }))
    }

    /// The session with the user of the ID token, if the answer had one.
    ///
    /// # Errors
    /// `temporarily_unavailable`: the ID token is not valid, or cannot be verified now. That is not
    /// the user's fault, so the session stays.
    pub(crate) async fn believe(&self, refreshed: Refreshed) -> Result<IdpSession, OAuthError> {
        let Some(token) = &refreshed.id_token else { return Ok(refreshed.session) };
        let person = self.person(token, None, self.clock.now()).await;
        let person = person.map_err(|fault| Code::TemporarilyUnavailable.because(fault.into_error().description))?;
        Ok(IdpSession { person, ..refreshed.session })
    }
}

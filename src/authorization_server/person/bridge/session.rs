//! Asks the company IdP whether a user's session there is still alive (SPEC E-41).

use serde::{Deserialize, Serialize};

use super::Bridge;
use crate::{
    authorization_server::keys::seal::Sealer,
    decide::authorization_server::{
        error::{Code, OAuthError},
        people::Person,
    },
};

/// The purpose that sessions are sealed for.
const SEALED_FOR: &str = "bridge";

/// What the IdP answers to a refresh.
#[derive(Debug)]
pub(crate) enum Renewed {
    /// The session is alive: the user, perhaps with other claims, and the session to seal next.
    Alive(Person, Vec<u8>),
    /// The session has ended.
    Ended,
}

/// The session as a refresh family keeps it, sealed: enough to ask the IdP again.
#[derive(Serialize, Deserialize)]
pub(crate) struct IdpSession {
    /// The user as of the last answer.
    pub(crate) person: Person,
    /// The IdP's refresh token.
    pub(crate) refresh_token: Box<str>,
}

impl IdpSession {
    /// The session sealed for the store.
    pub(crate) fn seal(&self, sealer: &Sealer) -> Result<Vec<u8>, OAuthError> {
        sealer.seal_value(SEALED_FOR, self).map_err(|why| Code::ServerError.because(why))
    }
}

impl Bridge {
    /// Asks the IdP whether the sealed session is still alive.
    ///
    /// # Errors
    /// `temporarily_unavailable` if the IdP cannot be asked.
    pub(crate) async fn renew(&self, sealer: &Sealer, sealed: &[u8]) -> Result<Renewed, OAuthError> {
        let Some(session) = sealer.open_value::<IdpSession>(SEALED_FOR, sealed) else {
            tracing::warn!("an IdP session cannot be opened: its seal key is no longer configured");
            return Ok(Renewed::Ended);
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*session.refresh_token)];
        let Some(granted) = self.exchange(&form).await? else { return Ok(Renewed::Ended) };
        let person = match &granted.id_token {
            None => session.person.clone(),
            Some(token) => {
                let person = self.person(token, None, self.clock.now()).await?;
                if person.subject != session.person.subject {
                    // OpenID Connect Core §12.2: a refresh never changes the subject.
                    tracing::error!("the company IdP answered a refresh with another user's ID token");
                    return Ok(Renewed::Ended);
                }
                person
            }
        };
        // Without a new refresh token the IdP does not rotate: the old one stays valid.
        let refresh_token = granted.refresh_token.unwrap_or(session.refresh_token);
        let sealed = IdpSession { person: person.clone(), refresh_token }.seal(sealer)?;
        Ok(Renewed::Alive(person, sealed))
    }
}

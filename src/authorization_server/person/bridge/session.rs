//! The session of a user at the company IdP, as a refresh family keeps it (SPEC E-41).

use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::{
    authorization_server::keys::seal::Sealer,
    base::limits::authorization_server::SEALED_CLAIMS_BYTES_MAX,
    decide::authorization_server::{
        error::{Code, OAuthError},
        kept_claims::json_bytes,
        people::Person,
    },
};

/// The purpose that sessions are sealed for.
pub(crate) const SEALED_FOR: &str = "bridge";

/// The session as a refresh family keeps it, sealed: enough to ask the IdP again.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct IdpSession {
    /// The user as of the last answer.
    pub(crate) person: Person,
    /// The IdP's refresh token.
    pub(crate) refresh_token: Box<str>,
    /// Whether `refresh_token` is an access token that does not expire: GitHub gives no other.
    #[serde(default)]
    pub(crate) is_access_token: bool,
    /// Which IdP it is of. Missing in sessions of a release that only knew OpenID Connect.
    #[serde(default)]
    pub(crate) idp: Option<Box<str>>,
    /// When the IdP said these claims, in seconds since 1970. Missing in sessions of a release that
    /// did not ask: their claims count as said at the first refresh after the upgrade.
    #[serde(default)]
    pub(crate) claims_at: Option<u64>,
    /// Whether the claims were left out, because they are long and the store has them beside the
    /// session. A release that does not know this asks the IdP for claims as well; only where the
    /// IdP says none at a refresh, the login ends there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_no_claims: bool,
}

/// What the answer to a refresh says about the user.
pub(crate) enum Believed {
    /// The session with claims that count.
    Session(IdpSession),
    /// The IdP did not say the claims for longer than `claims_max_age`.
    ClaimsTooOld,
    /// It is about another user.
    OtherUser,
    /// The session is over, as the token itself shows.
    Over,
    /// The user may no longer sign in.
    NotAdmitted,
}

/// The answer of the IdP to a refresh. The session is alive, but nothing of the answer is verified.
pub(crate) struct Refreshed {
    /// The user as of the answer before, with the refresh token to use from now on.
    pub(crate) session: IdpSession,
    /// Whether that refresh token is a new one.
    pub(crate) is_rotated: bool,
    /// The ID token.
    pub(super) id_token: Option<Box<str>>,
    /// The access token.
    pub(super) access_token: Option<Box<str>>,
}

impl Refreshed {
    /// Whether an ID token came.
    pub(crate) fn has_id_token(&self) -> bool {
        self.id_token.is_some()
    }
}

impl IdpSession {
    /// The session sealed for the store.
    pub(crate) fn seal(&self, sealer: &Sealer) -> Result<Vec<u8>, OAuthError> {
        let sealed = if json_bytes(&self.person.claims) > SEALED_CLAIMS_BYTES_MAX {
            let person = Person { claims: Map::new(), ..self.person.clone() };
            sealer.seal_value(SEALED_FOR, &Self { person, has_no_claims: true, ..self.clone() })
        } else {
            sealer.seal_value(SEALED_FOR, self)
        };
        sealed.map_err(|why| Code::ServerError.because(why))
    }

    /// The session that was sealed. `person`: the user as the store has them beside it.
    pub(crate) fn open(sealer: &Sealer, sealed: &[u8], person: &Person) -> Option<Self> {
        let Some(mut session) = sealer.open_value::<Self>(SEALED_FOR, sealed) else {
            tracing::warn!("an IdP session cannot be opened: its seal key is no longer configured");
            return None;
        };
        if session.has_no_claims && session.person.subject == person.subject {
            session.person.claims.clone_from(&person.claims);
            session.has_no_claims = false;
        }
        Some(session)
    }

    /// Whether this is a session of `idp`. Its token must not be sent to another one: the store may
    /// outlive a change of the configuration.
    pub(super) fn is_of(&self, idp: &str) -> bool {
        let is_one = self.idp.as_deref().is_none_or(|of| *of == *idp);
        if !is_one {
            tracing::info!(
                "a login ends because its user signed in at an identity provider that is no longer configured"
            );
        }
        is_one
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn login_a8_long_claims_are_sealed_once_and_are_those_beside_the_session() {
        let sealer = Sealer::new(&[]).unwrap();
        for (groups, is_left_out) in [(10, false), (300, true)] {
            let groups: Vec<String> = (0..groups).map(|n| format!("CN=department-{n:05}")).collect();
            let claims = json!({"groups": groups}).as_object().unwrap().clone();
            let person =
                Person { subject: "u-1".into(), name: "ada".into(), account: None, groups: Vec::new(), claims };
            let session = IdpSession {
                person: person.clone(),
                refresh_token: "theirs".into(),
                is_access_token: false,
                idp: None,
                claims_at: Some(7),
                has_no_claims: false,
            };
            let sealed = session.seal(&sealer).unwrap();
            assert!(sealed.len() < SEALED_CLAIMS_BYTES_MAX, "{}", sealed.len());
            let opened = IdpSession::open(&sealer, &sealed, &person).unwrap();
            assert_eq!((&opened.person, &*opened.refresh_token), (&person, "theirs"));
            let other = Person { subject: "u-2".into(), claims: Map::new(), ..person.clone() };
            let opened = IdpSession::open(&sealer, &sealed, &other).unwrap();
            assert_eq!(opened.person.claims.is_empty(), is_left_out);
        }
    }
}

//! The session of a user at the company IdP, as a refresh family keeps it (SPEC E-41).

use serde::{Deserialize, Serialize};

use crate::{
    authorization_server::keys::seal::Sealer,
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

impl IdpSession {
    /// The session sealed for the store.
    pub(crate) fn seal(&self, sealer: &Sealer) -> Result<Vec<u8>, OAuthError> {
        sealer.seal_value(SEALED_FOR, self).map_err(|why| Code::ServerError.because(why))
    }

    /// The session that was sealed.
    pub(crate) fn open(sealer: &Sealer, sealed: &[u8]) -> Option<Self> {
        let session = sealer.open_value(SEALED_FOR, sealed);
        if session.is_none() {
            tracing::warn!("an IdP session cannot be opened: its seal key is no longer configured");
        }
        session
    }

    /// Whether this is a session of `idp`. Its token must not be sent to another one: the store may
    /// outlive a change of the configuration.
    pub(super) fn is_of(&self, idp: &str) -> bool {
        let is_one = self.idp.as_deref().is_none_or(|of| *of == *idp);
        if !is_one {
            tracing::info!(
                "a login ends because its user signed in at an identity provider that is configured no more"
            );
        }
        is_one
    }
}

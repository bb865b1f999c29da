//! Hands the login to the company's OpenID Connect provider: our own PKCE, state and nonce, its tokens never a client's (SPEC D-04…D-06, D-56, E-40…E-43).

use std::sync::Arc;

use crate::{
    base::clock::Clock,
    decide::grant::{error::OAuthError, people::Person},
    issuer::{Answer, Asked, Embedded, OidcSettings, flow::Flow},
    outbound::fetch::Fetch,
};

/// What is known of the company's IdP: its metadata and keys, fetched when they are needed and kept.
pub struct Bridge {
    _settings: OidcSettings,
}

/// What a refresh at the IdP says.
pub(super) enum Renewed {
    /// The session goes on; perhaps with other claims, and with another token of theirs, sealed.
    Alive(Person, Vec<u8>),
    /// The IdP has ended it: ours ends, too.
    Ended,
}

impl Bridge {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(_settings: OidcSettings, _fetch: Fetch, _clock: Arc<dyn Clock>) -> Self {
        todo!()
    }

    /// Asks the IdP whether the session behind `sealed` still lives.
    ///
    /// # Errors
    /// `temporarily_unavailable` where it cannot be asked.
    pub(super) async fn renew(&self, _embedded: &Embedded, _sealed: &[u8]) -> Result<Renewed, OAuthError> {
        todo!()
    }
}

/// After consent: sets state, nonce and verifier on the flow, and says where to send the browser.
pub(super) async fn depart(_embedded: &Embedded, _id: &str, _before: &[u8], _flow: Flow) -> Result<String, OAuthError> {
    todo!()
}

/// `GET callback`.
pub(super) async fn callback(_embedded: &Embedded, _asked: &Asked<'_>) -> Answer {
    todo!()
}

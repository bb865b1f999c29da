//! Client ID Metadata Documents: fetched as a stranger's, held for as long as they say within our bounds (SPEC E-33, D-30…D-34).

use crate::{
    base::clock::Now,
    decide::grant::{client::Client, client_id::DocumentUrl, error::OAuthError},
    outbound::fetch::Fetch,
};

/// Documents that were fetched, and key sets of their clients.
#[derive(Default)]
pub struct Documents {}

impl Documents {
    /// The client that the document at `url` describes. Failures and invalid documents are not remembered.
    ///
    /// # Errors
    /// `invalid_client`, saying nothing of what was fetched or why it failed; the log says that.
    pub async fn client(&self, _fetch: &Fetch, _url: &DocumentUrl, _now: Now) -> Result<Client, OAuthError> {
        todo!()
    }

    /// The key set at a client's `jwks_uri`, as its JSON text.
    ///
    /// # Errors
    /// `invalid_client`.
    pub async fn keys(&self, _fetch: &Fetch, _url: &str, _now: Now) -> Result<Box<str>, OAuthError> {
        todo!()
    }
}

//! Finds a client by its id, and has it prove who it is (SPEC E-24, E-26, E-30…E-33).

use crate::{
    decide::grant::{client::Client, error::OAuthError, form::Form},
    issuer::{Asked, Embedded},
};

/// The client with this id: one that was written, one that registered itself, or the one that the document behind the id describes.
///
/// # Errors
/// `invalid_client`; `temporarily_unavailable` where the store is away.
pub(super) async fn find(_embedded: &Embedded, _id: &str, _asked: &Asked<'_>) -> Result<Client, OAuthError> {
    todo!()
}

/// The client that makes a request to the token, revocation or introspection endpoint, proved in the one way that it registered:
/// `client_secret_basic`, `client_secret_post`, `private_key_jwt`, or `none` with its id alone. Two ways at once are refused.
///
/// # Errors
/// As [`find`], and the throttle's.
pub(super) async fn authenticate(_embedded: &Embedded, _form: &Form, _asked: &Asked<'_>) -> Result<Client, OAuthError> {
    todo!()
}

/// Whether the request tried `Authorization: Basic`: then a refusal says so (RFC 6749 §5.2).
pub(super) fn tried_basic(_asked: &Asked<'_>) -> bool {
    todo!()
}

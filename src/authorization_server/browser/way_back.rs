//! How an error gets back to the client: by a redirect, or by a link that the user may follow.

use crate::{
    authorization_server::{
        browser::pages,
        client::find::is_vouched_for,
        embedded::Embedded,
        reply::{self, EndpointAnswer},
    },
    decide::authorization_server::{client::Client, error::OAuthError, request::ReturnTo},
};

/// Sends the error to the client. `is_known`: the user has signed in, and has allowed this client
/// something before, with this redirect origin, or has just answered for it.
///
/// RFC 9700 §4.11.2: with a client that anyone could register, a link to this server would lead to
/// any site. Until the user has answered for the client, the user decides whether to go there. Nor
/// is the answer handed to a program that need not be the client.
pub(crate) fn tell(
    embedded: &Embedded,
    client: &Client,
    back: &ReturnTo,
    error: &OAuthError,
    is_known: bool,
) -> EndpointAnswer {
    let issuer = &embedded.settings.issuer;
    let is_free = is_known || back.uri.is_native() || is_vouched_for(embedded, client);
    if is_free && !back.uri.is_claimable() {
        return reply::redirect(&back.with_error(error, issuer), &[]);
    }
    pages::error_for(error, back, issuer)
}

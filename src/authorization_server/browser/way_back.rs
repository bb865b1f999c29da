//! How the browser gets back to the client: by a redirect, a page that leads on, or a link.

use crate::{
    authorization_server::{
        browser::pages::{self, SignInOutcome},
        client::find::is_vouched_for,
        embedded::Embedded,
        reply::{self, EndpointAnswer},
    },
    decide::authorization_server::{
        client::Client,
        error::OAuthError,
        request::{AuthorizationRequest, ReturnTo},
    },
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
    match may_lead(embedded, client, back, is_known) {
        true => reply::redirect(&back.with_error(error, issuer), &[]),
        false => pages::error_for(error, back, issuer),
    }
}

/// As [`tell`], in place of a code after the answer of the company IdP.
pub(crate) fn tell_after_idp(
    embedded: &Embedded,
    client: &Client,
    request: &AuthorizationRequest,
    error: &OAuthError,
    is_known: bool,
) -> EndpointAnswer {
    let (back, issuer) = (&request.back, &embedded.settings.issuer);
    match may_lead(embedded, client, back, is_known) {
        true => lead_after_idp(SignInOutcome::NotSignedIn, request, &back.with_error(error, issuer)),
        false => pages::error_for(error, back, issuer),
    }
}

/// Leads the browser from the company IdP to the client, by a page that leads on at once.
///
/// The user has probably filled in a form at the IdP. If its page has a `form-action` of its own,
/// Chromium applies that to each redirect that follows: an IdP allows itself and the gateway, but
/// knows neither the client nor where the client redirects to (login B4).
///
/// With `prompt=none` there was no form, and perhaps no window: the answer is a redirect.
pub(crate) fn lead_after_idp(outcome: SignInOutcome, request: &AuthorizationRequest, location: &str) -> EndpointAnswer {
    match request.never_ask {
        true => reply::redirect(location, &[]),
        false => pages::onward(outcome, &request.back.uri, location, &[]),
    }
}

/// Whether an error may lead to the client without an answer of the user.
fn may_lead(embedded: &Embedded, client: &Client, back: &ReturnTo, is_known: bool) -> bool {
    let is_free = is_known || back.uri.is_native() || is_vouched_for(embedded, client);
    is_free && !back.uri.is_claimable()
}

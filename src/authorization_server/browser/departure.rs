//! Sends the browser to the company IdP, and recognises it when it comes back (SPEC D-04, D-56).

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::{
    authorization_server::{
        browser::{
            flow::{self, EarlierDeparture, Flow, FlowAt},
            sealed_flow::{self, FlowDestination},
        },
        embedded::{Asked, Embedded},
        keys::random::unguessable,
        person::bridge::{
            Bridge,
            sign_in::{ExpectedAnswer, IdpRequest},
        },
    },
    base::digest::sha256,
    decide::{
        authorization_server::error::{Code, OAuthError},
        routing::IssuerEndpoint,
    },
};

/// The IdP's address for the browser. The flow travels sealed in `state`. `prompt` replaces that of
/// the client.
///
/// # Errors
/// `temporarily_unavailable`; `invalid_request` if the flow is too long to travel; `login_required`
/// if no page may be shown, and the IdP cannot do without.
pub(crate) async fn depart(
    embedded: &Embedded,
    id: &str,
    flow: &Flow,
    prompt: Option<&str>,
) -> Result<String, OAuthError> {
    let bridge = bridge_of(embedded)?;
    let secret = unguessable().map_err(|why| Code::ServerError.because(why))?;
    let state = sealed_flow::seal(embedded, FlowDestination::Idp, (id, flow), &secret)?;
    let request = &flow.request;
    let to = IdpRequest {
        state: &state,
        expected: &ExpectedAnswer::of(&secret),
        callback: &callback_url(embedded),
        prompt: prompt.unwrap_or(&request.idp_prompt),
        max_age: request.max_age,
        login_hint: request.login_hint.as_deref(),
    };
    bridge.departure(&to).await
}

/// The flow of a `state` that came back, if this browser took it to the IdP (attack 163).
///
/// # Errors
/// `access_denied` for another browser; `invalid_request` if the state is not of this server, has
/// expired, or was used.
pub(crate) async fn returned(
    embedded: &Embedded,
    state: &str,
    asked: &Asked<'_>,
) -> Result<(Flow, FlowAt, ExpectedAnswer), OAuthError> {
    let unknown =
        || Code::InvalidRequest.because("this answer of the identity provider belongs to no login of this server");
    if let Some((id, _)) = state.split_once('.') {
        return returned_earlier(embedded, id, state, asked).await?.ok_or_else(unknown);
    }
    let opened = sealed_flow::open(embedded, FlowDestination::Idp, state).ok_or_else(unknown)?;
    let at = FlowAt::travelling(&opened.id);
    flow::check(embedded, &opened.flow, &at, asked)?;
    match embedded.state.used_states.is_first(state) {
        true => Ok((opened.flow, at, ExpectedAnswer::of(&opened.secret))),
        false => Err(flow::over()),
    }
}

/// As [`returned`], for a flow that an earlier release stored: its browser left before an upgrade.
async fn returned_earlier(
    embedded: &Embedded,
    id: &str,
    state: &str,
    asked: &Asked<'_>,
) -> Result<Option<(Flow, FlowAt, ExpectedAnswer)>, OAuthError> {
    let (mut flow, at) = flow::stored(embedded, id).await?;
    flow::check(embedded, &flow, &at, asked)?;
    let Some(EarlierDeparture { state: sent, nonce, verifier }) = flow.bridge.take() else { return Ok(None) };
    if verify_slices_are_equal(&sent, &sha256(state.as_bytes())).is_err() {
        return Ok(None);
    }
    // From here on the state cannot be used again, whatever the outcome.
    let at = flow::sign_in(embedded, &at, &flow).await?;
    Ok(Some((flow, at, ExpectedAnswer { nonce, verifier })))
}

/// The company IdP, if users log in there.
///
/// # Errors
/// `invalid_request`.
pub(crate) fn bridge_of(embedded: &Embedded) -> Result<&Bridge, OAuthError> {
    let none = || Code::InvalidRequest.because("users log in with local accounts here");
    embedded.state.bridge.as_ref().ok_or_else(none)
}

/// The redirect URI for the IdP. Each embedded server has one IdP, so the URI identifies the IdP
/// (SPEC D-56).
pub(crate) fn callback_url(embedded: &Embedded) -> String {
    embedded.url(IssuerEndpoint::Callback)
}

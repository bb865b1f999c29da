//! A flow: one authorization request on its way to a code, bound to one browser.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    authorization_server::{
        browser::cookie::Cookie,
        embedded::{Asked, Embedded},
        event,
        grant::code,
        keys::random::bytes,
        store::kind::EntryKind,
    },
    base::{
        digest::{sha256, sha256_base64url},
        limits::authorization_server::FLOW_AGE,
        names::Scope,
    },
    decide::{
        authorization_server::{
            client::{Client, ClientAuth},
            error::{Code, OAuthError},
            form,
            people::Person,
            request::AuthorizationRequest,
        },
        routing::IssuerEndpoint,
    },
};

#[cfg(test)]
mod tests;

/// 128 random bits as base64url.
const ID_CHARS: usize = 22;

/// An authorization request on its way through login and consent. Expires in ten minutes (SPEC
/// D-04).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flow {
    /// The request.
    pub(crate) request: AuthorizationRequest,
    /// The client, as it was at the time of the request.
    pub(crate) client: Client,
    /// SHA-256 of the browser's cookie.
    pub(crate) browser: [u8; 32],
    /// The user who has logged in.
    pub(crate) person: Option<Person>,
    /// What the user has consented to.
    pub(crate) consented: Option<Vec<Scope>>,
    /// What the callback of the company IdP must match; set after consent.
    pub(crate) bridge: Option<BridgeFlow>,
}

/// The embedded server's own request to the company IdP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BridgeFlow {
    /// SHA-256 of `state`.
    pub(crate) state: [u8; 32],
    /// `nonce`.
    pub(crate) nonce: Box<str>,
    /// The code verifier.
    pub(crate) verifier: Box<str>,
}

impl Flow {
    /// A new flow. It keeps only what pages show of the client: a registration may be much longer,
    /// and one address could fill the store with copies of it (attack 157). The redirect URI of the
    /// request alone shows whether the client is native.
    pub(crate) fn new(
        request: AuthorizationRequest,
        client: Client,
        browser: [u8; 32],
        person: Option<Person>,
    ) -> Self {
        let client = Client { auth: ClientAuth::None, redirect_uris: vec![request.back.uri.clone()], ..client };
        Self { request, client, browser, person, consented: None, bridge: None }
    }
}

/// Stores a new flow; returns its id, the parameter `flow` of pages and forms.
pub(crate) async fn begin(embedded: &Embedded, flow: &Flow) -> Result<String, OAuthError> {
    let id = URL_SAFE_NO_PAD.encode(bytes::<16>().map_err(failed)?);
    let until = embedded.state.clock.now().wall.saturating_add(FLOW_AGE);
    match embedded.state.store.create(EntryKind::Flow, &sha256_base64url(&id), written(flow)?, until).await? {
        true => Ok(id),
        false => Err(failed("a new flow's id exists already")),
    }
}

/// The flow `id`, if this browser began it (SPEC D-05, attack 163), and its bytes in the store.
///
/// # Errors
/// `access_denied` if another browser began the flow, `invalid_request` if the flow is unknown,
/// expired or finished.
pub(crate) async fn resume(embedded: &Embedded, id: &str, asked: &Asked<'_>) -> Result<(Flow, Vec<u8>), OAuthError> {
    if id.len() != ID_CHARS {
        return Err(over());
    }
    let before = embedded.state.store.get(EntryKind::Flow, &sha256_base64url(id)).await?.ok_or_else(over)?;
    let flow: Flow = serde_json::from_slice(&before).map_err(|_| over())?;
    let browser = Cookie::Browser.get(embedded, &asked.head.headers).map(|cookie| sha256(cookie.as_bytes()));
    if browser.is_none_or(|browser| verify_slices_are_equal(&browser, &flow.browser).is_err()) {
        event::note(embedded, "flow", Some(&flow.client.id), None, "refused: another browser");
        return Err(
            Code::AccessDenied.because("this login began in another browser, or this browser does not send cookies")
        );
    }
    Ok((flow, before))
}

/// Replaces the flow in the store, if it is still `before`.
pub(crate) async fn advance(embedded: &Embedded, id: &str, before: &[u8], flow: &Flow) -> Result<(), OAuthError> {
    match embedded.state.store.replace(EntryKind::Flow, &sha256_base64url(id), before, written(flow)?, None).await? {
        true => Ok(()),
        false => Err(over()),
    }
}

/// Ends the flow, at most once, and only if it is unchanged since `flow` was read.
pub(crate) async fn end(embedded: &Embedded, id: &str, flow: &Flow) -> Result<(), OAuthError> {
    let taken = embedded.state.store.take(EntryKind::Flow, &sha256_base64url(id)).await?.ok_or_else(over)?;
    match serde_json::from_slice::<Flow>(&taken) {
        Ok(taken) if taken == *flow => Ok(()),
        // Another page of the same browser has changed the flow, perhaps for another user.
        _ => Err(over()),
    }
}

/// Ends the flow and issues its code; returns the address for the browser. At most once for each
/// flow.
pub(crate) async fn finish(
    embedded: &Embedded,
    id: &str,
    flow: Flow,
    person: Person,
    scopes: Vec<Scope>,
    session: Option<Vec<u8>>,
) -> Result<String, OAuthError> {
    end(embedded, id, &flow).await?;
    code::issue(embedded, flow.request, person, scopes, session).await
}

/// The address of a page for a flow.
pub(crate) fn page_url(embedded: &Embedded, page: IssuerEndpoint, id: &str) -> String {
    format!("{}?{}", embedded.url(page), form::encode(&[("flow", id)]))
}

fn written(flow: &Flow) -> Result<Vec<u8>, OAuthError> {
    serde_json::to_vec(flow).map_err(|_| failed("a flow cannot be written as JSON"))
}

fn over() -> OAuthError {
    Code::InvalidRequest.because("this login is over: it was already finished, or it took too long")
}

fn failed(cause: &'static str) -> OAuthError {
    tracing::error!(target: "portcullis::authorization_server", cause, "a login cannot continue");
    Code::ServerError.because("the authorization server failed; its log has the cause")
}

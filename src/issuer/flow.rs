//! What is remembered of a request between the authorize endpoint and the code: held by the store, bound to one browser, spent once.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    base::{
        limits::{CODE_AGE, FLOW_AGE},
        names::Scope,
    },
    decide::authorization_server::{
        client::{Client, ClientAuth},
        error::{Code as Word, OAuthError},
        people::Person,
        pkce::Challenge,
        request::AuthorizationRequest,
    },
    issuer::{
        Asked, Embedded, clients,
        cookie::Cookie,
        event,
        seal::{bytes, digest_of, name_of, unguessable},
        store::Kind,
    },
};

#[cfg(test)]
mod tests;

/// 128 random bits as base64url.
const ID_CHARS: usize = 22;

/// A request on its way through login and consent. Ten minutes (SPEC D-04).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Flow {
    /// What was asked.
    pub(super) request: AuthorizationRequest,
    /// By whom, as it was then.
    pub(super) client: Client,
    /// SHA-256 of the cookie of the browser that began it.
    pub(super) browser: [u8; 32],
    /// Who has logged in for it.
    pub(super) person: Option<Person>,
    /// What was consented to; nothing before that.
    pub(super) consented: Option<Vec<Scope>>,
    /// What the callback of the company's IdP must match; made after consent.
    pub(super) bridge: Option<BridgeFlow>,
}

/// Our own request to the company's IdP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BridgeFlow {
    /// SHA-256 of `state`.
    pub(super) state: [u8; 32],
    /// `nonce`.
    pub(super) nonce: Box<str>,
    /// The code verifier.
    pub(super) verifier: Box<str>,
}

/// An authorization code, as the store keeps it under the code's digest. One minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Code {
    /// `client_id`.
    pub(super) client: Box<str>,
    /// The redirect URI, if the request named it.
    pub(super) redirect_uri: Option<Box<str>>,
    /// `code_challenge`.
    pub(super) challenge: Challenge,
    /// `resource`.
    pub(super) resources: Vec<Box<str>>,
    /// What is granted.
    pub(super) scopes: Vec<Scope>,
    /// What was asked for: where the two differ the token response says `scope`.
    pub(super) asked: Vec<Scope>,
    /// By whom.
    pub(super) person: Person,
    /// What the bridge needs to ask the IdP again, sealed.
    pub(super) bridge: Option<Vec<u8>>,
    /// The family that this code has become; set when it is spent, so that a second use ends it.
    pub(super) spent: Option<Box<str>>,
}

impl Flow {
    /// A request that has just come. Of the client it keeps what pages show: what a stranger may register is many times as long, and
    /// one address could fill the store with a few thousand copies of it (attack 157). Whether the client is native is told by
    /// the way back that it chose, as by all of them.
    pub(super) fn new(
        request: AuthorizationRequest,
        client: Client,
        browser: [u8; 32],
        person: Option<Person>,
    ) -> Self {
        let client = Client { auth: ClientAuth::None, redirect_uris: vec![request.back.uri.clone()], ..client };
        Self { request, client, browser, person, consented: None, bridge: None }
    }
}

/// Begins a flow for this browser; its id goes into `flow` of the pages' addresses and forms.
pub(super) async fn begin(embedded: &Embedded, flow: &Flow) -> Result<String, OAuthError> {
    let id = URL_SAFE_NO_PAD.encode(bytes::<16>().map_err(failed)?);
    let until = embedded.state.clock.now().wall.saturating_add(FLOW_AGE);
    match embedded.state.store.create(Kind::Flow, &name_of(&id), written(flow)?, until).await? {
        true => Ok(id),
        false => Err(failed("two flows have one id")),
    }
}

/// The flow that `id` names, if this browser began it (SPEC D-05, attack 163), and the very bytes that the store holds.
///
/// # Errors
/// `access_denied` for another browser's, `invalid_request` for one that is unknown, over, or spent.
pub(super) async fn resume(embedded: &Embedded, id: &str, asked: &Asked<'_>) -> Result<(Flow, Vec<u8>), OAuthError> {
    if id.len() != ID_CHARS {
        return Err(over());
    }
    let before = embedded.state.store.get(Kind::Flow, &name_of(id)).await?.ok_or_else(over)?;
    let flow: Flow = serde_json::from_slice(&before).map_err(|_| over())?;
    let browser = Cookie::Browser.get(embedded, &asked.head.headers).map(|cookie| digest_of(cookie.as_bytes()));
    if browser.is_none_or(|browser| verify_slices_are_equal(&browser, &flow.browser).is_err()) {
        event::note(embedded, "flow", Some(&flow.client.id), None, "refused: another browser's");
        return Err(
            Word::AccessDenied.because("this was begun in another browser, or cookies are switched off in this one")
        );
    }
    Ok((flow, before))
}

/// Writes a step of the flow, if nothing else has happened to it since `before`.
pub(super) async fn advance(embedded: &Embedded, id: &str, before: &[u8], flow: &Flow) -> Result<(), OAuthError> {
    match embedded.state.store.replace(Kind::Flow, &name_of(id), before, written(flow)?, None).await? {
        true => Ok(()),
        false => Err(over()),
    }
}

/// Takes the flow away: of any number of answers to it one is given. It must still be what its answer was decided by.
pub(super) async fn end(embedded: &Embedded, id: &str, flow: &Flow) -> Result<(), OAuthError> {
    let taken = embedded.state.store.take(Kind::Flow, &name_of(id)).await?.ok_or_else(over)?;
    match serde_json::from_slice::<Flow>(&taken) {
        Ok(taken) if taken == *flow => Ok(()),
        // Another page of the same browser has gone on with it, perhaps for somebody else.
        _ => Err(over()),
    }
}

/// Ends the flow and makes the code: where to send the browser. At most once for each flow.
pub(super) async fn finish(
    embedded: &Embedded,
    id: &str,
    flow: Flow,
    person: Person,
    scopes: Vec<Scope>,
    bridge: Option<Vec<u8>>,
) -> Result<String, OAuthError> {
    end(embedded, id, &flow).await?;
    grant(embedded, flow.request, person, scopes, bridge).await
}

/// Makes the code for a request that needs no page: where to send the browser.
pub(super) async fn grant(
    embedded: &Embedded,
    request: AuthorizationRequest,
    person: Person,
    scopes: Vec<Scope>,
    bridge: Option<Vec<u8>>,
) -> Result<String, OAuthError> {
    let text = unguessable().map_err(failed)?;
    clients::used(embedded, &request.client).await?;
    let back = request.back;
    let code = Code {
        client: request.client,
        redirect_uri: request.named_redirect.then(|| back.uri.as_str().into()),
        challenge: request.challenge,
        resources: request.resources,
        scopes,
        asked: request.scopes,
        person,
        bridge,
        spent: None,
    };
    let value = serde_json::to_vec(&code).map_err(|_| failed("a code cannot be written as JSON"))?;
    let until = embedded.state.clock.now().wall.saturating_add(CODE_AGE);
    if !embedded.state.store.create(Kind::Code, &name_of(&text), value, until).await? {
        return Err(failed("two codes are one"));
    }
    event::note(embedded, "code", Some(&code.client), Some(&code.person.subject), "issued");
    Ok(back.with_code(&text, &embedded.settings.issuer))
}

fn written(flow: &Flow) -> Result<Vec<u8>, OAuthError> {
    serde_json::to_vec(flow).map_err(|_| failed("a flow cannot be written as JSON"))
}

fn over() -> OAuthError {
    Word::InvalidRequest.because("this login is over: it was finished already, or it took too long")
}

fn failed(cause: &'static str) -> OAuthError {
    tracing::error!(target: "portcullis::issuer", cause, "a login cannot go on");
    Word::ServerError.because("something is wrong with this authorization server; its log says what")
}

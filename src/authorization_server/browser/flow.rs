//! A flow: one authorization request on its way to a code, bound to one browser.
//!
//! Until its user has signed in, a flow travels sealed in the browser ([`super::sealed_flow`]): any
//! program can begin one, so none of them takes room in the store. From the sign-in on it is an
//! entry in the store, and becomes at most one code.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    authorization_server::{
        browser::cookie::{self, Cookie},
        embedded::{Asked, Embedded},
        event,
        grant::code,
        keys::random::{bytes, unguessable},
        refusals::RefusalKind,
        store::kind::EntryKind,
    },
    base::{
        clock::Now,
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
            sealed_bytes,
        },
        routing::IssuerEndpoint,
    },
};

#[cfg(test)]
mod tests;

/// 128 random bits as base64url. The text of a sealed flow is longer.
const ID_CHARS: usize = 22;
/// What the store keeps of a flow that has ended, until the flow would have expired: the sealed
/// flow from which it came cannot begin again. Not a flow, for earlier releases as well.
const ENDED: &[u8] = b"{\"ended\":true}";

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
    /// The user's session at the company IdP, sealed. Missing in flows of earlier releases.
    #[serde(default, with = "sealed_bytes")]
    pub(crate) session: Option<Vec<u8>>,
    /// SHA-256 of the cookie that the browser got when it came back from the company IdP: only this
    /// browser may consent. Missing in flows of earlier releases.
    #[serde(default)]
    pub(crate) holder: Option<[u8; 32]>,
    /// When it expires, in seconds since 1970. Missing in flows of earlier releases.
    #[serde(default)]
    pub(crate) until: u64,
    /// What the callback must match. Only earlier releases, which asked for consent before the
    /// sign-in, wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bridge: Option<EarlierDeparture>,
}

/// The request of an earlier release to the company IdP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EarlierDeparture {
    /// SHA-256 of `state`.
    pub(crate) state: [u8; 32],
    /// `nonce`.
    pub(crate) nonce: Box<str>,
    /// The code verifier.
    pub(crate) verifier: Box<str>,
}

/// Where a flow is: its id, and its bytes in the store once its user has signed in.
#[derive(Clone, Debug)]
pub(crate) struct FlowAt {
    /// Its id.
    pub(crate) id: Box<str>,
    stored: Option<Vec<u8>>,
}

impl Flow {
    /// A new flow. It keeps only what pages show of the client: a registration may be much longer
    /// (attack 157). The redirect URI of the request alone shows whether the client is native.
    pub(crate) fn new(
        request: AuthorizationRequest,
        client: Client,
        browser: [u8; 32],
        person: Option<Person>,
        now: Now,
    ) -> Self {
        let client = Client {
            auth: ClientAuth::None,
            redirect_uris: vec![request.back.uri.clone()],
            scopes: None,
            introspects: Vec::new(),
            ..client
        };
        let until = now.unix_secs().saturating_add(FLOW_AGE.as_secs());
        Self { request, client, browser, person, session: None, holder: None, until, bridge: None }
    }

    /// When the user must have signed in at the company IdP, by `max_age`: so long before the
    /// request, as the IdP counts. What the user does there after the sign-in may take its time.
    pub(crate) fn earliest_sign_in(&self) -> Option<Duration> {
        let begun = Duration::from_secs(self.until).saturating_sub(FLOW_AGE);
        self.request.max_age.map(|secs| begun.saturating_sub(Duration::from_secs(secs)))
    }
}

impl FlowAt {
    /// A flow that travels.
    pub(crate) fn travelling(id: &str) -> Self {
        Self { id: id.into(), stored: None }
    }

    /// Whether its user has signed in.
    pub(crate) fn is_stored(&self) -> bool {
        self.stored.is_some()
    }
}

/// The flow with this id in the store. The caller checks the browser.
///
/// # Errors
/// `invalid_request` if it is unknown, expired or finished.
pub(crate) async fn stored(embedded: &Embedded, id: &str) -> Result<(Flow, FlowAt), OAuthError> {
    find(embedded, id).await?.ok_or_else(over)
}

/// As [`stored`]; `None` if the store does not know it.
///
/// # Errors
/// `invalid_request` if it is finished.
pub(crate) async fn find(embedded: &Embedded, id: &str) -> Result<Option<(Flow, FlowAt)>, OAuthError> {
    let Some(stored) = embedded.state.store.get(EntryKind::Flow, &sha256_base64url(id)).await? else {
        return Ok(None);
    };
    let flow: Flow = serde_json::from_slice(&stored).map_err(|_| over())?;
    Ok(Some((flow, FlowAt { id: id.into(), stored: Some(stored) })))
}

/// Whether a text is the id of a flow; that of a sealed flow is longer.
pub(crate) fn is_id(named: &str) -> bool {
    named.len() == ID_CHARS
}

/// The id of a new flow.
pub(crate) fn new_id() -> Result<String, OAuthError> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<16>().map_err(failed)?))
}

/// Checks that the flow is this browser's and has not expired.
///
/// # Errors
/// `access_denied` if another browser began the flow, `invalid_request` if it has expired.
pub(crate) fn check(embedded: &Embedded, flow: &Flow, at: &FlowAt, asked: &Asked<'_>) -> Result<(), OAuthError> {
    if at.stored.is_none() && asked.now.unix_secs() >= flow.until {
        return Err(over());
    }
    let browser = Cookie::Browser.get(embedded, &asked.head.headers).map(|cookie| sha256(cookie.as_bytes()));
    let is_ours = browser.is_some_and(|browser| verify_slices_are_equal(&browser, &flow.browser).is_ok());
    let holds = flow.holder.is_none_or(|holder| {
        let name = holder_cookie(embedded, &at.id);
        let mut values = cookie::pairs(&asked.head.headers).filter(|(key, _)| *key == name);
        values.any(|(_, value)| verify_slices_are_equal(&sha256(value.as_bytes()), &holder).is_ok())
    });
    if is_ours && holds {
        return Ok(());
    }
    let of = (Some(&*flow.client.id), None);
    event::refused(embedded, asked, RefusalKind::OtherBrowser, of, "refused: another browser");
    Err(Code::AccessDenied.because("this login began in another browser, or this browser does not send cookies"))
}

/// Stores the flow for the user who has just signed in. The same browser may sign in again, with
/// another account, until the flow ends.
///
/// # Errors
/// `invalid_request` if the flow has ended, or another page has changed it meanwhile.
pub(crate) async fn sign_in(embedded: &Embedded, at: &FlowAt, flow: &Flow) -> Result<FlowAt, OAuthError> {
    let (store, key, value) = (&embedded.state.store, sha256_base64url(&at.id), written(flow)?);
    let until = Duration::from_secs(flow.until);
    let before = match &at.stored {
        Some(before) => before.clone(),
        None if store.create(EntryKind::Flow, &key, value.clone(), until).await? => {
            return Ok(FlowAt { id: at.id.clone(), stored: Some(value) });
        }
        None => store.get(EntryKind::Flow, &key).await?.ok_or_else(over)?,
    };
    if serde_json::from_slice::<Flow>(&before).is_err() {
        return Err(over());
    }
    match store.replace(EntryKind::Flow, &key, &before, value.clone(), None).await? {
        true => Ok(FlowAt { id: at.id.clone(), stored: Some(value) }),
        false => Err(over()),
    }
}

/// Binds the flow to a new cookie, which only the browser of this answer gets; returns
/// `Set-Cookie`. Over plain HTTP, another server on the same host can plant the browser's cookie:
/// its owner would consent for the user who signs in.
pub(crate) fn hold(embedded: &Embedded, id: &str, flow: &mut Flow) -> Result<String, OAuthError> {
    let value = unguessable().map_err(failed)?;
    flow.holder = Some(sha256(value.as_bytes()));
    Ok(cookie::line(embedded, &holder_cookie(embedded, id), &value, FLOW_AGE.as_secs()))
}

/// `Set-Cookie` that deletes the cookie of [`hold`].
pub(crate) fn let_go(embedded: &Embedded, id: &str) -> String {
    cookie::line(embedded, &holder_cookie(embedded, id), "", 0)
}

/// Each flow has its own: a user may sign in for several clients at the same time.
fn holder_cookie(embedded: &Embedded, id: &str) -> String {
    let id = sha256_base64url(id);
    format!("{}-{}", cookie::name(embedded, "flow"), id.get(..8).unwrap_or_default())
}

/// Ends a stored flow, at most once, and only if it is unchanged since it was read: another page of
/// the same browser may have changed it, perhaps for another user.
///
/// # Errors
/// `invalid_request`.
pub(crate) async fn end(embedded: &Embedded, at: &FlowAt) -> Result<(), OAuthError> {
    let before = at.stored.as_deref().ok_or_else(over)?;
    let key = sha256_base64url(&at.id);
    match embedded.state.store.replace(EntryKind::Flow, &key, before, ENDED.to_vec(), None).await? {
        true => Ok(()),
        false => Err(over()),
    }
}

/// Ends the flow and issues its code for the user who signed in; returns the address for the
/// browser. At most once for each flow.
///
/// # Errors
/// As [`end`] and [`code::issue`].
pub(crate) async fn finish(
    embedded: &Embedded,
    at: &FlowAt,
    flow: Flow,
    scopes: Vec<Scope>,
) -> Result<String, OAuthError> {
    let person = flow.person.ok_or_else(|| failed("a flow without a user"))?;
    end(embedded, at).await?;
    code::issue(embedded, flow.request, person, scopes, flow.session).await
}

/// The address of a page for a flow.
pub(crate) fn page_url(embedded: &Embedded, page: IssuerEndpoint, named: &str) -> String {
    format!("{}?{}", embedded.url(page), form::encode(&[("flow", named)]))
}

fn written(flow: &Flow) -> Result<Vec<u8>, OAuthError> {
    serde_json::to_vec(flow).map_err(|_| failed("a flow cannot be written as JSON"))
}

/// The error for a flow that is unknown, expired or finished.
pub(crate) fn over() -> OAuthError {
    Code::InvalidRequest.because("this login is over: it was already finished, or it took too long")
}

fn failed(cause: &'static str) -> OAuthError {
    tracing::error!(target: "portcullis::authorization_server", cause, "a login cannot continue");
    Code::ServerError.because("the authorization server failed; its log has the cause")
}

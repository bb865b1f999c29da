//! Sessions that began without a token: their ids, and the caller who takes one over.

use http::{HeaderMap, HeaderValue};

use crate::{
    authorization_server::embedded::Embedded,
    base::clock::Now,
    decide::{fields::header_names::MCP_SESSION_ID, refusal::Refusal, token::caller::Caller},
    inbound::{
        request::session::McpSession,
        state::{
            anonymous::{AnonymousSession, SharedOwners},
            gateway::Gateway,
            server::{Server, Snapshot},
        },
    },
};

/// The sealed id of a session that began without a token.
pub(in crate::inbound) fn seal(gateway: &Gateway, server: &Server, id: &str, now: Now) -> Option<String> {
    let snapshot = gateway.snapshot.load();
    let store = sharing(&snapshot).and_then(|embedded| embedded.state.store_id()).unwrap_or_default();
    let shared = shared(gateway, &snapshot).map(|shared| (shared, store.as_str()));
    gateway.anonymous.seal(shared, &server.series.name, id, now)
}

/// The session of a request without a token.
///
/// # Errors
/// [`Refusal::UnknownSession`] if the session has an owner, or did not begin without a token;
/// [`Refusal::SessionsUnavailable`].
pub(in crate::inbound) async fn open(
    gateway: &Gateway,
    snapshot: &Snapshot,
    server: &Server,
    headers: &HeaderMap,
    now: Now,
) -> Result<Option<McpSession>, Refusal> {
    let Some(given) = headers.get(MCP_SESSION_ID) else { return Ok(None) };
    let shared = shared(gateway, snapshot);
    let session = find(gateway, shared, server, given, now)?;
    gateway.anonymous.check_free(shared, &session).await?;
    named(&session, given).map(Some)
}

/// As [`open`], for a verified caller, who owns the session from now on.
///
/// # Errors
/// [`Refusal::UnknownSession`] if another caller owns the session, or it did not begin without a
/// token, or no more owners can be noted; [`Refusal::SessionsUnavailable`].
pub(in crate::inbound) async fn take_over(
    gateway: &Gateway,
    snapshot: &Snapshot,
    server: &Server,
    caller: &Caller,
    headers: &HeaderMap,
    now: Now,
) -> Result<McpSession, Refusal> {
    let given = headers.get(MCP_SESSION_ID).ok_or(Refusal::UnknownSession)?;
    let shared = shared(gateway, snapshot);
    let session = find(gateway, shared, server, given, now)?;
    gateway.anonymous.own(shared, &session, caller, now).await?;
    named(&session, given)
}

fn find<'s>(
    gateway: &'s Gateway,
    shared: Option<SharedOwners<'s>>,
    server: &'s Server,
    given: &'s HeaderValue,
    now: Now,
) -> Result<AnonymousSession<'s>, Refusal> {
    let sealed = given.to_str().map_err(|_| Refusal::UnknownSession)?;
    gateway.anonymous.open(shared, &server.series.name, sealed, now).ok_or(Refusal::UnknownSession)
}

fn named(session: &AnonymousSession<'_>, given: &HeaderValue) -> Result<McpSession, Refusal> {
    let id = HeaderValue::try_from(session.id).map_err(|_| Refusal::UnknownSession)?;
    Ok(McpSession { id, given: given.clone() })
}

/// The store that several replicas share, if there is one.
fn shared<'a>(gateway: &'a Gateway, snapshot: &'a Snapshot) -> Option<SharedOwners<'a>> {
    let store = &sharing(snapshot)?.state.store;
    Some(SharedOwners { store, keys: &gateway.session_keys })
}

fn sharing(snapshot: &Snapshot) -> Option<&Embedded> {
    snapshot.embedded.iter().map(|embedded| &**embedded).find(|embedded| embedded.state.store.is_shared())
}

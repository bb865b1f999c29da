//! Whose session a request belongs to, under which id the upstream knows it, and when it begins and ends.

use http::{HeaderMap, HeaderName, HeaderValue, Method, response};

use crate::{
    base::limits::SESSION_ID_BYTES_MAX,
    decide::{
        refusal::Refusal,
        session::{Bound, Sealed},
        token::claims::Caller,
    },
    inbound::{
        answer::forward::Outgoing,
        legacy_sse::Door,
        request::service::Arrival,
        state::server::{Gateway, Server},
    },
};

/// `Mcp-Session-Id`.
pub(in crate::inbound) const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// The session of a request.
pub(in crate::inbound) struct Session {
    /// As the upstream knows it.
    pub(in crate::inbound) id: HeaderValue,
    /// As the caller sent it.
    given: HeaderValue,
}

/// Opens the session that `headers` name, if they name one.
///
/// # Errors
/// [`Refusal::BadSessionHeader`] for two in one; [`Refusal::UnknownSession`], which to a client means that it must begin anew (SPEC C-42): another caller's, another server's,
/// one that was sealed with a forgotten key, or never.
pub(in crate::inbound) fn of_request(
    gateway: &Gateway,
    server: &Server,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Option<Session>, Refusal> {
    let Some(given) = headers.get(MCP_SESSION_ID) else { return Ok(None) };
    let sealed = given.to_str().map_err(|_| Refusal::UnknownSession)?;
    let id = gateway.session_keys.open(bound(server, caller), sealed).ok_or({
        // Two lines that something on the way has joined are no one value (attack 131).
        if sealed.contains(',') { Refusal::BadSessionHeader } else { Refusal::UnknownSession }
    })?;
    let id = HeaderValue::try_from(id).map_err(|_| Refusal::UnknownSession)?;
    Ok(Some(Session { id, given: given.clone() }))
}

/// Seals the session id of an answer for its caller; the upstream's id where it is a session that the request did not name.
///
/// # Errors
/// [`Refusal::UpstreamAnswer`] for an id that the transport does not allow: the client could not send it back.
fn of_answer(
    gateway: &Gateway,
    server: &Server,
    caller: &Caller,
    asked: Option<&Session>,
    headers: &mut HeaderMap,
) -> Result<Option<HeaderValue>, Refusal> {
    const NOT_PLAIN: Refusal = Refusal::UpstreamAnswer("its session id is not one plain value");
    let mut lines = headers.get_all(MCP_SESSION_ID).iter();
    let id = match (lines.next(), lines.next()) {
        (None, _) => return Ok(None),
        (Some(id), None) => id.clone(),
        (Some(_), Some(_)) => return Err(NOT_PLAIN),
    };
    // Known to the caller already, perhaps by the seal of an older key: it keeps its name.
    if let Some(session) = asked.filter(|session| session.id == id) {
        headers.insert(MCP_SESSION_ID, session.given.clone());
        return Ok(None);
    }
    let plain = id.to_str().ok().filter(|id| {
        !id.is_empty() && id.len() <= SESSION_ID_BYTES_MAX && id.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let sealed = gateway
        .session_keys
        .seal(bound(server, caller), plain.ok_or(NOT_PLAIN)?)
        .and_then(|sealed| HeaderValue::try_from(sealed).ok())
        .ok_or(Refusal::Internal("a session cannot be sealed"))?;
    headers.insert(MCP_SESSION_ID, sealed);
    Ok(Some(id))
}

/// Gives back what was counted for a session that the request might have begun.
pub(in crate::inbound) fn begins_nothing(arrival: &Arrival<'_>, server: &Server, outgoing: &Outgoing) {
    if outgoing.begins {
        let most = server.limits.sessions_per_caller;
        arrival.connection.gateway.begun.began_nothing(&server.series.name, &outgoing.caller, most, arrival.now);
    }
}

/// Seals the session that the answer names, and counts those that begin and end.
///
/// # Errors
/// As [`of_answer`].
pub(in crate::inbound) fn learn(
    arrival: &Arrival<'_>,
    server: &Server,
    outgoing: &Outgoing,
    method: &Method,
    head: &mut response::Parts,
) -> Result<(), Refusal> {
    if outgoing.door != Door::Streamable {
        head.headers.remove(MCP_SESSION_ID);
        return Ok(());
    }
    let gateway = &arrival.connection.gateway;
    let (name, caller, most) = (&server.series.name, &outgoing.caller, server.limits.sessions_per_caller);
    let asked = outgoing.session.as_ref();
    // Some servers without sessions name a fresh one in every answer: what is assigned elsewhere than in the answer to
    // `initialize` is sealed, so that its caller may send it back, but no session has begun (SPEC C-41).
    let is_named = head.headers.contains_key(MCP_SESSION_ID);
    match of_answer(gateway, server, caller, asked, &mut head.headers)? {
        Some(id) if outgoing.begins => gateway.begun.opened(name, caller, &id, arrival.now),
        None if is_named => begins_nothing(arrival, server, outgoing),
        _ => {}
    }
    // A 404 ended nothing: the session was over, and its place comes back with time. An upstream that says 2xx of what it does not
    // have is believed, once.
    if let Some(session) = asked
        && method == Method::DELETE
        && head.status.is_success()
    {
        gateway.begun.ended(name, caller, &session.id, most, arrival.now);
    }
    Ok(())
}

fn bound<'a>(server: &'a Server, caller: &'a Caller) -> Bound<'a> {
    Bound { kind: Sealed::Session, server: &server.series.name, caller }
}

//! Seals the session id in an answer for its caller, and counts sessions that begin or end.

use http::{HeaderMap, HeaderValue, Method, response};

use crate::{
    base::{clock::Now, limits::messages::SESSION_ID_BYTES_MAX},
    decide::{fields::header_names::MCP_SESSION_ID, token::requester::Requester},
    inbound::{
        answer::outgoing::Outgoing,
        legacy_sse::Endpoint,
        request::{
            anonymous,
            session::{McpSession, bound},
        },
        state::{gateway::Gateway, server::Server, sessions::SessionQuota},
    },
};

/// Gives back the place of a session, because the request has not begun one.
pub(in crate::inbound) fn begins_nothing(quota: &SessionQuota, server: &Server, outgoing: &Outgoing, now: Now) {
    if outgoing.begins {
        let most = server.limits.sessions_per_caller;
        quota.began_nothing(&server.series.name, &outgoing.who, most, now);
    }
}

/// Why the session id in an answer cannot be sealed.
pub(in crate::inbound) enum NotSealed {
    /// The transport does not allow such an id: the client could not send it back.
    NotPlain,
    /// Longer than [`SESSION_ID_BYTES_MAX`].
    TooLong,
    /// There is no key.
    NoKey,
}

/// Seals the session id in the answer, and counts the session if it begins or ends.
///
/// # Errors
/// As [`seal`].
pub(in crate::inbound) fn learn(
    gateway: &Gateway,
    server: &Server,
    outgoing: &Outgoing,
    method: &Method,
    head: &mut response::Parts,
    now: Now,
) -> Result<(), NotSealed> {
    if outgoing.endpoint != Endpoint::Streamable {
        head.headers.remove(MCP_SESSION_ID);
        return Ok(());
    }
    let (name, who, most) = (&server.series.name, &outgoing.who, server.limits.sessions_per_caller);
    let asked = outgoing.session.as_ref();
    // Some servers without sessions assign a fresh id in every answer. An id in any answer but that
    // to `initialize` is sealed, so that the caller may send it back, but it begins no session
    // (SPEC C-41).
    let is_named = head.headers.contains_key(MCP_SESSION_ID);
    match seal(gateway, server, (who, now), asked, &mut head.headers)? {
        Some(id) if outgoing.begins => gateway.sessions.opened(name, who, &id, now),
        None if is_named => begins_nothing(&gateway.sessions, server, outgoing, now),
        _ => {}
    }
    // A 404 ends no session: the session was over, and its place comes back with time. Each session
    // is given back once, even if the upstream answers 2xx again and again.
    if let Some(session) = asked
        && method == Method::DELETE
        && head.status.is_success()
    {
        gateway.sessions.ended(name, who, &session.id, most, now);
    }
    Ok(())
}

/// Seals the session id of an answer for its caller; without a token, for
/// any client that has it. Returns the upstream's id of a session that
/// the request did not name.
///
/// # Errors
/// [`NotSealed`].
fn seal(
    gateway: &Gateway,
    server: &Server,
    (who, now): (&Requester, Now),
    asked: Option<&McpSession>,
    headers: &mut HeaderMap,
) -> Result<Option<HeaderValue>, NotSealed> {
    let mut lines = headers.get_all(MCP_SESSION_ID).iter();
    let id = match (lines.next(), lines.next()) {
        (None, _) => return Ok(None),
        (Some(id), None) => id.clone(),
        (Some(_), Some(_)) => return Err(NotSealed::NotPlain),
    };
    // The caller keeps the id that it knows, perhaps sealed with an older key.
    if let Some(session) = asked.filter(|session| session.id == id) {
        headers.insert(MCP_SESSION_ID, session.given.clone());
        return Ok(None);
    }
    if id.len() > SESSION_ID_BYTES_MAX {
        return Err(NotSealed::TooLong);
    }
    let plain = id.to_str().ok().filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()));
    let plain = plain.ok_or(NotSealed::NotPlain)?;
    let sealed = match who {
        Requester::Verified(caller) => gateway.session_keys.seal(bound(server, caller), plain),
        Requester::Anonymous(_) => anonymous::seal(gateway, server, plain, now),
    };
    let sealed = sealed.and_then(|sealed| HeaderValue::try_from(sealed).ok()).ok_or(NotSealed::NoKey)?;
    headers.insert(MCP_SESSION_ID, sealed);
    Ok(Some(id))
}

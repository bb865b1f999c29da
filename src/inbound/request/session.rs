//! Unseals the session id of a request for its caller: the upstream gets its own id back.

use http::{HeaderMap, HeaderValue};

use crate::{
    decide::{
        fields::header_names::MCP_SESSION_ID,
        mcp::session_seal::{Sealed, SealedFor, SessionKeys},
        refusal::Refusal,
        token::caller::Caller,
    },
    inbound::state::server::Server,
};

/// The MCP session of a request.
pub(in crate::inbound) struct McpSession {
    /// The upstream's id.
    pub(in crate::inbound) id: HeaderValue,
    /// The sealed id, as the caller sent it.
    pub(in crate::inbound) given: HeaderValue,
}

/// Unseals the session id in `headers`, if there is an id.
///
/// # Errors
/// [`Refusal::BadSessionHeader`] for two ids in one field. [`Refusal::UnknownSession`] for the id
/// of another caller or server, for an id that was sealed with a removed key, and for an id that
/// was never sealed: the client must begin a new session (SPEC C-42).
pub(in crate::inbound) fn open(
    keys: &SessionKeys,
    server: &Server,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Option<McpSession>, Refusal> {
    let Some(given) = headers.get(MCP_SESSION_ID) else { return Ok(None) };
    let sealed = given.to_str().map_err(|_| Refusal::UnknownSession)?;
    let id = keys.open(bound(server, caller), sealed).ok_or({
        // An intermediary has joined two fields (attack 131).
        if sealed.contains(',') { Refusal::BadSessionHeader } else { Refusal::UnknownSession }
    })?;
    let id = HeaderValue::try_from(id).map_err(|_| Refusal::UnknownSession)?;
    Ok(Some(McpSession { id, given: given.clone() }))
}

/// The caller and server that a session id is sealed for.
pub(in crate::inbound) fn bound<'a>(server: &'a Server, caller: &'a Caller) -> SealedFor<'a> {
    SealedFor { kind: Sealed::Session, server: &server.series.name, caller }
}

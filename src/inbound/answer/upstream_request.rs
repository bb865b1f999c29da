//! Makes the header fields for the upstream: strips the client's, and adds the gateway's.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE},
};

use crate::{
    decide::{
        fields::{
            crossing,
            header_names::{
                LAST_EVENT_ID, MCP_METHOD, MCP_NAME, MCP_SESSION_ID, X_FORWARDED_FOR, X_FORWARDED_HOST,
                X_FORWARDED_PROTO,
            },
        },
        mcp::version::Era,
        refusal::Refusal,
        token::caller::Caller,
    },
    inbound::{answer::outgoing::Outgoing, request::arrival::Arrival, state::server::Server},
    outbound::credential::Credential,
};

/// Turns the client's `headers` into those for the upstream. A field that the gateway adds is never
/// taken from the client.
///
/// # Errors
/// [`Refusal::Loop`] if the request has passed this process before.
pub(in crate::inbound) fn headers_of(
    arrival: &Arrival<'_>,
    server: &Server,
    mut headers: HeaderMap,
    outgoing: &Outgoing,
) -> Result<HeaderMap, Refusal> {
    let presented = cleaned(arrival, server, &mut headers)?;
    if outgoing.era == Era::Legacy {
        // The legacy protocol does not define these fields, so they were not compared with the body
        // (attack 195).
        headers.remove(MCP_METHOD);
        headers.remove(MCP_NAME);
    }
    match &outgoing.session {
        Some(session) => drop(headers.insert(MCP_SESSION_ID, session.id.clone())),
        // An upstream of both eras must not switch to sessions (SPEC C-47).
        None => {
            headers.remove(MCP_SESSION_ID);
            headers.remove(LAST_EVENT_ID);
        }
    }
    if outgoing.reads_answer() {
        // Some upstreams and CDNs encode it all the same, and it must be decoded to be read.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if outgoing.body.is_empty() {
        headers.remove(CONTENT_TYPE);
    }
    let caller = outgoing.who.caller();
    if caller.is_none() {
        // No stream of an anonymous session can be resumed.
        headers.remove(LAST_EVENT_ID);
    }
    add_own(arrival, server, &mut headers, presented, caller.map(AsRef::as_ref));
    Ok(headers)
}

/// As [`headers_of`], for a path beside the MCP endpoint; `caller` is `None` for a public path,
/// where no credential of the client was checked.
///
/// # Errors
/// [`Refusal::Loop`].
pub(in crate::inbound) fn headers_beside(
    arrival: &Arrival<'_>,
    server: &Server,
    mut headers: HeaderMap,
    caller: Option<&Caller>,
) -> Result<HeaderMap, Refusal> {
    let presented = cleaned(arrival, server, &mut headers)?;
    // With these, an MCP endpoint that the path reached against all checks would know a session.
    let of_mcp = |name: &&HeaderName| name.as_str().starts_with("mcp-") || *name == LAST_EVENT_ID;
    let of_mcp: Vec<HeaderName> = headers.keys().filter(of_mcp).cloned().collect();
    for name in of_mcp {
        headers.remove(name);
    }
    add_own(arrival, server, &mut headers, presented.filter(|_| caller.is_some()), caller);
    Ok(headers)
}

/// Removes what the upstream must not get. Returns the client's credential, if it is to be
/// forwarded.
fn cleaned(arrival: &Arrival<'_>, server: &Server, headers: &mut HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
    if crossing::loops(headers, &arrival.connection.gateway.pseudonym) {
        return Err(Refusal::Loop);
    }
    let forwards = matches!(server.credential, Credential::Forward);
    let presented = forwards.then(|| headers.get(AUTHORIZATION).cloned()).flatten();
    crossing::clean_request(headers, &server.identity_names, &server.passed_headers);
    Ok(presented)
}

/// Adds the fields that the gateway writes itself.
fn add_own(
    arrival: &Arrival<'_>,
    server: &Server,
    headers: &mut HeaderMap,
    presented: Option<HeaderValue>,
    caller: Option<&Caller>,
) {
    crossing::append_via(headers, &arrival.connection.gateway.via);
    if let Some(client) = &arrival.client.value {
        headers.insert(X_FORWARDED_FOR, client.clone());
    }
    headers.insert(X_FORWARDED_HOST, server.public.host.clone());
    headers.insert(X_FORWARDED_PROTO, server.public.scheme.clone());
    server.credential.add_to(headers, presented);
    let identities = caller.map(|caller| (caller, &server.identity_headers));
    for (caller, identity) in identities.into_iter().flat_map(|(caller, all)| all.iter().map(move |one| (caller, one)))
    {
        identity.add_to(headers, caller);
        if identity.withholds(caller) {
            arrival.connection.gateway.observe.email_not_sent(&server.series.name, &identity.name);
        }
    }
}

//! Makes the header fields for the upstream: strips the client's, and adds the gateway's.

use http::{
    HeaderMap, HeaderValue,
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
    let gateway = &arrival.connection.gateway;
    if crossing::loops(&headers, &gateway.pseudonym) {
        return Err(Refusal::Loop);
    }
    let presented =
        matches!(server.credential, Credential::Forward).then(|| headers.get(AUTHORIZATION).cloned()).flatten();
    crossing::clean_request(&mut headers, &server.identity_names, &server.passed_headers);
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
    crossing::append_via(&mut headers, &gateway.via);
    if let Some(client) = &arrival.client.value {
        headers.insert(X_FORWARDED_FOR, client.clone());
    }
    headers.insert(X_FORWARDED_HOST, server.public.host.clone());
    headers.insert(X_FORWARDED_PROTO, server.public.scheme.clone());
    server.credential.add_to(&mut headers, presented);
    for identity in &server.identity_headers {
        identity.add_to(&mut headers, &outgoing.caller);
    }
    Ok(headers)
}

//! Notes that an upstream answered with an error of its own, and logs what to look at.

use http::{Method, StatusCode};

use crate::{decide::fields::sent_accept::SentAccept, inbound::state::server::Server, observe::record::Record};

/// What an upstream was asked.
#[derive(Clone, Copy)]
pub(in crate::inbound) struct AskedUpstream<'a> {
    /// The method.
    pub(in crate::inbound) method: &'a Method,
    /// What the client accepts; `None` beside the MCP endpoint.
    pub(in crate::inbound) accepts: Option<&'a SentAccept>,
    /// Whether the request belongs to a session.
    pub(in crate::inbound) has_session: bool,
    /// The path, if it is not that of `upstream.url`.
    pub(in crate::inbound) path: Option<&'a str>,
}

/// Notes the status of an answer that is relayed.
pub(in crate::inbound) fn note(record: &mut Record, server: &Server, asked: AskedUpstream<'_>, status: StatusCode) {
    record.upstream_answered(status);
    if !status.is_client_error() && !status.is_server_error() {
        return;
    }
    // MCP tells a server without such a stream, or without sessions that a client may end, to say
    // so with this status.
    if status == StatusCode::METHOD_NOT_ALLOWED && matches!(*asked.method, Method::GET | Method::DELETE) {
        return record.upstream_is_right();
    }
    // The session is over, and the client begins another.
    if status == StatusCode::NOT_FOUND && asked.has_session {
        return record.upstream_is_right();
    }
    // A client chooses a path beside the MCP endpoint, so only a failure of the server is news.
    if asked.path.is_some() && status.is_client_error() {
        return record.upstream_is_right();
    }
    let url = server.upstream.url();
    let lacking = asked.accepts.filter(|accepts| !accepts.is_enough(asked.method));
    if let (StatusCode::NOT_ACCEPTABLE, Some(accepts)) = (status, lacking) {
        return record.accept_lacks(&url, &accepts.text(), asked.method);
    }
    record.upstream_erred(status, (&url, url.path()), asked.path);
}

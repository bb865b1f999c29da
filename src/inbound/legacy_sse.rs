//! What is special about the transport of 2024-11-05: its paths, and the endpoint that its first event names (SPEC C-95…C-99).
//!
//! The upstream tells each stream's client where to send messages, with an id in that URI which alone says whose stream answers.
//! The client gets a URI of ours instead, in which the upstream's own is sealed for this caller and this server.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::uri::PathAndQuery;

use crate::{
    decide::{
        mcp::{
            endpoint::{self, Base},
            sse::Event,
        },
        refusal::Refusal,
        session::{Bound, Sealed},
        token::claims::Caller,
    },
    inbound::state::server::{Gateway, Server, Transport},
};

/// The one parameter of a message's URI.
const SESSION: &str = "session=";

/// By which of a server's paths a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Streamable HTTP: everything at one path.
    Streamable,
    /// The event stream of 2024-11-05.
    Events,
    /// Where its messages go.
    Messages,
}

impl Door {
    /// The door that the path of `server` itself is.
    pub(super) fn of(server: &Server) -> Self {
        match server.transport {
            Transport::Streamable => Self::Streamable,
            Transport::Sse { .. } => Self::Events,
        }
    }

    /// What it takes. A POST to the stream's path must fail so: that is how clients of both transports find out which one is
    /// served.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::Streamable => "POST, GET, DELETE, OPTIONS",
            Self::Events => "GET, OPTIONS",
            Self::Messages => "POST, OPTIONS",
        }
    }
}

/// Puts an endpoint of ours in the place of the upstream's, in the stream of one caller.
pub(super) struct Endpoint {
    gateway: Arc<Gateway>,
    server: Arc<Server>,
    caller: Arc<Caller>,
}

impl Endpoint {
    /// For the stream of `caller`.
    pub(super) fn new(gateway: &Arc<Gateway>, server: &Arc<Server>, caller: &Arc<Caller>) -> Self {
        Self { gateway: Arc::clone(gateway), server: Arc::clone(server), caller: Arc::clone(caller) }
    }

    /// The event as the client gets it, where it names an endpoint; nothing where it is another event.
    ///
    /// # Errors
    /// Why it may not pass (attack 152).
    pub(super) fn rewrite(&self, event: &Event) -> Result<Option<Bytes>, &'static str> {
        if event.kind() != Some(b"endpoint") {
            return Ok(None);
        }
        // Without data a client does not see it.
        let Some(named) = event.data() else { return Ok(None) };
        let Transport::Sse { messages } = &self.server.transport else { return Err("this server has no endpoint") };
        let upstream = self.server.upstream.settings();
        let base = Base {
            scheme: if upstream.peer.tls { "https" } else { "http" },
            authority: &upstream.authority,
            path_and_query: &upstream.path_and_query,
        };
        let target = endpoint::resolve(base, &named)?;
        let text = URL_SAFE_NO_PAD.encode(target);
        let sealed = self.gateway.session_keys.seal(bound(&self.server, &self.caller), &text);
        let sealed = sealed.ok_or("it cannot be sealed")?;
        Ok(Some(event.with_data(format!("{messages}?{SESSION}{sealed}").as_bytes())))
    }
}

/// Where the upstream wants the messages that a caller sends to our endpoint with this `query`.
///
/// # Errors
/// [`Refusal::UnknownSession`]: another caller's or another server's endpoint, or one that nobody was told of (SPEC C-97, C-99,
/// attack 153).
pub(super) fn target(
    gateway: &Gateway,
    server: &Server,
    caller: &Caller,
    query: Option<&str>,
) -> Result<PathAndQuery, Refusal> {
    // A seal has one spelling, so nothing else can stand beside it in the query.
    let sealed = query.and_then(|query| query.strip_prefix(SESSION));
    let text = sealed.and_then(|sealed| gateway.session_keys.open(bound(server, caller), sealed));
    let target =
        text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
    let target = target.filter(|target| endpoint::is_own(target)).ok_or(Refusal::UnknownSession)?;
    PathAndQuery::try_from(target).map_err(|_| Refusal::UnknownSession)
}

fn bound<'a>(server: &'a Server, caller: &'a Caller) -> Bound<'a> {
    Bound { kind: Sealed::Endpoint, server: &server.series.name, caller }
}

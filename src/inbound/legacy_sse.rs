//! The HTTP with SSE transport of 2024-11-05: its paths, and the endpoint in its first event.
//!
//! On each stream the upstream names a URI for messages. Only an id in that URI selects the stream
//! that answers. The client gets a URI of the gateway instead, in which the upstream's URI is
//! sealed for this caller and this server (SPEC C-95…C-99).

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::uri::PathAndQuery;

use crate::{
    decide::{
        mcp::{
            answer::{
                message_endpoint::{self, Base},
                moved,
                sse::Event,
            },
            session_seal::{Sealed, SealedFor, SessionKeys},
        },
        refusal::Refusal,
        token::caller::Caller,
    },
    inbound::state::{
        gateway::Gateway,
        server::{Server, Transport},
    },
};

/// The query parameter of a message's URI.
const SESSION: &str = "session=";

/// The path of a server at which a request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Streamable HTTP: all messages and streams at one path.
    Streamable,
    /// The event stream of 2024-11-05.
    Events,
    /// The path for messages of 2024-11-05.
    Messages,
}

impl Endpoint {
    /// The endpoint at the path of `server` itself.
    pub(super) fn of(server: &Server) -> Self {
        match server.transport {
            Transport::Streamable => Self::Streamable,
            Transport::Sse { .. } => Self::Events,
        }
    }

    /// The HTTP methods of this path. A POST to the event stream must fail with 405: by this
    /// answer, clients of both transports find out which one the server uses.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::Streamable => "POST, GET, DELETE, OPTIONS",
            Self::Events => "GET, OPTIONS",
            Self::Messages => "POST, OPTIONS",
        }
    }
}

/// Replaces the upstream's endpoint with the gateway's, in the stream of one caller.
pub(super) struct EndpointRewriter {
    gateway: Arc<Gateway>,
    server: Arc<Server>,
    caller: Arc<Caller>,
    /// The target that answered, if it is not the configured one.
    moved: Option<PathAndQuery>,
}

impl EndpointRewriter {
    /// Rewrites the stream of `caller`. It came from the target `moved`, if the upstream has
    /// redirected.
    pub(super) fn new(
        (gateway, server): (&Arc<Gateway>, &Arc<Server>),
        caller: &Arc<Caller>,
        moved: Option<&PathAndQuery>,
    ) -> Self {
        let (gateway, server, caller) = (Arc::clone(gateway), Arc::clone(server), Arc::clone(caller));
        Self { gateway, server, caller, moved: moved.cloned() }
    }

    /// The event for the client, if it names an endpoint; `None` for any other event.
    ///
    /// # Errors
    /// Why the event may not pass (attack 152).
    pub(super) fn rewrite(&self, event: &Event) -> Result<Option<Bytes>, &'static str> {
        if event.kind() != Some(b"endpoint") {
            return Ok(None);
        }
        // Clients ignore an event without data.
        let Some(named) = event.data() else { return Ok(None) };
        let Transport::Sse { messages } = &self.server.transport else {
            return Err("this server does not use the transport of 2024-11-05");
        };
        let upstream = &self.server.upstream;
        let configured = &*upstream.settings().path_and_query;
        let path_and_query = self.moved.as_ref().map_or(configured, PathAndQuery::as_str);
        let base = Base { names: upstream.names(), path_and_query };
        let target = message_endpoint::resolve(base, &named).inspect_err(|why| {
            let (server, named) = (&*self.server.series.name, moved::shown(&named));
            tracing::warn!(
                %server,
                "the event stream ends, because the endpoint {named} that it names is refused: {why}; if it is another \
                 name of the same server, write scheme, host and port into upstream.aliases"
            );
        })?;
        let text = URL_SAFE_NO_PAD.encode(target);
        let sealed = self.gateway.session_keys.seal(bound(&self.server, &self.caller), &text);
        let sealed = sealed.ok_or("the endpoint cannot be sealed")?;
        Ok(Some(event.with_data(format!("{messages}?{SESSION}{sealed}").as_bytes())))
    }
}

/// The upstream's path for a message that `caller` sends to the gateway's endpoint with this
/// `query`.
///
/// # Errors
/// [`Refusal::UnknownSession`] for the endpoint of another caller or server, and for an endpoint
/// that was never sealed (SPEC C-97, C-99, attack 153).
pub(super) fn message_path(
    keys: &SessionKeys,
    server: &Server,
    caller: &Caller,
    query: Option<&str>,
) -> Result<PathAndQuery, Refusal> {
    // The query holds the sealed URI and nothing else.
    let sealed = query.and_then(|query| query.strip_prefix(SESSION));
    let text = sealed.and_then(|sealed| keys.open(bound(server, caller), sealed));
    let target =
        text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
    let target = target.filter(|target| message_endpoint::is_own(target)).ok_or(Refusal::UnknownSession)?;
    PathAndQuery::try_from(target).map_err(|_| Refusal::UnknownSession)
}

fn bound<'a>(server: &'a Server, caller: &'a Caller) -> SealedFor<'a> {
    SealedFor { kind: Sealed::Endpoint, server: &server.series.name, caller }
}

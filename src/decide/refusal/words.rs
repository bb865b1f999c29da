//! The words of each refusal for the operator: what happened, and what to do; one row each.

use crate::{
    base::web_origin::is_web_origin,
    decide::refusal::{BodyLimit, Refusal},
};

/// How much a refusal matters to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// The gateway itself failed: a line of level `error`.
    Fault,
    /// An operator should act: `warn`.
    Act,
    /// It may explain what a user sees, and any client can cause it: `info`.
    Look,
    /// It is normal, or another line tells it: `debug`.
    Story,
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorWords {
    /// How much it matters.
    pub attention: Attention,
    /// What happened.
    pub what: &'static str,
    /// What to do; empty if nothing is to be done.
    pub advice: &'static str,
}

impl Refusal {
    /// Lines of one kind are limited together. What no web page has does not use up the line about
    /// a page that may be the operator's.
    #[must_use]
    pub fn line_kind(&self) -> &'static str {
        match self {
            Self::ForeignOrigin(origin) if !is_web_origin(origin) => "foreign_origin_odd",
            _ => self.row().reason,
        }
    }

    /// The row for the operator. [`Self::row`] is the one for the client.
    #[must_use]
    pub fn operator_words(&self) -> OperatorWords {
        use Attention::{Act, Fault, Look, Story};
        let (attention, what, advice) = match self {
            Self::BadRequest(_) => (
                Look,
                "refused a request that is not acceptable HTTP",
                "look at the client, or at the proxy before the gateway",
            ),
            Self::NotFound => (
                Look,
                "no MCP server and no document is at this path",
                "give clients one of the URLs that the gateway serves",
            ),
            Self::Misdirected(_) => (
                Act,
                "refused a request for a host name that is not one of the gateway's",
                "if clients or probes use it, add it at the top of the file",
            ),
            Self::MisdirectedTls { .. } => (
                Act,
                "refused a request whose TLS handshake asked for a name that is not one of the gateway's",
                "if a proxy in front asks for it, add it to `hosts`, or set the name that the proxy asks for (nginx: \
                 `proxy_ssl_name`, haproxy: `sni`)",
            ),
            Self::Method(_) => {
                (Look, "the path does not take this method", "give clients the URL of the MCP server itself")
            }
            Self::UriTooLong => (Look, "the URI of a request is too long", "look at what the client puts into its URL"),
            Self::HeadersTooLarge => (
                Act,
                "the header fields of a request are too many or too large",
                "if they hold an access token, raise `limits.token` of its server",
            ),
            Self::HeadTimeout => (Story, "the head of a request did not come in time", ""),
            Self::Expectation => (Look, "a request expects something other than 100-continue", "look at the client"),
            Self::ForeignOrigin(origin) if !is_web_origin(origin) => {
                (Look, "refused a page of another origin", "such an origin cannot be allowed: look at the client")
            }
            Self::ForeignOrigin(_) => {
                (Act, "refused a browser page of another origin", "if it is your own page, add the line to the server")
            }
            Self::NullOrigin => (
                Act,
                "refused a browser page without an origin of its own, such as a local file or a sandboxed frame",
                "if it is your own page, serve it from a web server and allow that origin; `null` would allow every \
                 web page",
            ),
            Self::ServiceWorker => (
                Look,
                "refused the script of a service worker",
                "a page below `paths` must not install one: it would act for the gateway's whole origin",
            ),
            Self::UnsafePath(_) => (
                Look,
                "refused a path that servers read in more than one way",
                "have the client send the path in its plain spelling",
            ),
            Self::Loop => (
                Act,
                "a request came through this gateway twice",
                "upstream.url leads back to the gateway: write the URL of the MCP server itself",
            ),
            Self::NoCredential => (Story, "no credential came: the client is asked to sign in", ""),
            Self::SignIn { .. } => (Story, "no credential came, and what was asked for is not public", ""),
            Self::LargeWithoutToken(_) => (Look, "a request without a token is too large", "have the client sign in"),
            Self::NoRoomWithoutToken => (Story, "no room for a request without a token", ""),
            Self::Presentation(_) => (
                Look,
                "a credential is presented in a way that is not accepted",
                "have the client send it as Authorization: Bearer; a proxy before the gateway may add a second one",
            ),
            // The facts of the token say more: see `decide/token/refused`.
            Self::Token(_) => (Look, "a token was refused", ""),
            Self::KeysUnavailable { .. } => {
                (Story, "the keys of the issuer are not there", "see the line about the issuer's keys")
            }
            Self::IntrospectionUnavailable { .. } => {
                (Story, "the issuer does not say whether a token is active", "see the line about introspection")
            }
            Self::OtherIssuer { .. } => {
                (Story, "the metadata of the issuer names another issuer", "see the line about the issuer's metadata")
            }
            Self::MediaType => (Look, "the body is not labelled as JSON", "have the client send application/json"),
            Self::ContentCoding => (Look, "the body is compressed", "have the client not compress requests"),
            Self::BodyTooLarge(BodyLimit::OfServer(_)) => (
                Look,
                "a body is larger than the server takes",
                "if such requests are right, raise `limits.request_body` of the server",
            ),
            Self::BodyTooLarge(BodyLimit::Fixed(_)) => {
                (Look, "a body is larger than this kind of request may have", "look at the client")
            }
            Self::BodyTimeout => (Look, "a body came too slowly", "look at the client's network, or the proxy before"),
            Self::BodyBroken => (Look, "the framing of a body is broken", "look at the client, or the proxy before"),
            Self::BodyAborted => (Story, "the client left before the end of its body", ""),
            Self::Unreadable(_) => (Look, "a body cannot be read with one meaning", "look at the client"),
            Self::NotAMessage(_) => (
                Look,
                "a body is not one JSON-RPC message with one meaning",
                "look at the client; a client of 2025-03-26 that sends batches needs `batches: 2025-03-26`",
            ),
            Self::BadParams(_) => (Look, "the parameters of a message are not acceptable", "look at the client"),
            Self::HeaderMismatch(_) => (Look, "headers and body of a request disagree", "look at the client"),
            Self::BadSessionHeader => {
                (Look, "Mcp-Session-Id or Last-Event-ID is not one plain value", "look at the client")
            }
            Self::PinnedQuery(_) => (
                Look,
                "the query of a request has a parameter that upstream.url has already",
                "remove it from the URL that clients use, or from upstream.url",
            ),
            Self::SessionsUnavailable => {
                (Story, "the store of sessions cannot be reached", "see the line of the store")
            }
            Self::UnknownSession => (
                Look,
                "a session is not known, or belongs to another caller",
                "clients begin a new one; without `session_keys` every session ends with the process",
            ),
            Self::Scope { .. } => (
                Look,
                "a token lacks scope",
                "the client asks its user for more; if that does not help, have the issuer grant the scope",
            ),
            Self::Forbidden { .. } => (
                Look,
                "a rule refuses this caller",
                "if the caller may do this, change the rule or the claims of the caller",
            ),
            // Its own line says why.
            Self::EmailUnverified { .. } => (Story, "a rule refuses this caller: its email is unverified", ""),
            Self::NoRule => (Look, "no rule permits this", "if callers may do this, add a rule for it to the server"),
            Self::UnsafeUri(_) => (
                Look,
                "a resource URI cannot be judged by the rules",
                "have the client send the URI in its plain spelling",
            ),
            Self::UnknownTask => (Look, "a task is not known, or belongs to another caller", ""),
            Self::TooManyStreams => (
                Act,
                "a caller has too many open streams",
                "if that is right, raise `limits.streams_per_caller` of the server",
            ),
            Self::TooManySessions => (
                Act,
                "a caller has too many sessions",
                "have clients end sessions with DELETE, or raise `limits.sessions_per_caller` of the server",
            ),
            Self::TooManyTasks => (Act, "a caller has too many tasks", "have clients cancel tasks that are not needed"),
            Self::TooManyRequests => (
                Act,
                "a caller has too many requests under way",
                "if that is right, raise `limits.requests_per_caller` of the server, or `limits.requests`",
            ),
            Self::TooManyBodyBytes => (
                Act,
                "a caller sends too many large bodies at once",
                "if that is right, raise `limits.body_bytes_per_caller` of the server, or `limits.body_bytes`",
            ),
            Self::OverloadedRequests => {
                (Act, "too many requests are under way", "add replicas, or raise `limits.requests` if there is memory")
            }
            Self::OverloadedBodyBytes => (
                Act,
                "too many bytes of request bodies are held",
                "add replicas, or raise `limits.body_bytes` if there is memory",
            ),
            Self::OverloadedDescriptors => (
                Act,
                "no file descriptor is left for a connection to the MCP server",
                "raise the limit on open files (ulimit -n, LimitNOFILE=)",
            ),
            Self::UpstreamUnreachable(_) | Self::UpstreamBusy | Self::UpstreamAnswer(_) | Self::UpstreamTimeout(_) => {
                (Story, "the MCP server failed", "see the line \"the upstream failed\"")
            }
            Self::Internal(_) => (Fault, "the gateway failed", "report this line"),
        };
        OperatorWords { attention, what, advice }
    }
}

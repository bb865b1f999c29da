//! Why a request can be refused. [`table`] says how each refusal looks from outside.

pub mod fault;
pub mod row;
pub mod table;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod told;
pub mod words;

pub use self::fault::{NotAccess, PresentationFault, TokenFault};
use crate::{base::names::Scope, decide::policy::email};

/// The bytes that a body may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLimit {
    /// `limits.request_body` of the server.
    OfServer(u64),
    /// A bound that no key changes.
    Fixed(u64),
}

impl BodyLimit {
    /// The number.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Self::OfServer(bytes) | Self::Fixed(bytes) => bytes,
        }
    }
}

/// Why a request is refused. Exact in audit lines and metrics; a client sees only its [`row::Row`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    // --- HTTP itself ---
    /// The head breaks RFC 9112/9113 in a way that two parsers could read differently.
    BadRequest(&'static str),
    /// No server and no document at this path.
    NotFound,
    /// Not a name of the gateway, in `Host` or `:authority`; the host of `public_url`.
    Misdirected(Box<str>),
    /// TLS was opened for a name that is not the gateway's, and `Host` names the gateway.
    MisdirectedTls {
        /// The server name (SNI) of the handshake.
        asked: Box<str>,
        /// The host of `public_url`.
        own: Box<str>,
    },
    /// This path does not take this method; what it takes.
    Method(&'static str),
    /// A request target over the limit.
    UriTooLong,
    /// Header fields over the limit, in number or in bytes.
    HeadersTooLarge,
    /// The head did not come in time.
    HeadTimeout,
    /// `Expect` with anything but `100-continue`.
    Expectation,
    /// A browser page from this origin, which is not allowed.
    ForeignOrigin(Box<str>),
    /// A browser page without an origin of its own: `Origin: null`.
    NullOrigin,
    /// The script of a service worker, which would stand between the browser and the gateway's own
    /// pages.
    ServiceWorker,
    /// A path that servers read in several ways: why.
    UnsafePath(&'static str),
    /// The request has been through here before (RFC 9110 §7.6.3).
    Loop,

    // --- who asks ---
    /// No credential came.
    NoCredential,
    /// No credential came, and the body is longer than a body without one may be.
    LargeWithoutToken(u64),
    /// No credential came, and what the request asks for is not public.
    SignIn {
        /// All scopes that it needs, in the order of the configuration.
        needed: Vec<Scope>,
    },
    /// No credential came, and the places or sessions of clients without one are all in use.
    NoRoomWithoutToken,
    /// The credential is presented in a way that RFC 6750 §3.1 calls `invalid_request`.
    Presentation(PresentationFault),
    /// The token is not valid here.
    Token(TokenFault),
    /// The keys of the token's issuer are not reachable, and none are cached.
    KeysUnavailable {
        /// Seconds after which asking again makes sense.
        retry_after_secs: u64,
    },
    /// The issuer of an opaque token does not say whether it is active, and no answer is
    /// remembered.
    IntrospectionUnavailable {
        /// Seconds after which asking again makes sense.
        retry_after_secs: u64,
    },

    /// The metadata of the token's issuer names another issuer, so there are no keys.
    OtherIssuer {
        /// What to write into the configuration: `issuer` of the metadata, a public document.
        lines: Box<str>,
        /// Seconds after which asking again makes sense.
        retry_after_secs: u64,
    },

    // --- what is asked ---
    /// Not `application/json` in UTF-8.
    MediaType,
    /// A content coding: the judged bytes would not be the bytes that run.
    ContentCoding,
    /// Over the limit on its body.
    BodyTooLarge(BodyLimit),
    /// The body came too slowly.
    BodyTimeout,
    /// The framing of the body is broken.
    BodyBroken,
    /// The client left before the end of its body. One that only stopped sending can still read the
    /// answer.
    BodyAborted,
    /// Not JSON, or JSON that two parsers could read differently (−32700).
    Unreadable(&'static str),
    /// JSON, but not one JSON-RPC message with one meaning (−32600).
    NotAMessage(&'static str),
    /// A message whose parameters do not say what it touches (−32602).
    BadParams(&'static str),
    /// Headers and body disagree (−32020).
    HeaderMismatch(&'static str),
    /// `Mcp-Session-Id` or `Last-Event-ID` is not one plain value.
    BadSessionHeader,
    /// A parameter of the query that `upstream.url` has already: its name there.
    PinnedQuery(Box<str>),
    /// The store of the owners of sessions cannot be reached.
    SessionsUnavailable,
    /// A session of another caller, or one that the gateway did not seal.
    UnknownSession,

    // --- may they ---
    /// More scope would permit it.
    Scope {
        /// All that the operation needs, in the order of the configuration.
        needed: Vec<Scope>,
    },
    /// No scope would permit it: a deny rule, or claims that the caller does not have.
    Forbidden {
        /// Index of the deciding rule in the server's `rules`.
        rule: usize,
    },
    /// As [`Self::Forbidden`], and only because the token calls its `email` unverified.
    EmailUnverified {
        /// Index of the deciding rule in the server's `rules`.
        rule: usize,
    },
    /// No rule matches, and no rule means no (P3).
    NoRule,
    /// A resource URI that a prefix rule cannot judge safely (SPEC C-04).
    UnsafeUri(&'static str),
    /// A task of another caller, or one that was not created through the gateway (SPEC C-88).
    UnknownTask,
    /// Over `limits.streams_per_caller`.
    TooManyStreams,
    /// Over `limits.sessions_per_caller`.
    TooManySessions,
    /// Over [`crate::base::limits::held::TASKS_PER_CALLER_MAX`].
    TooManyTasks,
    /// Over `limits.requests_per_caller` of the server, or over a caller's share of
    /// `limits.requests`.
    TooManyRequests,
    /// Over `limits.body_bytes_per_caller` of the server, or over a caller's share of
    /// `limits.body_bytes`.
    TooManyBodyBytes,
    /// Over `limits.requests`: all callers together.
    OverloadedRequests,
    /// Over `limits.body_bytes`: all callers together.
    OverloadedBodyBytes,
    /// No file descriptor is left for a connection to the upstream.
    OverloadedDescriptors,

    // --- whose fault, when it is not the client's ---
    /// The upstream could not be reached: what a client may know of the cause.
    UpstreamUnreachable(&'static str),
    /// All the upstream's connections were full for the whole of `connect_timeout`.
    UpstreamBusy,
    /// The upstream broke off before its head, or answered what may not be relayed.
    UpstreamAnswer(&'static str),
    /// The upstream took no connection within `connect_timeout`, or its head did not come within
    /// `response_timeout`; which of both.
    UpstreamTimeout(&'static str),
    /// A fault of the gateway.
    Internal(&'static str),
}

impl Refusal {
    /// The claim of the token that is absent or wrong, if that is the reason.
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::Token(fault) => fault.claim(),
            Self::EmailUnverified { .. } => Some(email::VERIFIED),
            _ => None,
        }
    }
}

//! Every refusal, and the table that gives each its status, code, challenge and label.

use http::StatusCode;

use crate::base::names::Scope;

/// Why a request is refused. Exact in audit lines and metrics; a client sees only its [`Row`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    // --- HTTP itself ---
    /// The head breaks RFC 9112/9113 in a way that two parsers could read differently.
    BadRequest(&'static str),
    /// No server and no document at this path.
    NotFound,
    /// Not a name of the gateway (`Host`, `:authority` or TLS server name).
    Misdirected,
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
    /// A browser page from an origin that is not allowed.
    ForeignOrigin,
    /// The request has been through here before (RFC 9110 §7.6.3).
    Loop,

    // --- who asks ---
    /// No credential came.
    NoCredential,
    /// The credential is presented in a way that RFC 6750 §3.1 calls `invalid_request`.
    Presentation(PresentationFault),
    /// The token is not valid here.
    Token(TokenFault),
    /// The keys of the token's issuer are not reachable, and none are cached.
    KeysUnavailable {
        /// Seconds after which asking again makes sense.
        retry_after_secs: u64,
    },

    // --- what is asked ---
    /// Not `application/json` in UTF-8.
    MediaType,
    /// A content coding: the judged bytes would not be the bytes that run.
    ContentCoding,
    /// Over `limits.request_body`.
    BodyTooLarge,
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
    /// Over [`crate::base::limits::TASKS_PER_CALLER_MAX`].
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

/// How a credential can be presented wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresentationFault {
    /// More than one `Authorization` line, or a comma-joined pair.
    TwoCredentials,
    /// `access_token` in the query.
    InQuery,
    /// `access_token` in a form body.
    InForm,
    /// `Bearer` with nothing, or with something after the token.
    Malformed,
}

/// What can be wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// Longer than [`crate::base::limits::TOKEN_BYTES_MAX`].
    Oversize,
    /// Not three canonical base64url parts of strict JSON objects.
    Malformed,
    /// `alg` is not one that this issuer may use.
    Algorithm,
    /// `typ`, or another sign, says that this is not an access token.
    Type,
    /// A header member that may not be there: `crit`, `jku`, `x5u`, `jwk`, `x5c`, `zip`, `cty`,
    /// `b64`.
    Header,
    /// `kid` is not a short string.
    KeyId,
    /// `iss` is absent or not one of the server's authorization servers.
    Issuer,
    /// The issuer has no such key.
    UnknownKey,
    /// The signature does not verify.
    Signature,
    /// `exp` is past.
    Expired,
    /// It was revoked before that (RFC 7009).
    Revoked,
    /// `exp`, `nbf` or `iat` is absent where it must be there, or not a time.
    Time,
    /// `nbf` or `iat` is in the future.
    NotYetValid,
    /// `aud` does not name this resource.
    Audience,
    /// `sub` is absent or not a string.
    Subject,
    /// A scope claim is neither text nor a list of texts.
    ScopeShape,
    /// `cnf` binds the token to a key, which the gateway cannot check (RFC 7800 §3.1).
    SenderConstraint,
    /// A registered claim has a shape that the RFC does not allow.
    Claims,
}

/// The `error` of a challenge (RFC 6750 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerError {
    /// The request is malformed.
    InvalidRequest,
    /// The token is expired, revoked, malformed, or not for this resource.
    InvalidToken,
    /// The token lacks scope.
    InsufficientScope,
}

impl BearerError {
    /// As spelled in RFC 6750 §3.1.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

/// What goes into `WWW-Authenticate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeKind {
    /// None.
    None,
    /// `resource_metadata` and the first challenge's scope, without `error`.
    Bare,
    /// With this `error`.
    Error(BearerError),
}

/// How one refusal looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// HTTP status.
    pub status: StatusCode,
    /// JSON-RPC error code: one that JSON-RPC or MCP fixes, or a positive one that starts with the
    /// status (SPEC C-65).
    pub code: i32,
    /// Stable word for `data.reason`, the audit line and the metric label.
    pub reason: &'static str,
    /// The challenge.
    pub challenge: ChallengeKind,
}

impl Refusal {
    /// The row of the table.
    #[must_use]
    pub fn row(&self) -> Row {
        use BearerError::{InsufficientScope, InvalidRequest, InvalidToken};
        use ChallengeKind::{Bare, Error, None};

        let (status, code, reason, challenge) = match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, 40001, "bad_request", None),
            Self::NotFound => (StatusCode::NOT_FOUND, 40401, "not_found", None),
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, 42101, "misdirected", None),
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, 40501, "method_not_allowed", None),
            Self::UriTooLong => (StatusCode::URI_TOO_LONG, 41401, "uri_too_long", None),
            Self::HeadersTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, 43101, "headers_too_large", None),
            Self::HeadTimeout => (StatusCode::REQUEST_TIMEOUT, 40802, "head_timeout", None),
            Self::Expectation => (StatusCode::EXPECTATION_FAILED, 41701, "expectation_failed", None),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, 40303, "foreign_origin", None),
            Self::Loop => (StatusCode::LOOP_DETECTED, 50801, "loop", None),

            Self::NoCredential => (StatusCode::UNAUTHORIZED, 40101, "no_credential", Bare),
            Self::Presentation(fault) => (StatusCode::BAD_REQUEST, 40002, fault.reason(), Error(InvalidRequest)),
            Self::Token(fault) => (StatusCode::UNAUTHORIZED, 40102, fault.reason(), Error(InvalidToken)),
            Self::KeysUnavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, -32603, "keys_unavailable", None),

            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, 41501, "media_type", None),
            Self::ContentCoding => (StatusCode::UNSUPPORTED_MEDIA_TYPE, 41502, "content_coding", None),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 41301, "body_too_large", None),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, 40801, "body_timeout", None),
            Self::BodyBroken | Self::BodyAborted => (StatusCode::BAD_REQUEST, 40003, "body_broken", None),
            Self::Unreadable(_) => (StatusCode::BAD_REQUEST, -32700, "unreadable", None),
            Self::NotAMessage(_) => (StatusCode::BAD_REQUEST, -32600, "not_a_message", None),
            Self::BadParams(_) => (StatusCode::BAD_REQUEST, -32602, "bad_params", None),
            Self::HeaderMismatch(_) => (StatusCode::BAD_REQUEST, -32020, "header_mismatch", None),
            Self::BadSessionHeader => (StatusCode::BAD_REQUEST, 40004, "bad_session_header", None),
            Self::UnknownSession => (StatusCode::NOT_FOUND, 40402, "unknown_session", None),

            Self::Scope { .. } => (StatusCode::FORBIDDEN, 40301, "insufficient_scope", Error(InsufficientScope)),
            Self::Forbidden { .. } => (StatusCode::FORBIDDEN, 40302, "forbidden", None),
            Self::NoRule => (StatusCode::FORBIDDEN, 40304, "no_rule", None),
            Self::UnsafeUri(_) => (StatusCode::FORBIDDEN, 40305, "unsafe_uri", None),
            Self::UnknownTask => (StatusCode::FORBIDDEN, 40306, "unknown_task", None),
            Self::TooManyStreams => (StatusCode::TOO_MANY_REQUESTS, 42901, "too_many_streams", None),
            Self::TooManySessions => (StatusCode::TOO_MANY_REQUESTS, 42902, "too_many_sessions", None),
            Self::TooManyTasks => (StatusCode::TOO_MANY_REQUESTS, 42903, "too_many_tasks", None),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, 42904, "too_many_requests", None),
            Self::TooManyBodyBytes => (StatusCode::TOO_MANY_REQUESTS, 42905, "too_many_body_bytes", None),
            Self::OverloadedRequests => (StatusCode::SERVICE_UNAVAILABLE, -32603, "overloaded_requests", None),
            Self::OverloadedBodyBytes => (StatusCode::SERVICE_UNAVAILABLE, -32603, "overloaded_body_bytes", None),

            Self::OverloadedDescriptors => (StatusCode::SERVICE_UNAVAILABLE, -32603, "overloaded_descriptors", None),

            Self::UpstreamUnreachable(_) => (StatusCode::BAD_GATEWAY, -32603, "upstream_unreachable", None),
            Self::UpstreamBusy => (StatusCode::SERVICE_UNAVAILABLE, -32603, "upstream_busy", None),
            Self::UpstreamAnswer(_) => (StatusCode::BAD_GATEWAY, -32603, "upstream_answer", None),
            Self::UpstreamTimeout(_) => (StatusCode::GATEWAY_TIMEOUT, -32603, "upstream_timeout", None),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, -32603, "internal", None),
        };
        Row { status, code, reason, challenge }
    }
}

impl PresentationFault {
    /// Stable word for logs and `data.reason`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::TwoCredentials => "two_credentials",
            Self::InQuery => "token_in_query",
            Self::InForm => "token_in_form",
            Self::Malformed => "malformed_authorization",
        }
    }
}

impl TokenFault {
    /// Stable word for logs and `data.reason`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Oversize => "token_oversize",
            Self::Malformed => "token_malformed",
            Self::Algorithm => "token_algorithm",
            Self::Type => "token_type",
            Self::Header => "token_header",
            Self::KeyId => "token_key_id",
            Self::Issuer => "token_issuer",
            Self::UnknownKey => "token_unknown_key",
            Self::Signature => "token_signature",
            Self::Expired => "token_expired",
            Self::Revoked => "token_revoked",
            Self::Time => "token_time",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Audience => "token_audience",
            Self::Subject => "token_subject",
            Self::ScopeShape => "token_scope_shape",
            Self::SenderConstraint => "token_sender_constraint",
            Self::Claims => "token_claims",
        }
    }

    /// The `error_description` of the challenge: enough to act on, nothing of the token (SPEC
    ///
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Expired => "the token has expired",
            Self::Revoked => "the token has been revoked",
            Self::NotYetValid => "the token is not valid yet",
            Self::Audience => "the token is not for this resource",
            Self::Issuer => "the token is not from an issuer that this resource accepts",
            Self::SenderConstraint => "the token is bound to a key that this resource cannot check",
            Self::Type => "not an access token",
            _ => "the token is not valid",
        }
    }
}

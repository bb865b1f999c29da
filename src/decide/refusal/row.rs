//! The columns of the table of refusals.

use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{ACCEPT_ENCODING, ALLOW, RETRY_AFTER},
};

use crate::{base::names::Scope, decide::refusal::fault::FaultWords};

/// JSON-RPC 2.0 §5.1: the text is not JSON that can be read.
pub const PARSE_ERROR: i32 = -32700;

/// How one refusal looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'r> {
    /// HTTP status.
    pub status: StatusCode,
    /// JSON-RPC error code: one that JSON-RPC or MCP fixes, or a positive one that starts with the
    /// status (SPEC C-65).
    pub code: i32,
    /// Stable word for `data.reason`, the audit line and the metric label.
    pub reason: &'static str,
    /// The challenge.
    pub challenge: ChallengeKind<'r>,
    /// The header field that tells the client what to do.
    pub hint: Hint,
    /// What refused.
    pub by: By<'r>,
    /// What a client reads.
    pub sentence: Sentence<'r>,
}

impl<'r> Row<'r> {
    /// The scopes that would permit it; `None` where no scope would.
    #[must_use]
    pub fn needed(self) -> Option<&'r [Scope]> {
        match self.challenge {
            ChallengeKind::Scope(needed) | ChallengeKind::SignIn(needed) => Some(needed),
            ChallengeKind::None | ChallengeKind::Bare | ChallengeKind::Error(..) => None,
        }
    }
}

/// What goes into `WWW-Authenticate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeKind<'r> {
    /// None.
    None,
    /// `resource_metadata` and the first challenge's scope, without `error`.
    Bare,
    /// As `Bare`, with all the scopes that the request needs.
    SignIn(&'r [Scope]),
    /// With this `error` and `error_description`.
    Error(BearerError, FaultWords<'r>),
    /// `insufficient_scope`, with all the scopes that the operation needs.
    Scope(&'r [Scope]),
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

/// A header field, besides the challenge, that tells the client what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// None.
    None,
    /// `Retry-After`, in seconds.
    RetryAfter(u64),
    /// `Allow`: the methods of the path.
    Allow(&'static str),
    /// `Accept-Encoding`: the content codings that are read (RFC 9110 §12.5.3).
    AcceptEncoding(&'static str),
}

impl Hint {
    /// The field.
    #[must_use]
    pub fn field(self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::None => None,
            Self::RetryAfter(seconds) => Some((RETRY_AFTER, HeaderValue::from(seconds))),
            Self::Allow(methods) => Some((ALLOW, HeaderValue::from_static(methods))),
            Self::AcceptEncoding(codings) => Some((ACCEPT_ENCODING, HeaderValue::from_static(codings))),
        }
    }
}

/// What refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'r> {
    /// A check of the gateway, or a limit.
    Gateway,
    /// The rules of the server.
    Policy(PolicyRefusal<'r>),
    /// A failure of the upstream.
    Upstream(UpstreamFailure),
    /// Nothing: the client left.
    Departure,
}

/// Why the rules of a server refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyRefusal<'r> {
    /// More scope would permit it: all that the operation needs.
    Scope(&'r [Scope]),
    /// The rule with this index forbids it.
    Rule(usize),
    /// No rule matches.
    NoRule,
    /// No rule can judge a URI like this.
    UnsafeUri(&'static str),
}

/// How an upstream can fail before its answer is relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamFailure {
    /// It could not be reached, or had no room.
    Unreachable,
    /// It did not answer in time.
    Timeout,
    /// Its answer may not be relayed.
    Unfit,
}

/// The sentence that a client reads. What depends on the request is filled in where it is written
/// out ([`crate::decide::mcp::error`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sentence<'r> {
    /// The whole sentence.
    Whole(&'static str),
    /// Its beginning, and the detail that ends it.
    Detail(&'static str, &'static str),
    /// Its beginning, and what is wrong with the token.
    Token(&'static str, FaultWords<'r>),
    /// Its beginning, and the seconds that end it.
    Seconds(&'static str, u64),
    /// Its beginning, a number of bytes, and its end.
    Bytes(&'static str, u64, &'static str),
    /// Its beginning, and a name of the gateway that ends it.
    Named(&'static str, &'r str),
    /// A name of the client stands between the first two texts; a name of the gateway ends it.
    Between(&'static str, &'r str, &'static str, &'r str),
    /// A page's origin stands between the first two texts, and again before the last.
    Origin(&'static str, &'r str, &'static str, &'static str),
    /// What was asked for stands between the first two texts; the detail ends it.
    Asked(&'static str, &'static str, &'static str),
    /// What was asked for needs a token with these scopes.
    SignIn(&'r [Scope]),
    /// What was asked for needs these scopes; the token has those.
    Needs(&'r [Scope]),
}

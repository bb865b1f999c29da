//! The table of refusals: one row each. A refusal without a row does not compile.

use http::StatusCode;

use crate::{
    base::web_origin::is_web_origin,
    decide::refusal::{
        BodyLimit, Refusal,
        fault::FaultWords,
        row::{BearerError, By, ChallengeKind, Hint, PARSE_ERROR, PolicyRefusal, Row, Sentence, UpstreamFailure},
    },
};

/// Seconds after which a caller may have room again, where its own requests take it.
const RETRY_SOON: u64 = 1;
/// Where no HTTP/2 stream to the upstream was free: streams end all the time.
const RETRY_FREE_STREAM: u64 = 1;
/// Where the requests of all callers take it: many callers wait at once.
const RETRY_LATER: u64 = 5;
/// Where sessions or tasks take it, which last longer than requests.
const RETRY_MUCH_LATER: u64 = 60;

impl Refusal {
    /// The row of the table.
    #[must_use]
    pub fn row(&self) -> Row<'_> {
        use BearerError::{InvalidRequest, InvalidToken};
        use By::{Departure, Gateway, Policy, Upstream};
        use ChallengeKind::{Bare, Error, None};
        use Hint::{AcceptEncoding, Allow, RetryAfter};
        use Sentence::{Asked, Between, Bytes, Detail, Named, Needs, Origin, Seconds, Token, Whole};
        use UpstreamFailure::{Timeout, Unfit, Unreachable};

        let ((status, code, reason), (challenge, hint, by), sentence) = match self {
            Self::BadRequest(why) => (
                (StatusCode::BAD_REQUEST, 40001, "bad_request"),
                (None, Hint::None, Gateway),
                Detail("the HTTP request is not acceptable: ", why),
            ),
            Self::NotFound => (
                (StatusCode::NOT_FOUND, 40401, "not_found"),
                (None, Hint::None, Gateway),
                Whole("there is no MCP server at this path"),
            ),
            Self::Misdirected(host) => (
                (StatusCode::MISDIRECTED_REQUEST, 42101, "misdirected"),
                (None, Hint::None, Gateway),
                Named("this gateway does not serve that host name; it is reached as ", host),
            ),
            Self::MisdirectedTls { asked, own } => (
                (StatusCode::MISDIRECTED_REQUEST, 42102, "misdirected_tls"),
                (None, Hint::None, Gateway),
                Between(
                    "the TLS handshake asked for ",
                    asked,
                    ", which is not a name of this gateway: a client or a proxy must ask for a name (SNI) that the \
                     gateway has, such as ",
                    own,
                ),
            ),
            Self::Method(allowed) => (
                (StatusCode::METHOD_NOT_ALLOWED, 40501, "method_not_allowed"),
                (None, Allow(allowed), Gateway),
                Detail("this path takes only ", allowed),
            ),
            Self::UriTooLong => (
                (StatusCode::URI_TOO_LONG, 41401, "uri_too_long"),
                (None, Hint::None, Gateway),
                Whole("the request's URI is too long"),
            ),
            Self::HeadersTooLarge => (
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, 43101, "headers_too_large"),
                (None, Hint::None, Gateway),
                Whole(
                    "the request's header fields are too many or too large; a longer access token needs a larger \
                     `limits.token` in the gateway",
                ),
            ),
            Self::HeadTimeout => (
                (StatusCode::REQUEST_TIMEOUT, 40802, "head_timeout"),
                (None, Hint::None, Gateway),
                Whole("the request's header came too slowly"),
            ),
            Self::Expectation => (
                (StatusCode::EXPECTATION_FAILED, 41701, "expectation_failed"),
                (None, Hint::None, Gateway),
                Whole("the only expectation that can be met is 100-continue"),
            ),
            // What no web page has is not proposed as a line of the configuration.
            Self::ForeignOrigin(origin) if !is_web_origin(origin) => (
                (StatusCode::FORBIDDEN, 40303, "foreign_origin"),
                (None, Hint::None, Gateway),
                Between("browser pages from ", origin, " may not call this server", ""),
            ),
            Self::ForeignOrigin(origin) => (
                (StatusCode::FORBIDDEN, 40303, "foreign_origin"),
                (None, Hint::None, Gateway),
                Origin(
                    "browser pages from ",
                    origin,
                    " may not call this server; to allow them, add the origin to the server in the gateway's \
                     configuration: allowed_origins: [\"",
                    "\"]",
                ),
            ),
            Self::NullOrigin => (
                (StatusCode::FORBIDDEN, 40309, "null_origin"),
                (None, Hint::None, Gateway),
                Whole(
                    "browser pages without an origin of their own (local files, sandboxed frames) may not call this \
                     server: serve the page from a web server, such as http://localhost, and have its origin allowed",
                ),
            ),
            Self::ServiceWorker => (
                (StatusCode::FORBIDDEN, 40308, "service_worker"),
                (None, Hint::None, Gateway),
                Whole("nothing at this path may be the script of a service worker: it would act for the whole origin"),
            ),
            Self::UnsafePath(why) => (
                (StatusCode::BAD_REQUEST, 40010, "unsafe_path"),
                (None, Hint::None, Gateway),
                Detail("servers read this path in more than one way: ", why),
            ),
            Self::Loop => (
                (StatusCode::LOOP_DETECTED, 50801, "loop"),
                (None, Hint::None, Gateway),
                Whole("the request has been through this gateway before: its upstream leads back to it"),
            ),

            Self::NoCredential => (
                (StatusCode::UNAUTHORIZED, 40101, "no_credential"),
                (Bare, Hint::None, Gateway),
                Whole("this server needs an access token: send it as Authorization: Bearer"),
            ),
            Self::LargeWithoutToken(bytes) => (
                (StatusCode::UNAUTHORIZED, 40104, "large_without_token"),
                (Bare, Hint::None, Gateway),
                Bytes(
                    "without an access token a request may have at most ",
                    *bytes,
                    " bytes: send less, or sign in and send the token as Authorization: Bearer",
                ),
            ),
            Self::SignIn { needed } => (
                (StatusCode::UNAUTHORIZED, 40103, "sign_in_needed"),
                (ChallengeKind::SignIn(needed), Hint::None, Gateway),
                Sentence::SignIn(needed),
            ),
            // Not 429 or 503: a client begins to sign in only at a 401.
            Self::NoRoomWithoutToken => (
                (StatusCode::UNAUTHORIZED, 40105, "no_room_without_token"),
                (Bare, Hint::None, Gateway),
                Whole(
                    "too many clients use this server without a credential now: try again later, or send one as \
                     Authorization: Bearer",
                ),
            ),
            Self::Presentation(fault) => (
                (StatusCode::BAD_REQUEST, 40002, fault.reason()),
                (Error(InvalidRequest, FaultWords::whole(fault.description())), Hint::None, Gateway),
                Whole(fault.sentence()),
            ),
            Self::Token(fault) => (
                (StatusCode::UNAUTHORIZED, 40102, fault.reason()),
                (Error(InvalidToken, fault.description()), Hint::None, Gateway),
                Token("the access token was refused: ", fault.description()),
            ),
            Self::KeysUnavailable { retry_after_secs } => (
                (StatusCode::SERVICE_UNAVAILABLE, -32603, "keys_unavailable"),
                (None, RetryAfter(*retry_after_secs), Gateway),
                Seconds(
                    "the token cannot be checked now: its issuer's keys are out of reach, or its key is not \
                     among them yet; try again in ",
                    *retry_after_secs,
                ),
            ),
            Self::IntrospectionUnavailable { retry_after_secs } => (
                (StatusCode::SERVICE_UNAVAILABLE, -32603, "introspection_unavailable"),
                (None, RetryAfter(*retry_after_secs), Gateway),
                Seconds(
                    "the token cannot be checked now: the authorization server does not say whether it is active; \
                     try again in ",
                    *retry_after_secs,
                ),
            ),

            Self::OtherIssuer { lines, retry_after_secs } => (
                (StatusCode::SERVICE_UNAVAILABLE, -32603, "other_issuer"),
                (None, RetryAfter(*retry_after_secs), Gateway),
                Token(
                    "the authorization server cannot be used: ",
                    FaultWords {
                        before: "its metadata names another issuer; if it is the right one, the operator of this \
                                 gateway must write: ",
                        claim: lines,
                        after: "",
                    },
                ),
            ),

            Self::MediaType => (
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, 41501, "media_type"),
                (None, Hint::None, Gateway),
                Whole("the body must be application/json in UTF-8"),
            ),
            Self::ContentCoding => (
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, 41502, "content_coding"),
                (None, AcceptEncoding("identity"), Gateway),
                Whole("the body must not be compressed"),
            ),
            Self::BodyTooLarge(limit) => (
                (StatusCode::PAYLOAD_TOO_LARGE, 41301, "body_too_large"),
                (None, Hint::None, Gateway),
                Bytes(
                    "the body is larger than this server takes: at most ",
                    limit.bytes(),
                    match limit {
                        BodyLimit::OfServer(_) => " bytes (`limits.request_body`)",
                        BodyLimit::Fixed(_) => " bytes",
                    },
                ),
            ),
            Self::BodyTimeout => (
                (StatusCode::REQUEST_TIMEOUT, 40801, "body_timeout"),
                (None, Hint::None, Gateway),
                Whole("the body came too slowly"),
            ),
            Self::BodyBroken => (
                (StatusCode::BAD_REQUEST, 40003, "body_broken"),
                (None, Hint::None, Gateway),
                Whole("the body broke off before its end"),
            ),
            Self::BodyAborted => (
                (StatusCode::BAD_REQUEST, 40003, "body_broken"),
                (None, Hint::None, Departure),
                Whole("the body broke off before its end"),
            ),
            Self::Unreadable(why) => (
                (StatusCode::BAD_REQUEST, PARSE_ERROR, "unreadable"),
                (None, Hint::None, Gateway),
                Detail("the body cannot be read with one meaning: ", why),
            ),
            Self::NotAMessage(why) => (
                (StatusCode::BAD_REQUEST, -32600, "not_a_message"),
                (None, Hint::None, Gateway),
                Detail("the body is not one JSON-RPC message with one meaning: ", why),
            ),
            Self::BadParams(why) => (
                (StatusCode::BAD_REQUEST, -32602, "bad_params"),
                (None, Hint::None, Gateway),
                Asked("the parameters of ", " are not acceptable: ", why),
            ),
            Self::HeaderMismatch(why) => (
                (StatusCode::BAD_REQUEST, -32020, "header_mismatch"),
                (None, Hint::None, Gateway),
                Detail("headers and body disagree: ", why),
            ),
            Self::BadSessionHeader => (
                (StatusCode::BAD_REQUEST, 40004, "bad_session_header"),
                (None, Hint::None, Gateway),
                Whole(
                    "Mcp-Session-Id and Last-Event-ID must each come once, in plain ASCII, with at most 6144 and 1024 bytes",
                ),
            ),
            Self::PinnedQuery(_) => (
                (StatusCode::BAD_REQUEST, 40005, "pinned_query"),
                (None, Hint::None, Gateway),
                Whole(
                    "a parameter in the query of this URL is set by the gateway's configuration; remove it from the URL",
                ),
            ),
            Self::SessionsUnavailable => (
                (StatusCode::SERVICE_UNAVAILABLE, -32603, "sessions_unavailable"),
                (None, RetryAfter(RETRY_LATER), Gateway),
                Whole("the store that says whose session this is cannot be reached; try again later"),
            ),
            Self::UnknownSession => (
                (StatusCode::NOT_FOUND, 40402, "unknown_session"),
                (None, Hint::None, Gateway),
                Whole("there is no such session; start a new one with initialize"),
            ),

            Self::Scope { needed } => (
                (StatusCode::FORBIDDEN, 40301, "insufficient_scope"),
                (ChallengeKind::Scope(needed), Hint::None, Policy(PolicyRefusal::Scope(needed))),
                Needs(needed),
            ),
            // To the client both are the same: it may not learn what a rule wants.
            Self::Forbidden { rule } | Self::EmailUnverified { rule } => (
                (StatusCode::FORBIDDEN, 40302, "forbidden"),
                (None, Hint::None, Policy(PolicyRefusal::Rule(*rule))),
                Asked("", " is not allowed for this caller, and no scope would change that", ""),
            ),
            Self::NoRule => (
                (StatusCode::FORBIDDEN, 40304, "no_rule"),
                (None, Hint::None, Policy(PolicyRefusal::NoRule)),
                Asked("", " is not allowed: no rule of this server permits it", ""),
            ),
            Self::UnsafeUri(why) => (
                (StatusCode::FORBIDDEN, 40305, "unsafe_uri"),
                (None, Hint::None, Policy(PolicyRefusal::UnsafeUri(why))),
                Asked("", " is not allowed: ", why),
            ),
            Self::UnknownTask => (
                (StatusCode::FORBIDDEN, 40306, "unknown_task"),
                (None, Hint::None, Gateway),
                Asked("", " is not allowed: this caller created no such task through this gateway", ""),
            ),
            Self::TooManyStreams => (
                (StatusCode::TOO_MANY_REQUESTS, 42901, "too_many_streams"),
                (None, RetryAfter(RETRY_SOON), Gateway),
                Whole("this caller has too many open streams; close one and try again"),
            ),
            Self::TooManySessions => (
                (StatusCode::TOO_MANY_REQUESTS, 42902, "too_many_sessions"),
                (None, RetryAfter(RETRY_MUCH_LATER), Gateway),
                Whole("this caller has too many sessions; end those that are done with DELETE and try again later"),
            ),
            Self::TooManyTasks => (
                (StatusCode::TOO_MANY_REQUESTS, 42903, "too_many_tasks"),
                (None, RetryAfter(RETRY_MUCH_LATER), Gateway),
                Whole("this caller has too many tasks; try again when some have ended"),
            ),
            Self::TooManyRequests => (
                (StatusCode::TOO_MANY_REQUESTS, 42904, "too_many_requests"),
                (None, RetryAfter(RETRY_SOON), Gateway),
                Whole("this caller has too many requests under way; wait for some of the answers and try again"),
            ),
            Self::TooManyBodyBytes => (
                (StatusCode::TOO_MANY_REQUESTS, 42905, "too_many_body_bytes"),
                (None, RetryAfter(RETRY_SOON), Gateway),
                Whole("this caller sends too many large bodies at once; send them one after the other"),
            ),
            Self::OverloadedRequests => (
                (StatusCode::SERVICE_UNAVAILABLE, -32603, "overloaded_requests"),
                (None, RetryAfter(RETRY_LATER), Gateway),
                Whole("the gateway has too many requests under way; try again later"),
            ),
            Self::OverloadedBodyBytes => (
                (StatusCode::SERVICE_UNAVAILABLE, -32603, "overloaded_body_bytes"),
                (None, RetryAfter(RETRY_LATER), Gateway),
                Whole("the gateway holds too many large bodies; try again later"),
            ),
            Self::OverloadedDescriptors => (
                (StatusCode::SERVICE_UNAVAILABLE, -32603, "overloaded_descriptors"),
                (None, RetryAfter(RETRY_LATER), Gateway),
                Whole("the gateway has no file descriptor left for this request; try again later"),
            ),

            Self::UpstreamUnreachable(how) => (
                (StatusCode::BAD_GATEWAY, -32603, "upstream_unreachable"),
                (None, Hint::None, Upstream(Unreachable)),
                Detail("the MCP server behind this gateway ", how),
            ),
            Self::UpstreamBusy => (
                (StatusCode::SERVICE_UNAVAILABLE, -32603, "upstream_busy"),
                (None, RetryAfter(RETRY_FREE_STREAM), Upstream(Unreachable)),
                Whole("the MCP server behind this gateway has no room for another call now; try again"),
            ),
            Self::UpstreamAnswer(why) => (
                (StatusCode::BAD_GATEWAY, -32603, "upstream_answer"),
                (None, Hint::None, Upstream(Unfit)),
                Detail("the MCP server behind this gateway gave no usable answer: ", why),
            ),
            Self::UpstreamTimeout(how) => (
                (StatusCode::GATEWAY_TIMEOUT, -32603, "upstream_timeout"),
                (None, Hint::None, Upstream(Timeout)),
                Detail("the MCP server behind this gateway ", how),
            ),
            // What went wrong inside is for the log.
            Self::Internal(_) => (
                (StatusCode::INTERNAL_SERVER_ERROR, -32603, "internal"),
                (None, Hint::None, Gateway),
                Whole("the gateway failed; the request was not carried out"),
            ),
        };
        Row { status, code, reason, challenge, hint, by, sentence }
    }
}
